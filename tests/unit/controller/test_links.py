import logging
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import orm

from tests.unit.controller import fakes
from vethagent import exceptions, model
from vethagent.controller import purging
from vethagent.controller.db import models, pieces
from vethagent.controller.db.database import Database
from vethagent.controller.errors import (
    Contradiction,
    IdConflict,
    NameConflict,
    NotFound,
    OperationError,
    PendingDelete,
    PreconditionFailed,
    UnknownHost,
    UnknownMarker,
)
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import LinkQuery
from vethagent.model import Reason, Status
from vethagent.rpc import transport as bus

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
        id=link.id,
        generation=1,
        request_id="req-1",
        **fakes.body(name="seed", mtu=1400).model_dump(exclude={"id", "labels"}),
    )
    assert links.show(link.id) == link


def test_create_without_the_bus(links: Links, agent_api: fakes.AgentApi, caplog: pytest.LogCaptureFixture) -> None:
    agent_api.away = True
    with caplog.at_level(logging.WARNING):
        link = links.create(fakes.CONTEXT, fakes.body())
    assert links.show(link.id).status is Status.BUILD
    assert vars(caplog.records[-1])["extra"] == {"request_id": "req-1", "link_id": link.id, "host": link.host}


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
    ref = model.LinkRef(link_id=link.id, generation=2, request_id="req-1")
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


def test_labels(links: Links, agent_api: fakes.AgentApi) -> None:
    red = links.create(fakes.CONTEXT, fakes.body(labels={"colour": "red", "rack": "7"}))
    plain = links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    agent_api.casts.clear()
    blue = links.update(fakes.CONTEXT, plain.id, update(labels={"colour": "blue", "none": None}))
    assert (blue.labels, blue.generation, agent_api.casts) == ({"colour": "blue"}, 1, [])
    for label, expected in {
        "colour": {red.id, blue.id},
        "colour=red": {red.id},
        "colour,rack=7": {red.id},
        "colour=": set(),
        "rack=8": set(),
    }.items():
        assert {link.id for link in links.list(LinkQuery(label=label))[0]} == expected
    assert links.update(fakes.CONTEXT, red.id, update(labels={"colour": None, "a/b": ""})).labels == {
        "rack": "7",
        "a/b": "",
    }


def test_labels_do_not_become_more_than_a_new_link_may_have(links: Links) -> None:
    body = fakes.body(id=fakes.STREAM, labels={f"l{number}": "" for number in range(64)})
    made = links.create(fakes.CONTEXT, body)
    with pytest.raises(Contradiction):
        links.update(fakes.CONTEXT, made.id, update(labels={"more": ""}, mtu=1400))
    assert links.create(fakes.CONTEXT, body) == made


def test_sorted_pages_have_each_link_once(links: Links, reports: Reports, events: Events) -> None:
    reports.take(fakes.report("h2"))
    made = [
        links.create(fakes.CONTEXT, fakes.body(host=host, name=name, ends=[{"bridge": "x"}, {"bridge": "y"}]))
        for host, name in [("h1", "b"), ("h2", "b"), ("h1", "a"), ("h2", None), ("h1", None), ("h2", "c")]
    ]
    events.store(fakes.batch([fakes.event(made[0].id, 1)]))
    ways = {
        "host,name:desc": lambda link: (link.host, [-ord(char) for char in link.name or "\0"], link.id),
        "name": lambda link: (link.name or "", link.id),
        "status:desc,host:desc": lambda link: (link.status == "ACTIVE", -ord(link.host[1]), link.id),
        "created_at": lambda link: link.id,
    }
    for sort, key in ways.items():
        found, marker, more = [], None, True
        while more:
            page, more = links.list(LinkQuery(sort=sort, limit=2, marker=marker))
            found += page
            marker = page[-1].id
        everything = links.list(LinkQuery())[0]
        assert [link.id for link in found] == [link.id for link in sorted(everything, key=key)], sort


@pytest.mark.parametrize("sort", ["name", "name:desc"])
def test_names_are_sorted_byte_by_byte(links: Links, sort: str) -> None:
    names = ["b", "B", "a", "A", "a-b", "ab", "aB", "_a", "-a", "é", "z", "日"]
    for name in names:
        links.create(fakes.CONTEXT, fakes.body(name=name, ends=[{"bridge": "x"}, {"bridge": "y"}]))
    found: list[str] = []
    marker, more = None, True
    while more:
        page, more = links.list(LinkQuery(sort=sort, limit=5, marker=marker))
        found += [link.name or "" for link in page]
        marker = page[-1].id
    assert found == sorted(names, key=str.encode, reverse=sort != "name")


def test_a_sorted_page_after_a_link_that_is_gone(links: Links) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    links.delete(fakes.CONTEXT, link.id, force=True)
    assert links.list(LinkQuery(marker=link.id)) == ([], False)
    with pytest.raises(UnknownMarker):
        links.list(LinkQuery(marker=link.id, sort="name"))


def test_create_again_with_the_same_id(links: Links, agent_api: fakes.AgentApi) -> None:
    body = fakes.body(id=fakes.STREAM, labels={"a": "b"})
    assert links.create_once(fakes.CONTEXT, body)[1]
    link, new = links.create_once({"request_id": "req-2"}, body)
    assert (new, link.id, link.generation, link.request_id) == (False, fakes.STREAM, 1, "req-1")
    assert [method for method, *_ in agent_api.casts] == ["plug", "plug"]
    others: tuple[dict[str, object], ...] = ({"mtu": 1400}, {"labels": {}}, {"ends": fakes.body().ends[::-1]})
    for other in others:
        with pytest.raises(IdConflict):
            links.create(fakes.CONTEXT, body.model_copy(update=other))
    links.delete(fakes.CONTEXT, fakes.STREAM)
    with pytest.raises(PendingDelete):
        links.create(fakes.CONTEXT, body)


def test_many_at_once_are_one_cast_a_host(links: Links, reports: Reports, agent_api: fakes.AgentApi) -> None:
    reports.take(fakes.report("h2"))
    bodies = [
        fakes.body(host=f"h{number % 2 + 1}", ends=[{"bridge": "x", "device": f"v{number}"}, {"bridge": "y"}])
        for number in range(1000)
    ]
    made = links.create_all(fakes.CONTEXT, bodies)
    assert [link.ends for link in made] == [body.ends for body in bodies]
    assert [(method, host, len(many)) for method, host, many in agent_api.casts] == [
        ("plug_many", "h1", 500),
        ("plug_many", "h2", 500),
    ]
    agent_api.casts.clear()
    deleted = links.delete_all(fakes.CONTEXT, [*(link.id for link in made), fakes.STREAM])
    assert {link.status for link in deleted} == {Status.PENDING_DELETE}
    assert len(deleted) == 1000
    assert sorted((method, host, len(many)) for method, host, many in agent_api.casts) == [
        ("unplug_many", "h1", 500),
        ("unplug_many", "h2", 500),
    ]
    assert len(links.delete_all(fakes.CONTEXT, [link.id for link in made], force=True)) == 1000
    assert links.list(LinkQuery())[0] == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"host": "h9"}, "bridge_links.2.host"),
        ({"name": "n0"}, "bridge_links.2.name"),
        ({"name": "seed"}, "bridge_links.2.name"),
        ({"ends": [{"bridge": "x"}, {"bridge": "y", "device": "v1"}]}, "bridge_links.2.ends.1.device"),
    ],
)
def test_of_many_with_one_that_is_wrong_none_is_made(links: Links, wrong: dict[str, object], field: str) -> None:
    links.create(fakes.CONTEXT, fakes.body(name="seed"))
    bodies = [
        fakes.body(name=f"n{number}", ends=[{"bridge": "x"}, {"bridge": "y", "device": f"v{number}"}])
        for number in range(2)
    ]
    last = fakes.body(**({"ends": [{"bridge": "x"}, {"bridge": "y"}]} | wrong))
    with pytest.raises(OperationError) as caught:
        links.create_all(fakes.CONTEXT, [*bodies, last])
    assert caught.value.field == field
    assert len(links.list(LinkQuery())[0]) == 1


def test_of_two_who_change_the_same_the_second_is_told(links: Links) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    links.update(fakes.CONTEXT, link.id, update(mtu=1400), generations={1})
    with pytest.raises(PreconditionFailed):
        links.update(fakes.CONTEXT, link.id, update(mtu=1300), generations={1})
    with pytest.raises(PreconditionFailed):
        links.delete(fakes.CONTEXT, link.id, generations={1})
    links.delete(fakes.CONTEXT, link.id, generations={2})


def test_history_has_each_change_once(
    database: Database, liveness: Liveness, links: Links, events: Events, clock: fakes.Clock
) -> None:
    link = links.create(fakes.CONTEXT, fakes.body(name="seed"))
    active = fakes.event(link.id, 1, request_id="req-1")
    events.store(fakes.batch([active]))
    events.store(fakes.batch([active, fakes.event(link.id, 2)]))
    links.update({"request_id": "req-2", "user": "ann"}, link.id, update(mtu=1400))
    events.store(fakes.batch([fakes.event(link.id, 3, generation=2, status="ERROR", reason="LOOP", message="so")]))
    for _ in range(2):
        links.delete({"request_id": "req-3"}, link.id)
    clock.advance(86400 * 50)
    assert purging.purge(database, liveness, 30)[:3] == (3, 0, 1)
    gone = {"kind": "unplugged", "status": "DOWN", "reason": "UNPLUGGED", "generation": 3, "request_id": "req-3"}
    events.store(fakes.batch([fakes.event(link.id, 4, **gone)]))
    told = events.history(link.id)
    assert [(each.status, each.reason, each.generation, each.changed_by, each.request_id) for each in told] == [
        ("BUILD", "PLUGGING", 1, "anonymous", "req-1"),
        ("ACTIVE", "", 1, "agent h1", "req-1"),
        ("BUILD", "PLUGGING", 2, "user ann", "req-2"),
        ("ERROR", "LOOP", 2, "agent h1", None),
        ("PENDING_DELETE", "UNPLUGGING", 3, "anonymous", "req-3"),
        ("DELETED", "UNPLUGGED", 3, "agent h1", "req-3"),
    ]
    assert [each.message for each in told] == ["", "", "", "so", "", ""]
    assert {(each.link_name, each.host) for each in told} == {("seed", "h1")}
    clock.advance(86400 * 50)
    assert purging.purge(database, liveness, 30)[:3] == (1, 6, 0)
    with pytest.raises(NotFound):
        events.history(link.id)


def test_what_is_read_is_of_one_moment(links: Links, database: Database) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    with database.reader() as session:
        row = session.scalars(sqlalchemy.select(models.BridgeLink).options(orm.lazyload(models.BridgeLink.ends))).one()
        links.delete(fakes.CONTEXT, link.id, force=True)
        assert len(row.ends) == 2


def test_what_is_deleted_is_cast_though_the_database_goes_meanwhile(
    links: Links, agent_api: fakes.AgentApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted(
        links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "br1"}, {"bridge": f"br{number}"}])).id
        for number in (2, 3)
    )
    mark = links._mark_deleted

    def once(context: bus.Context, link_ids: Sequence[str], **options: Any) -> Any:
        if ids[1] in link_ids:
            raise exceptions.DatabaseUnavailable("gone")
        return mark(context, link_ids, **options)

    monkeypatch.setattr(pieces, "MOST", 1)
    monkeypatch.setattr(links, "_mark_deleted", once)
    agent_api.casts.clear()
    with pytest.raises(exceptions.DatabaseUnavailable):
        links.delete_all(fakes.CONTEXT, ids)
    assert [(method, ref.link_id) for method, _, ref in agent_api.casts] == [("unplug", ids[0])]
    assert links.show(ids[1]).status == Status.BUILD
