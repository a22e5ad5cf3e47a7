"""An agent's silence in the history of its links."""

import threading

import pytest

from tests.support import commands
from tests.unit.controller import fakes
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.watch import Watch


def told(events: Events, link_id: str) -> list[tuple[str, str, str]]:
    return [(each.status, each.reason, each.changed_by) for each in events.history(link_id)]


def silent_for(seconds: float, watch: Watch, reports: Reports, clock: fakes.Clock) -> None:
    clock.advance(seconds)
    watch.look()
    clock.advance(1)
    reports.take(fakes.report())
    clock.advance(1)


@pytest.fixture
def watch(database: Database, liveness: Liveness) -> Watch:
    return Watch(database, liveness)


def test_a_silence_is_in_the_history_of_each_link(
    reports: Reports, links: Links, events: Events, watch: Watch, clock: fakes.Clock
) -> None:
    reports.take(fakes.report())
    silent_for(100, watch, reports, clock)
    link = links.create(fakes.CONTEXT, fakes.body())
    clock.advance(1)
    events.store(fakes.batch([fakes.event(link.id, 0)]))
    silent_for(100, watch, reports, clock)
    assert told(events, link.id) == [
        ("BUILD", "PLUGGING", "anonymous"),
        ("ACTIVE", "", "agent h1"),
        ("DOWN", "AGENT_DOWN", "controller"),
        ("ACTIVE", "", "agent h1"),
    ], "and nothing of the silence before the link was there"
    changes = events.history(link.id)
    assert changes == sorted(changes, key=lambda each: each.changed_at)
    assert "no report since" in changes[2].message and changes[3].message == "it reports again"


def test_what_is_going_goes_on_going(
    reports: Reports, links: Links, events: Events, watch: Watch, clock: fakes.Clock
) -> None:
    reports.take(fakes.report())
    link = links.create(fakes.CONTEXT, fakes.body())
    clock.advance(100)
    watch.look()
    links.delete(fakes.CONTEXT, link.id)
    clock.advance(1)
    silent_for(0, watch, reports, clock)
    links.delete(fakes.CONTEXT, link.id, force=True)
    silent_for(100, watch, reports, clock)
    assert [status for status, _, _ in told(events, link.id)] == ["BUILD", "DOWN", "PENDING_DELETE", "DELETED"]


def test_a_look_that_fails_is_not_the_last(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(database, Liveness(0.01))
    looks: list[None] = []

    def look() -> None:
        looks.append(None)
        if len(looks) == 1:
            raise ValueError("of a row that nobody has expected")

    monkeypatch.setattr(watch, "look", look)
    listening = threading.Event()
    listening.set()
    watch.start(listening)
    try:
        commands.wait_until(lambda: len(looks) > 1, what="another look")
    finally:
        watch.stop()
