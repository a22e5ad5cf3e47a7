import logging

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller.agents import Reports
from vethagent.controller.errors import NameConflict, NotFound, PendingDelete, UnknownHost
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.requests import LinkQuery
from vethagent.model import Reason, Status

pytestmark = pytest.mark.usefixtures("known")


def update(**fields: object) -> model.BridgeLinkUpdate:
    return model.BridgeLinkUpdate.model_validate(fields)


def test_create(links: Links, agent_api: fakes.AgentApi, clock: fakes.Clock) -> None:
    link = links.create(fakes.CONTEXT, fakes.body(name="seed", mtu=1400))
    assert (link.status, link.reason, link.generation) == (Status.BUILD, Reason.PLUGGING, 1)
    assert (link.created_at, link.request_id, link.observed_generation) == (clock.now, "req-1", None)
    method, host, message = agent_api.casts[0]
    assert (method, host) == ("plug", "h1")
    assert message == model.BridgeLink(
        id=link.id, generation=1, request_id="req-1", **fakes.body(name="seed", mtu=1400).model_dump()
    )
    assert links.show(link.id) == link


def test_create_without_the_bus(links: Links, agent_api: fakes.AgentApi, caplog: pytest.LogCaptureFixture) -> None:
    agent_api.away = True
    with caplog.at_level(logging.WARNING):
        link = links.create(fakes.CONTEXT, fakes.body())
    assert links.show(link.id).status is Status.BUILD
    assert "req-1" in caplog.text


def test_unknown_host(links: Links, agent_api: fakes.AgentApi) -> None:
    with pytest.raises(UnknownHost) as caught:
        links.create(fakes.CONTEXT, fakes.body(host="h9"))
    assert caught.value.field == "host"
    assert agent_api.casts == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "seed", "ends": [{"bridge": "b3"}, {"bridge": "b4"}]}, "name"),
        ({"ends": [{"bridge": "b3"}, {"bridge": "b4", "device": "phy-br1"}]}, "ends.1.device"),
    ],
)
def test_taken_names(links: Links, reports: Reports, fields: dict[str, object], field: str) -> None:
    links.create(fakes.CONTEXT, fakes.body(name="seed"))
    with pytest.raises(NameConflict) as caught:
        links.create(fakes.CONTEXT, fakes.body(**fields))
    assert caught.value.field == field
    assert str(caught.value).startswith(field)
    other = links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    with pytest.raises(NameConflict):
        links.update(fakes.CONTEXT, other.id, update(**fields))
    reports.take(fakes.report("h2"))
    links.create(fakes.CONTEXT, fakes.body(host="h2", **fields))


def test_links_without_names_do_not_collide(links: Links) -> None:
    for _ in range(2):
        links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))


def test_update(links: Links, agent_api: fakes.AgentApi, events: Events, clock: fakes.Clock) -> None:
    link = links.create(fakes.CONTEXT, fakes.body(mtu=1400))
    events.store(fakes.batch([fakes.event(link.id, 1)]))
    clock.advance(5)
    changed = links.update({"request_id": "req-2"}, link.id, update(mtu=None, name="seed"))
    assert (changed.generation, changed.mtu, changed.name, changed.request_id) == (2, None, "seed", "req-2")
    assert (changed.status, changed.observed_generation) == (Status.BUILD, 1)
    assert (changed.updated_at, changed.created_at) == (clock.now, link.created_at)
    assert agent_api.casts[-1][2].generation == 2


def test_update_to_what_it_is_only_casts_again(links: Links, agent_api: fakes.AgentApi) -> None:
    link = links.create(fakes.CONTEXT, fakes.body(mtu=1400))
    for body in (update(), update(mtu=1400, ends=fakes.body().ends)):
        assert links.update(fakes.CONTEXT, link.id, body) == link
    assert [method for method, *_ in agent_api.casts] == ["plug"] * 3


def test_update_may_swap_the_devices(links: Links) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    ends = [{"bridge": "br1", "device": "eth1-br1"}, {"bridge": "br2", "device": "phy-br1"}]
    changed = links.update(fakes.CONTEXT, link.id, update(ends=ends))
    assert [end.device for end in changed.ends] == ["eth1-br1", "phy-br1"]
    assert links.show(link.id) == changed


def test_delete_is_remembered_until_the_agent_is_done(links: Links, agent_api: fakes.AgentApi) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    for _ in range(2):
        deleted = links.delete(fakes.CONTEXT, link.id)
        assert (deleted.status, deleted.reason, deleted.generation) == (Status.PENDING_DELETE, Reason.UNPLUGGING, 2)
    ref = model.LinkRef(link_id=link.id, generation=2)
    assert agent_api.casts[1:] == [("unplug", "h1", ref)] * 2
    with pytest.raises(PendingDelete):
        links.update(fakes.CONTEXT, link.id, update(mtu=1400))
    with pytest.raises(NameConflict):
        links.create(fakes.CONTEXT, fakes.body())


def test_delete_by_force(links: Links, agent_api: fakes.AgentApi) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    assert links.delete(fakes.CONTEXT, link.id, force=True).status is Status.PENDING_DELETE
    assert agent_api.casts[-1][0] == "unplug"
    with pytest.raises(NotFound):
        links.show(link.id)
    with pytest.raises(NotFound):
        links.delete(fakes.CONTEXT, link.id)
    links.create(fakes.CONTEXT, fakes.body())


def test_list(links: Links, reports: Reports, events: Events) -> None:
    reports.take(fakes.report("h2"))
    made = [
        links.create(fakes.CONTEXT, fakes.body(host=host, name=name, ends=[{"bridge": bridge}, {"bridge": "x"}]))
        for host, name, bridge in [("h1", "a", "b1"), ("h1", "b", "b2"), ("h2", "a", "b1")]
    ]
    ids = [link.id for link in made]
    events.store(fakes.batch([fakes.event(ids[0], 1)]))

    def found(**query: object) -> set[int]:
        return {ids.index(link.id) for link in links.list(LinkQuery.model_validate(query))[0]}

    assert found() == {0, 1, 2}
    assert found(host="h1") == {0, 1}
    assert found(name="a") == {0, 2}
    assert found(bridge="b1") == {0, 2}
    assert found(bridge="x") == {0, 1, 2}
    assert found(status="ACTIVE") == {0}
    assert found(status="BUILD", host="h2") == {2}
    first, more = links.list(LinkQuery(limit=2))
    rest, no_more = links.list(LinkQuery(limit=2, marker=first[-1].id))
    assert (more, no_more) == (True, False)
    assert [link.id for link in first + rest] == sorted(ids)


def test_links_of_a_silent_agent(links: Links, events: Events, reports: Reports, clock: fakes.Clock) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    events.store(fakes.batch([fakes.event(link.id, 1)]))
    clock.advance(76)
    shown = links.show(link.id)
    assert (shown.status, shown.reason) == (Status.DOWN, Reason.AGENT_DOWN)
    assert links.list(LinkQuery(status=Status.DOWN))[0] == [shown]
    assert links.list(LinkQuery(status=Status.ACTIVE))[0] == []
    reports.take(fakes.report())
    assert links.show(link.id).status is Status.ACTIVE
