"""Templates: which hosts have their link, and what is refused."""

import pytest

from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World, body, spec, update
from vethagent import model
from vethagent.controller.db.database import Database
from vethagent.controller.errors import IdConflict, NameConflict, NotFound, PreconditionFailed, TemplateLink
from vethagent.controller.fleet.requests import MemberQuery, TemplateQuery
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import FleetMetrics
from vethagent.controller.requests import AgentUpdate, LinkQuery

RACK = {"labels": ["rack=r1"]}


def ready(world: World, hosts: list[str], **fields: object) -> str:
    """Return the id of a template whose hosts all have their link."""
    template, _ = world.templates.create(fakes.CONTEXT, body(**fields))
    world.settle(hosts)
    assert world.rollout(template.id).state == "COMPLETED"
    return template.id


def test_one_joins_that_reports_for_the_first_time(world: World) -> None:
    template_id = ready(world, world.hosts(1))
    world.report("h7")
    assert world.agent_api.casts[-1][:2] == ("plug", "h7")
    assert world.members(template_id)["h7"] == "STARTED"
    world.answer("h7")
    assert world.members(template_id) == {"h0": "DONE", "h7": "DONE"}
    assert world.rollout(template_id).counts.total == 1


def test_one_joins_by_label_and_leaves(world: World) -> None:
    template_id = ready(world, world.hosts(2), selector=RACK)
    assert world.linked() == {}
    world.label("h1", rack="r1")
    assert world.linked() == {"h1": "BUILD"}
    assert [each[:2] for each in world.agent_api.casts] == [("plug", "h1")]
    world.answer("h1")
    world.label("h1", rack="r2")
    assert world.linked() == {"h1": "PENDING_DELETE"}
    assert world.agent_api.casts[-1][:2] == ("unplug", "h1")
    assert world.members(template_id) == {"h1": "STARTED leaving"}
    world.answer("h1")
    assert (world.linked(), world.members(template_id)) == ({}, {})


def test_one_that_comes_back_before_it_is_gone(world: World) -> None:
    template_id = ready(world, world.hosts(1), selector=RACK)
    world.label("h0", rack="r1")
    world.answer("h0")
    first = world.link("h0").id
    world.label("h0", rack=None)
    world.label("h0", rack="r1")
    [member] = world.templates.hosts(template_id, MemberQuery())[0]
    assert (member.leaving, member.message) == (False, "its link from before is still going")
    world.answer("h0")
    assert world.link("h0").id != first
    world.answer("h0")
    assert world.members(template_id) == {"h0": "DONE"}


def test_one_that_joins_waits_for_its_turn(world: World) -> None:
    hosts = world.hosts(2)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.fail("h0")
    world.report("h7")
    assert (list(world.linked()), world.members(template.id)["h7"]) == (["h0"], "WAITING")
    world.rollouts.resume(fakes.CONTEXT, template.rollout.id)
    world.settle([*hosts, "h7"])
    found = world.rollout(template.id)
    assert (found.state, found.counts.done) == ("COMPLETED", 3)


def test_one_that_leaves_while_it_waits(world: World) -> None:
    for host in world.hosts(2):
        world.label(host, rack="r1")
    template, _ = world.templates.create(fakes.CONTEXT, body(selector=RACK))
    world.label("h1", rack=None)
    world.answer("h0")
    assert (world.members(template.id), world.rollout(template.id).state) == ({"h0": "DONE"}, "COMPLETED")


def test_another_selector(world: World) -> None:
    hosts = world.hosts(4)
    template_id = ready(world, hosts, selector={"hosts": ["h0", "h1", "h2"]})
    world.templates.update(fakes.CONTEXT, template_id, update(selector={"hosts": ["h0", "h3"]}))
    assert world.linked() == {"h0": "ACTIVE", "h1": "PENDING_DELETE", "h2": "ACTIVE"}, "losing it has its turn too"
    world.settle(hosts)
    assert world.linked() == {"h0": "ACTIVE", "h3": "ACTIVE"}
    found = world.rollout(template_id)
    assert (found.state, found.counts.total, found.counts.done) == ("COMPLETED", 3, 3)
    world.templates.update(fakes.CONTEXT, template_id, update(selector={"hosts": ["h0"]}))
    world.settle(hosts)
    assert world.linked() == {"h0": "ACTIVE"}


def test_an_agent_is_deleted(world: World) -> None:
    template_id = ready(world, world.hosts(1))
    plain = world.links.create(fakes.CONTEXT, fakes.body(host="h0", ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    made = next(link for link in world.links.list(LinkQuery())[0] if link.id != plain.id)
    world.clock.advance(76)
    world.agents.delete(fakes.CONTEXT, "h0")
    assert [link.id for link in world.links.list(LinkQuery())[0]] == [plain.id]
    assert world.members(template_id) == {}
    last = world.events.history(made.id)[-1]
    assert (last.status, last.reason, last.changed_by) == ("DELETED", "FORCED", "template uplink")
    world.report("h0")
    assert world.members(template_id) == {"h0": "STARTED"}, "it is there again, and is selected"


def test_a_paused_agent_gets_it_when_it_is_back(world: World) -> None:
    world.hosts(1)
    world.agents.update(fakes.CONTEXT, "h0", AgentUpdate(mode="paused"))
    template, _ = world.templates.create(fakes.CONTEXT, body())
    found = world.rollout(template.id)
    assert (found.state, found.counts.away) == ("COMPLETED", 1)
    world.answer("h0")
    assert world.rollout(template.id).counts.done == 1


@pytest.mark.parametrize("bulk", [False, True])
def test_a_link_of_a_template_is_the_templates(world: World, bulk: bool) -> None:
    template_id = ready(world, world.hosts(1))
    link_id = world.link("h0").id
    with pytest.raises(TemplateLink, match=template_id):
        world.links.update(fakes.CONTEXT, link_id, model.BridgeLinkUpdate(labels={"a": "b"}))
    with pytest.raises(TemplateLink, match=template_id):
        if bulk:
            world.links.delete_all(fakes.CONTEXT, [link_id], force=True)
        else:
            world.links.delete(fakes.CONTEXT, link_id, force=True)
    assert world.linked() == {"h0": "ACTIVE"}
    assert [link.id for link in world.links.list(LinkQuery(template_id=template_id))[0]] == [link_id]


def test_delete(world: World) -> None:
    template_id = ready(world, world.hosts(2))
    world.templates.delete(fakes.CONTEXT, template_id)
    assert world.linked() == {"h0": "PENDING_DELETE", "h1": "PENDING_DELETE"}
    assert {each[:2] for each in world.agent_api.casts[-2:]} == {("unplug", "h0"), ("unplug", "h1")}
    world.answer("h0")
    assert world.linked() == {"h1": "PENDING_DELETE"}
    with pytest.raises(NotFound):
        world.templates.show(template_id)
    world.links.delete(fakes.CONTEXT, world.link("h1").id, force=True)


def test_delete_and_keep_the_links(world: World) -> None:
    template_id = ready(world, world.hosts(2))
    world.agent_api.casts.clear()
    world.templates.delete(fakes.CONTEXT, template_id, keep_links=True)
    assert (world.linked(), world.agent_api.casts) == ({"h0": "ACTIVE", "h1": "ACTIVE"}, [])
    link = world.link("h0")
    assert (link.template_id, link.generation) == (None, 1)
    world.links.update(fakes.CONTEXT, link.id, model.BridgeLinkUpdate(mtu=1400))


def test_links_that_were_kept_are_given_to_a_template_that_adopts(world: World) -> None:
    hosts = world.hosts(2)
    world.templates.delete(fakes.CONTEXT, ready(world, hosts), keep_links=True)
    kept = {host: world.link(host).id for host in hosts}
    other = [{"bridge": "br8"}, {"bridge": "br9"}]
    plain = world.links.create(fakes.CONTEXT, fakes.body(host="h0", ends=other))
    world.answer("h0")
    link = body().link.model_dump() | {"adopt": True}
    template_id = ready(world, hosts, link=link)
    found = world.links.list(LinkQuery())[0]
    assert {each.host: each.id for each in found if each.template_id == template_id} == kept
    assert [each.id for each in found if each.template_id is None] == [plain.id]
    assert {each.status for each in found} == {"ACTIVE"}
    last = world.events.history(kept["h0"])[-2]
    assert (last.status, last.changed_by) == ("BUILD", "template uplink")


def test_a_link_that_is_going_is_given_to_no_template(world: World) -> None:
    world.templates.delete(fakes.CONTEXT, ready(world, world.hosts(1)), keep_links=True)
    world.links.delete(fakes.CONTEXT, world.link("h0").id)
    template, _ = world.templates.create(fakes.CONTEXT, body(link=body().link.model_dump() | {"adopt": True}))
    assert world.members(template.id) == {"h0": "FAILED"}
    assert [each.template_id for each in world.links.list(LinkQuery())[0]] == [None]


def test_the_same_again_is_made_once(world: World) -> None:
    wanted = body(id=fakes.STREAM)
    first, new = world.templates.create(fakes.CONTEXT, wanted)
    again, new_again = world.templates.create(fakes.CONTEXT, wanted)
    assert (new, new_again, again) == (True, False, first)
    with pytest.raises(IdConflict):
        world.templates.create(fakes.CONTEXT, body(id=fakes.STREAM, description="another"))
    with pytest.raises(NameConflict):
        world.templates.create(fakes.CONTEXT, body())


def test_a_change_that_is_none_or_not_one_of_the_links(world: World) -> None:
    first, _ = world.templates.create(fakes.CONTEXT, body())
    same = world.templates.update(fakes.CONTEXT, first.id, update(link=body().link.model_dump()))
    assert (same.generation, same.revision) == (1, 1)
    changed = world.templates.update(
        fakes.CONTEXT, first.id, update(name="other", description="d", policy={"canary": 0}), generations={1}
    )
    assert (changed.generation, changed.revision, changed.name) == (2, 1, "other")
    assert (changed.policy.canary, changed.rollout.policy.canary) == (0, 1)
    for operation in (world.templates.update, lambda *args, **named: world.templates.delete(*args[:2], **named)):
        with pytest.raises(PreconditionFailed, match="generation 2"):
            operation(fakes.CONTEXT, first.id, update(description=None), generations={1})


def test_lists(world: World) -> None:
    world.hosts(3)
    ids = sorted(world.templates.create(fakes.CONTEXT, body(name=name, link=spec(name)))[0].id for name in "abc")
    found, more = world.templates.list(TemplateQuery(limit=2))
    assert ([each.id for each in found], more) == (ids[:2], True)
    found, more = world.templates.list(TemplateQuery(limit=2, marker=ids[1]))
    assert ([each.id for each in found], more) == (ids[2:], False)
    [only] = world.templates.list(TemplateQuery(name="b"))[0]
    assert (only.name, only.hosts.total) == ("b", 3)
    hosts, more = world.templates.hosts(ids[0], MemberQuery(limit=1, marker="h0"))
    assert ([each.host for each in hosts], more) == (["h1"], True)
    assert [each.host for each in world.templates.hosts(ids[0], MemberQuery(state="WAITING"))[0]] == ["h1", "h2"]


def test_hosts_are_listed_byte_by_byte(world: World) -> None:
    names = ["a", "a-b", "ab", "B", "c10", "C2"]
    world.report(*names)
    template = world.templates.create(fakes.CONTEXT, body())[0]
    found: list[str] = []
    marker, more = None, True
    while more:
        page, more = world.templates.hosts(template.id, MemberQuery(limit=4, marker=marker))
        found += [each.host for each in page]
        marker = found[-1]
    assert found == sorted(names)


def test_what_a_change_would_mean(world: World) -> None:
    hosts = world.hosts(4)
    world.clock.advance(76)
    world.report("h0", "h1", "h2")
    planned = world.templates.plan_new(body(policy={"canary": 1, "batch_size": 1}))
    told = [(each.host, each.action, each.here, each.batch) for each in planned.hosts]
    assert told == [
        ("h0", "create", True, 0),
        ("h1", "create", True, 1),
        ("h2", "create", True, 2),
        ("h3", "create", False, 3),
    ]
    assert world.linked() == {}
    world.report("h3")
    template_id = ready(world, hosts, selector={"hosts": ["h0", "h1"]})
    planned = world.templates.plan(template_id, update(selector={"hosts": ["h1", "h2"]}))
    assert [(each.host, each.action) for each in planned.hosts] == [("h0", "remove"), ("h2", "create")]
    assert planned.unchanged == 1
    planned = world.templates.plan(template_id, update(link=spec("br9")))
    assert [(each.host, each.action) for each in planned.hosts] == [("h0", "change"), ("h1", "change")]


def test_what_prometheus_is_told(world: World, database: Database, liveness: Liveness) -> None:
    world.hosts(2)
    world.templates.create(fakes.CONTEXT, body())
    world.fail("h0")
    text = FleetMetrics(database, liveness).text().decode()
    assert 'vethagent_fleet_rollouts{state="STOPPED"} 1.0' in text
    assert 'vethagent_fleet_rollouts{state="RUNNING"} 0.0' in text
    assert 'vethagent_fleet_template_hosts{state="FAILED",template="uplink"} 1.0' in text
