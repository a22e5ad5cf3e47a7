"""What is forgotten of templates, and what never is."""

from tests.unit.controller import fakes
from tests.unit.controller.conftest import count
from tests.unit.controller.fleet.world import World, body, spec, update
from vethagent.controller import purging
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.fleet.requests import RolloutQuery
from vethagent.controller.liveness import Liveness

DAY = 86400


def test_old_rollouts_and_revisions(world: World, database: Database, liveness: Liveness) -> None:
    hosts = world.hosts(4)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.settle(hosts)
    for bridge in ("br3", "br4"):
        world.templates.update(fakes.CONTEXT, template.id, update(link=spec(bridge)))
        world.settle(hosts)
    for bridge in ("br5", "br6"):  # which all but the canary never get
        world.templates.update(fakes.CONTEXT, template.id, update(link=spec(bridge)))
        world.fail("h0")
    told = world.rollouts.history(world.rollout(template.id).id)
    world.clock.advance(20 * DAY)
    assert purging.purge(database, liveness, 30)[3:] == (0, 0)
    world.clock.advance(20 * DAY)
    assert purging.purge(database, liveness, 30)[3:] == (4, 2)
    assert [each.number for each in world.templates.revisions(template.id)] == [3, 4, 5]
    [kept] = world.rollouts.list(RolloutQuery(template_id=template.id))[0]
    assert world.rollouts.history(kept.id) == told
    assert count(database, models.RolloutChange) == len(told)
    world.report(*hosts)
    world.rollouts.undo(fakes.CONTEXT, kept.id, 3)
    world.settle(hosts)
    assert {world.link(host).ends[0].bridge for host in hosts} == {"br4"}
