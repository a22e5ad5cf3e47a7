"""Roll-outs over hosts that answer."""

import oslo_messaging
import pytest

from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World, body, spec, update
from vethagent import exceptions, model
from vethagent.controller.db.database import Database
from vethagent.controller.errors import RolloutOver, UnknownRevision
from vethagent.controller.fleet.requests import MemberQuery, RolloutQuery
from vethagent.controller.inventories import Inventories
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import LinkQuery


def test_canary_then_batches(world: World) -> None:
    hosts = world.hosts(5)
    template, new = world.templates.create(fakes.CONTEXT, body())
    assert (new, template.rollout.state, sorted(world.linked())) == (True, "RUNNING", ["h0"])
    assert [(method, host) for method, host, _ in world.agent_api.casts] == [("plug", "h0")]
    world.answer("h0")
    assert sorted(world.linked()) == ["h0", "h1", "h2"]
    world.answer("h2")
    assert sorted(world.linked()) == ["h0", "h1", "h2"], "the batch is not over"
    world.answer("h1")
    assert sorted(world.linked()) == hosts
    assert world.rollout(template.id).counts.started == 2
    world.answer("h3", "h4")
    found = world.rollout(template.id)
    assert (found.state, found.batches, found.counts.done) == ("COMPLETED", 3, 5)
    told = [change.message for change in world.rollouts.history(found.id)]
    assert told == ["revision 1", "batch 1: h0", "batch 2: h1, h2", "batch 3: h3, h4", ""]
    assert world.link("h0").template_id == template.id


def test_a_bad_canary_stops_it(world: World) -> None:
    hosts = world.hosts(4)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"max_failure_share": 0.4}))
    world.fail("h0")
    found = world.rollout(template.id)
    assert (found.state, found.message) == ("STOPPED", "1 of 1 hosts begun have failed, 40% may")
    assert list(world.linked()) == ["h0"]
    assert world.members(template.id) == {"h0": "FAILED", "h1": "WAITING", "h2": "WAITING", "h3": "WAITING"}
    world.answer("h0")
    assert world.members(template.id)["h0"] == "DONE", "mended"
    assert world.rollout(template.id).state == "STOPPED"
    assert world.rollouts.resume(fakes.CONTEXT, found.id).state == "RUNNING"
    world.settle(hosts)
    assert world.rollout(template.id).state == "COMPLETED"


def test_what_failed_is_tried_again(world: World) -> None:
    world.hosts(2)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.fail("h0")
    generation = world.link("h0").generation
    world.agent_api.casts.clear()
    world.rollouts.resume(fakes.CONTEXT, template.rollout.id)
    assert world.link("h0").generation == generation + 1
    assert [(method, host) for method, host, _ in world.agent_api.casts] == [("plug", "h0")]
    assert world.members(template.id) == {"h0": "STARTED", "h1": "WAITING"}
    world.answer("h0")
    assert world.members(template.id) == {"h0": "DONE", "h1": "STARTED"}


def test_some_may_fail(world: World) -> None:
    hosts = world.hosts(5)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"max_failure_share": 0.5, "batch_size": 2}))
    world.answer("h0", "h1")
    world.fail("h2")
    assert sorted(world.linked()) == hosts
    world.answer("h3", "h4")
    found = world.rollout(template.id)
    assert (found.state, found.counts.done, found.counts.failed) == ("COMPLETED", 4, 1)


def test_the_pause_between_batches(world: World) -> None:
    world.hosts(3)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"pause": 20}))
    world.answer("h0")
    world.clock.advance(19)
    due, seconds = world.fleet.due()
    assert (due, round(seconds, 3)) == ([], 1)
    world.fleet.advance(template.id)
    assert list(world.linked()) == ["h0"]
    world.clock.advance(1)
    assert world.fleet.due()[0] == [template.id]
    world.fleet.advance(template.id)
    assert sorted(world.linked()) == ["h0", "h1", "h2"]


def test_a_clock_that_is_set_back_makes_no_pause_longer(world: World) -> None:
    world.hosts(3)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"pause": 600}))
    world.answer("h0")
    world.clock.advance(-7200)
    assert world.fleet.due()[0] == [template.id]
    world.report("h0", "h1", "h2")
    world.fleet.advance(template.id)
    assert list(world.linked()) == ["h0"]
    world.clock.advance(600)
    assert world.fleet.due()[0] == [template.id]
    world.report("h0", "h1", "h2")
    world.fleet.advance(template.id)
    assert "h1" in world.linked()


def test_nor_the_time_that_a_host_has(world: World) -> None:
    world.hosts(2)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"time_limit": 60}))
    world.clock.advance(-7200)
    world.report("h0", "h1")
    world.fleet.advance(template.id)
    world.clock.advance(60)
    assert world.fleet.due()[0] == [template.id]
    world.fleet.advance(template.id)
    assert world.rollout(template.id).state == "STOPPED"


def test_a_canary_that_is_cut_off_is_the_only_one_by_default(world: World) -> None:
    """Its link is ACTIVE at first; that it was taken back is heard some 15 seconds later."""
    world.hosts(2)
    policy = model.RolloutPolicy().model_dump()
    template, _ = world.templates.create(fakes.CONTEXT, body(policy=policy))
    world.answer("h0")
    world.clock.advance(20)
    world.fleet.advance(template.id)
    world.fail("h0")
    assert world.rollout(template.id).state == "STOPPED"
    assert list(world.linked()) == ["h0"]


def test_pause_and_resume(world: World) -> None:
    hosts = world.hosts(3)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    rollout_id = template.rollout.id
    for _ in range(2):
        assert world.rollouts.pause({"request_id": "req-2", "user": "ann"}, rollout_id).state == "PAUSED"
    world.answer("h0")
    assert (world.members(template.id)["h0"], list(world.linked())) == ("DONE", ["h0"])
    for _ in range(2):
        world.rollouts.resume(fakes.CONTEXT, rollout_id)
    world.settle(hosts)
    told = [(change.state, change.changed_by) for change in world.rollouts.history(rollout_id)]
    assert told[2:4] == [("PAUSED", "user ann"), ("RUNNING", "anonymous")]
    for operation in (world.rollouts.pause, world.rollouts.resume):
        with pytest.raises(RolloutOver, match="COMPLETED"):
            operation(fakes.CONTEXT, rollout_id)


def test_time_is_up(world: World) -> None:
    world.hosts(2)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"time_limit": 60}))
    world.clock.advance(60)
    assert world.fleet.due()[0] == [template.id]
    world.fleet.advance(template.id)
    assert world.rollout(template.id).state == "STOPPED"
    [failed, _] = world.templates.hosts(template.id, MemberQuery())[0]
    assert failed.message == "not as wanted after 60 seconds: BUILD PLUGGING"


def test_a_dead_agent_holds_nobody_up(world: World) -> None:
    world.hosts(3)
    world.clock.advance(76)
    world.report("h1", "h2")
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"batch_size": 1}))
    assert list(world.linked()) == ["h1"], "who is there comes first"
    world.answer("h1")
    world.answer("h2")
    found = world.rollout(template.id)
    assert (found.state, found.counts.done, found.counts.away) == ("COMPLETED", 2, 1)
    assert world.link("h0").reason == "AGENT_DOWN"
    world.report("h0")
    world.answer("h0")
    assert world.rollout(template.id).counts.done == 3


def test_an_agent_that_dies_is_not_a_failure(world: World) -> None:
    world.hosts(2)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"time_limit": 100}))
    world.clock.advance(100)
    world.report("h1")
    world.fleet.advance(template.id)
    assert world.members(template.id) == {"h0": "AWAY", "h1": "STARTED"}


def test_an_agent_that_comes_back_while_it_waits(world: World) -> None:
    world.hosts(1)
    world.clock.advance(76)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    assert world.members(template.id) == {"h0": "AWAY"}
    world.heard.clear()
    world.report("h0")
    assert world.heard == [template.id]


def test_a_change_goes_out_in_batches(world: World) -> None:
    hosts = world.hosts(3)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.settle(hosts)
    changed = world.templates.update(fakes.CONTEXT, template.id, update(link=spec("br9")))
    assert (changed.revision, changed.rollout.revision, changed.rollout.state) == (2, 2, "RUNNING")
    bridges = {host: world.link(host).ends[0].bridge for host in hosts}
    assert bridges == {"h0": "br9", "h1": "br1", "h2": "br1"}
    world.settle(hosts)
    assert {world.link(host).ends[0].bridge for host in hosts} == {"br9"}
    assert world.rollout(template.id).state == "COMPLETED"


def test_labels_alone_are_nothing_to_the_agents(world: World) -> None:
    hosts = world.hosts(3)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.settle(hosts)
    world.agent_api.casts.clear()
    link = body().link.model_dump() | {"labels": {"tier": "gold"}}
    found = world.templates.update(fakes.CONTEXT, template.id, update(link=link))
    assert (found.rollout.state, world.agent_api.casts) == ("COMPLETED", [])
    assert {tuple(world.link(host).labels.items()) for host in hosts} == {(("tier", "gold"),)}


def test_undo(world: World) -> None:
    hosts = world.hosts(4)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.settle(hosts)
    bad = world.templates.update(fakes.CONTEXT, template.id, update(link=spec("br9"))).rollout
    world.fail("h0")
    assert world.rollout(template.id).state == "STOPPED"
    undoing = world.rollouts.undo({"request_id": "req-9", "user": "ann"}, bad.id)
    assert (undoing.revision, undoing.state) == (3, "RUNNING")
    assert world.rollouts.show(bad.id).state == "SUPERSEDED"
    world.fleet.advance(template.id)
    assert world.members(template.id) == {"h0": "STARTED", "h1": "DONE", "h2": "DONE", "h3": "DONE"}
    world.answer("h0")
    assert {world.link(host).ends[0].bridge for host in hosts} == {"br1"}
    found = world.templates.show(template.id)
    assert (found.rollout.state, found.rollout.counts.total, found.generation) == ("COMPLETED", 1, 3)
    assert [each.created_by for each in world.templates.revisions(template.id)] == [
        "anonymous",
        "anonymous",
        "user ann",
    ]
    with pytest.raises(RolloutOver, match=undoing.id):
        world.rollouts.undo(fakes.CONTEXT, bad.id)
    with pytest.raises(UnknownRevision):
        world.rollouts.undo(fakes.CONTEXT, undoing.id, 9)
    again = world.rollouts.undo(fakes.CONTEXT, undoing.id, 2)
    found_rollouts = world.rollouts.list(RolloutQuery(template_id=template.id))[0]
    assert {each.id for each in found_rollouts} == {template.rollout.id, bad.id, undoing.id, again.id}


def test_there_is_nothing_before_the_first(world: World) -> None:
    template, _ = world.templates.create(fakes.CONTEXT, body())
    with pytest.raises(UnknownRevision, match="uplink has no revision 0"):
        world.rollouts.undo(fakes.CONTEXT, template.rollout.id)


def test_a_link_that_cannot_be_made(world: World) -> None:
    hosts = world.hosts(2)
    plain = world.links.create(fakes.CONTEXT, fakes.body(host="h0", name="up"))
    template, _ = world.templates.create(fakes.CONTEXT, body())
    [failed, _] = world.templates.hosts(template.id, MemberQuery())[0]
    assert failed.message.startswith("NAME_CONFLICT: name: 'up' is the name of link")
    assert world.rollout(template.id).state == "STOPPED"
    world.links.delete(fakes.CONTEXT, plain.id, force=True)
    world.rollouts.resume(fakes.CONTEXT, template.rollout.id)
    world.settle(hosts)
    assert world.rollout(template.id).state == "COMPLETED"


def told(host: str, *, joined: bool) -> model.HostDescription:
    bridges = [{"name": name, "kind": "linux"} for name in ("br1", "br2")]
    ways = [{"bridges": ("br1", "br2"), "device": "x1"}] if joined else []
    return model.HostDescription.model_validate({"host": host, "bridges": bridges, "ways": ways})


def test_a_link_that_would_close_a_loop_on_one_host(world: World, database: Database, liveness: Liveness) -> None:
    """Its agent is asked again before it fails, when its turn comes and when it is tried again."""
    hosts, inventories = world.hosts(2), Inventories(database, liveness)
    inventories.store(model.inventory(told("h0", joined=True)))
    world.agent_api.answers["describe_host"] = lambda host: told(host, joined=True)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    [failed, _] = world.templates.hosts(template.id, MemberQuery())[0]
    assert failed.message.startswith("LOOP: ends: br1 and br2 of h0 are joined already: br1 - br2")
    assert (world.rollout(template.id).state, world.linked()) == ("STOPPED", {})
    world.agent_api.answers["describe_host"] = lambda host: told(host, joined=False)
    world.rollouts.resume(fakes.CONTEXT, template.rollout.id)
    world.settle(hosts)
    assert world.rollout(template.id).state == "COMPLETED"
    assert world.agent_api.asked == ["h0", "h0"]


def test_agents_of_a_batch_are_asked_again_before_it_fails(
    world: World, database: Database, liveness: Liveness
) -> None:
    hosts, inventories = world.hosts(3), Inventories(database, liveness)
    for host in hosts:
        inventories.store(model.inventory(told(host, joined=True)))
    world.agent_api.answers["describe_host"] = lambda host: told(host, joined=False)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.settle(hosts)
    assert (world.rollout(template.id).state, world.agent_api.asked) == ("COMPLETED", hosts)


@pytest.mark.parametrize(
    "error", [exceptions.UnsupportedVersion("version: 2.0 is too new"), oslo_messaging.RemoteError("KeyError", "'a'")]
)
def test_an_agent_that_cannot_tell_holds_up_no_other_host(
    world: World, database: Database, liveness: Liveness, error: Exception
) -> None:
    hosts, inventories = world.hosts(2), Inventories(database, liveness)
    inventories.store(model.inventory(told("h0", joined=True)))
    world.agent_api.answers["describe_host"] = error
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"max_failure_share": 1}))
    world.settle(hosts)
    states = [member.state for member in world.templates.hosts(template.id, MemberQuery())[0]]
    assert states == ["FAILED", "DONE"]


def test_a_change_that_one_host_cannot_take(world: World) -> None:
    hosts = world.hosts(1)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.settle(hosts)
    world.links.create(
        fakes.CONTEXT,
        fakes.body(host="h0", ends=[{"bridge": "br5", "device": "taken"}, {"bridge": "br6"}]),
    )
    ends = [{"bridge": "br1", "device": "taken"}, {"bridge": "br2"}]
    found = world.templates.update(fakes.CONTEXT, template.id, update(link={"name": "up", "ends": ends}))
    assert found.rollout.state == "STOPPED"
    made = [link for link in world.links.list(LinkQuery())[0] if link.template_id]
    assert [made[0].ends[0].device, made[0].generation] == ["phy-br1", 1], "it is as it was"
