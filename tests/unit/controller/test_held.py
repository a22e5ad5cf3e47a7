"""Digests that are kept say the same as the links themselves, whatever becomes of these and whoever does it."""

import contextlib
import random
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import pytest
import sqlalchemy

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller import digests, held, views
from vethagent.controller.agents import Agents
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.digests import Digests, HeldLink
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import LinkQuery
from vethagent.model import Reason, Status

HOSTS = ("h1", "h2", "h3")


class Fleet:
    """Links that come, change and go on three hosts, and agents that speak of them."""

    def __init__(self, database: Database, seed: str) -> None:
        liveness = Liveness(75)
        self.reports, self.events = Reports(database, liveness), Events(database, liveness)
        self.links = Links(database, fakes.AgentApi(), liveness)  # type: ignore[arg-type]
        self._rng = random.Random(seed)
        self._seqs = dict.fromkeys(HOSTS, 0)
        self._stream = str(random.Random(seed + "stream").randrange(10**12)).zfill(12)
        self.acts: list[Callable[[], object]] = [
            self._create,
            self._create_many,
            self._change,
            self._label,
            self._delete,
            self._delete_many,
            self._tell,
            self._tell,
            self._unplugged,
        ]

    def act(self) -> None:
        self._rng.choice(self.acts)()

    def _create(self) -> None:
        self.links.create(fakes.CONTEXT, self._body())

    def _create_many(self) -> None:
        self.links.create_all(fakes.CONTEXT, [self._body() for _ in range(3)])

    def _change(self) -> None:
        for link in self._some(Status.BUILD, Status.ACTIVE, Status.DOWN):
            body = model.BridgeLinkUpdate(mtu=self._rng.choice([1400, 1500]))
            with contextlib.suppress(Exception):  # another may have deleted it
                self.links.update(fakes.CONTEXT, link.id, body)

    def _label(self) -> None:
        for link in self._some():
            with contextlib.suppress(Exception):
                self.links.update(fakes.CONTEXT, link.id, model.BridgeLinkUpdate(labels={"a": "b"}))

    def _delete(self) -> None:
        for link in self._some():
            with contextlib.suppress(Exception):
                self.links.delete(fakes.CONTEXT, link.id, force=self._rng.random() < 0.3)

    def _delete_many(self) -> None:
        ids = [link.id for link in self._some() + self._some()]
        self.links.delete_all(fakes.CONTEXT, ids, force=self._rng.random() < 0.5)

    def _tell(self) -> None:
        for link in self._some():
            status, reason = self._rng.choice([(Status.ACTIVE, Reason.NONE), (Status.DOWN, Reason.DRIFT)])
            self._say(link, status=status, reason=reason, generation=self._rng.randint(1, link.generation))

    def _unplugged(self) -> None:
        for link in self._some(Status.PENDING_DELETE):
            gone = {"status": Status.DOWN, "reason": Reason.UNPLUGGED, "kind": "unplugged"}
            self._say(link, generation=link.generation, **gone)

    def _say(self, link: views.Link, **fields: Any) -> None:
        self._seqs[link.host] += 1
        event = fakes.event(link.id, self._seqs[link.host], **fields)
        stream = f"{self._stream[:8]}-0000-4000-8000-{self._stream}"
        self.events.store(fakes.batch([event], host=link.host, stream=stream))

    def _some(self, *status: Status) -> list[views.Link]:
        found = [link for link in self.links.list(LinkQuery())[0] if not status or link.status in status]
        return self._rng.sample(found, min(2, len(found)))

    def _body(self) -> model.BridgeLinkCreate:
        ends = [{"bridge": f"br{self._rng.randrange(10**9)}"} for _ in range(2)]
        return fakes.body(host=self._rng.choice(HOSTS), ends=ends)


def truth(database: Database, host: str) -> Digests:
    with database.reader() as session:
        rows = session.execute(sqlalchemy.select(*views.HELD_COLUMNS).where(models.BridgeLink.host == host))
        return digests.over([HeldLink(*row) for row in rows])


def answered(reports: Reports, host: str) -> Digests:
    answer = reports.take(fakes.report(host))
    return Digests(answer.desired_digest, answer.observed_digest)


@pytest.fixture
def fleet(database: Database) -> Fleet:
    fleet = Fleet(database, "one")
    for host in HOSTS:
        fleet.reports.take(fakes.report(host))
    return fleet


def test_whatever_becomes_of_links(fleet: Fleet, database: Database) -> None:
    changes = 0
    for _ in range(60):
        before = [truth(database, host) for host in HOSTS]
        fleet.act()
        expected = [truth(database, host) for host in HOSTS]
        changes += before != expected
        assert [answered(fleet.reports, host) for host in HOSTS] == expected
        with database.reader() as session:
            assert held.of(session, HOSTS) == dict(zip(HOSTS, expected, strict=True))
    assert changes > 25


def test_several_controllers_at_once(fleet: Fleet, database: Database, url: str) -> None:
    others = [Database(url), Database(url)]

    def act(number: int) -> None:
        mine = Fleet(others[number % 2], f"controller {number}")
        for _ in range(12):
            mine.act()
            for host in HOSTS:
                mine.reports.take(fakes.report(host))

    with futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(act, number) for number in range(4)]:
            done.result(120)
    for other in others:
        other.close()
    for host in HOSTS:
        assert answered(fleet.reports, host) == truth(database, host)


def test_a_report_costs_the_same_whatever_is_held(fleet: Fleet, database: Database) -> None:
    def cost() -> list[str]:
        with statements(database) as seen:
            fleet.reports.take(fakes.report("h1"))
        return seen

    alone = cost()
    bodies = [fakes.body(ends=[{"bridge": f"a{number}"}, {"bridge": f"b{number}"}]) for number in range(20)]
    fleet.links.create_all(fakes.CONTEXT, bodies)
    assert any("bridge_links" in statement for statement in cost())
    assert cost() == alone
    assert not any("bridge_links" in statement for statement in alone)
    [written] = [statement for statement in alone if not statement.startswith(("SELECT", "BEGIN"))]
    assert written.startswith("UPDATE agents SET reported_at=")


def test_a_list_of_agents_looks_at_the_links_of_those_only_that_changed(
    fleet: Fleet, database: Database, agents: Agents
) -> None:
    fleet.links.create(fakes.CONTEXT, fakes.body())
    with database.reader() as session, statements(database) as seen:
        assert held.of(session, HOSTS) == {host: truth(database, host) for host in HOSTS}
    assert any("bridge_links" in statement for statement in seen)
    fleet.reports.take(fakes.report("h1"))
    with database.reader() as session, statements(database) as seen:
        held.of(session, ["h1"])
    assert not any("bridge_links" in statement for statement in seen)


def test_an_agent_that_an_older_controller_has_added(fleet: Fleet, database: Database) -> None:
    with database.connection() as connection:
        connection.execute(sqlalchemy.delete(models.HostDigests))
    fleet.links.create(fakes.CONTEXT, fakes.body())
    assert answered(fleet.reports, "h1") == truth(database, "h1")
    fleet.links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    assert answered(fleet.reports, "h1") == truth(database, "h1")


def test_a_change_that_an_older_controller_did_not_count(
    database: Database, links: Links, reports: Reports, clock: fakes.Clock
) -> None:
    stale = answered(reports, "h1")
    links.create(fakes.CONTEXT, fakes.body())
    with database.connection() as connection:
        connection.execute(sqlalchemy.update(models.HostDigests).values(revision=models.HostDigests.digested))
    assert answered(reports, "h1") == stale != truth(database, "h1")
    clock.advance(held.MAX_AGE.total_seconds())
    assert answered(reports, "h1") == truth(database, "h1")


def test_a_report_that_an_older_controller_took(
    database: Database, agents: Agents, reports: Reports, clock: fakes.Clock
) -> None:
    ill = fakes.report(health={"ready": True, "reasons": [{"part": "ovsdb", "message": "no answer"}]})
    reports.take(fakes.report())
    clock.advance(5)
    reports.take(ill)
    clock.advance(5)
    with database.connection() as connection:  # it stores what the report said, that all is well, and no digest of it
        connection.execute(sqlalchemy.update(models.Agent).values(health=[], reported_at=clock.now))
    clock.advance(5)
    reports.take(ill)
    assert [each.part for each in agents.show("h1").health] == ["ovsdb"]


@contextlib.contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(" ".join(statement.split()))

    engine = database._engine  # that of all transactions
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)
