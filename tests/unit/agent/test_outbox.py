import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.builders import MISSING, WRONG_MTU, ids, state
from vethagent import model
from vethagent.agent.outbox import Outbox
from vethagent.model import EventKind, Status

A, B, C = ids(3)
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def event(link_id: str, kind: EventKind = EventKind.CHANGED, **fields: Any) -> model.PortEvent:
    found = state(link_id=link_id, message=fields.pop("message", ""))
    return model.PortEvent(seq=0, kind=kind, state=found, observed_at=NOW, **fields)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


def numbered(events: list[model.PortEvent]) -> list[tuple[str, int]]:
    return [(each.state.link_id, each.seq) for each in events]


def test_events_leave_in_order_and_numbered(outbox: Outbox) -> None:
    for link_id in (A, B, C):
        outbox.put(event(link_id))
    assert numbered(outbox.take(2)) == [(A, 1), (B, 2)]
    assert numbered(outbox.take(2)) == [(C, 3)]
    assert outbox.take(2, timeout=0) == []


def test_of_each_link_the_newest_leaves(outbox: Outbox) -> None:
    for number in range(1000):
        outbox.put(event((A, B)[number % 2], message=str(number)))
    taken = outbox.take(10)
    assert numbered(taken) == [(A, 1), (B, 2)]
    assert [each.state.message for each in taken] == ["998", "999"]


def test_a_repair_that_was_not_told_yet_is_told_with_what_followed(outbox: Outbox) -> None:
    outbox.put(event(A, EventKind.REPAIRED, repaired=(MISSING,)))
    outbox.put(event(A, EventKind.REPAIRED, repaired=(MISSING, WRONG_MTU)))
    outbox.put(event(A, message="new"))
    (taken,) = outbox.take(10)
    assert taken.repaired == (MISSING, WRONG_MTU) and taken.state.message == "new"


def test_what_is_unplugged_was_not_repaired(outbox: Outbox) -> None:
    outbox.put(event(A, EventKind.REPAIRED, repaired=(MISSING,)))
    outbox.put(event(A, EventKind.UNPLUGGED))
    (taken,) = outbox.take(10)
    assert taken.kind is EventKind.UNPLUGGED and taken.repaired == ()


def test_what_perhaps_did_not_arrive_goes_again_as_it_was(outbox: Outbox) -> None:
    outbox.put(event(A, EventKind.REPAIRED, repaired=(MISSING,)))
    outbox.put(event(B))
    taken = outbox.take(10)
    outbox.put(event(A, message="new"))
    outbox.give_back(taken)
    assert outbox.take(1) == taken
    outbox.confirm()
    (rest,) = outbox.take(10)
    assert rest.seq == 3 and rest.repaired == ()


def test_what_is_newer_goes_with_what_perhaps_did_not_arrive(outbox: Outbox) -> None:
    """Who was cut off by a link, and has taken it back, does not say first that it is ACTIVE."""
    outbox.put(event(A))
    taken = outbox.take(10)
    outbox.put(event(A, message="taken back"))
    outbox.put(event(B))
    outbox.give_back(taken)
    again = outbox.take(10)
    assert numbered(again) == [(A, 1), (A, 2), (B, 3)]
    assert [each.state.message for each in again] == ["", "taken back", ""]


def test_an_outage_does_not_collect_all_that_has_been_meanwhile(outbox: Outbox) -> None:
    for number in range(9):
        outbox.put(event(A, message=str(number)))
        outbox.give_back(outbox.take(10))
    assert numbered(outbox.take(10)) == [(A, 1), (A, 2)]
    outbox.confirm()
    (newest,) = outbox.take(10)
    assert (newest.seq, newest.state.message) == (3, "8")


def test_whether_all_have_arrived(outbox: Outbox) -> None:
    assert outbox.position() == (0, True)
    outbox.put(event(A))
    assert outbox.position() == (1, False)
    taken = outbox.take(10)
    assert outbox.position() == (1, False)
    outbox.give_back(taken)
    assert outbox.position() == (1, False)
    outbox.take(10)
    outbox.confirm()
    assert outbox.position() == (1, True)


def test_closed_it_lets_go_of_who_waits(outbox: Outbox) -> None:
    assert not outbox.closed
    outbox.close()
    assert outbox.closed and outbox.take(10) == []


@given(st.lists(st.sampled_from([*ids(3), "take", "lost", "arrived"]), max_size=30))
def test_numbers_have_no_gap_nothing_newest_is_lost_and_no_repeat_is_news(steps: list[str]) -> None:
    """The controller drops what is not newer than the newest it has; in the end it has the newest of each link."""
    outbox = Outbox()
    in_flight: list[model.PortEvent] = []
    newest: dict[str, int] = {}
    seen, held = 0, dict.fromkeys(ids(3), -1)

    def arrive() -> None:
        nonlocal seen
        assert [each.seq for each in in_flight] == sorted({each.seq for each in in_flight})
        for each in in_flight:
            assert each.seq <= seen + 1, "a gap"
            if each.seq > seen:
                seen, held[each.state.link_id] = each.seq, int(each.state.message)

    for number, step in enumerate([*steps, "arrived", "take", "arrived", "take", "arrived"]):
        if step == "take" and not in_flight:
            in_flight = outbox.take(2, timeout=0) if number < len(steps) else outbox.take(10, timeout=0)
        elif step == "lost" and in_flight:
            if number % 2:
                arrive()
            outbox.give_back(in_flight)
            in_flight = []
        elif step == "arrived" and in_flight:
            arrive()
            outbox.confirm()
            in_flight = []
        elif step in held:
            outbox.put(event(step, message=str(number)))
            newest[step] = number
    assert outbox.position()[1]
    assert {link_id: held[link_id] for link_id in newest} == newest


def test_a_status_is_told_whole(outbox: Outbox) -> None:
    outbox.put(event(A))
    assert outbox.take(1)[0].state.status is Status.ACTIVE
