import pytest

from tests.unit.agent.builders import MISSING, WRONG_MTU, ids, state
from tests.unit.plumbing.builders import LINK_ID, link
from vethagent import model
from vethagent.agent.journal import Journal, fingerprint
from vethagent.model import EventKind, Reason, Status

BUILDING = state(Status.BUILD, Reason.PLUGGING)
ACTIVE = state()
ADMIN_DOWN = state(Status.DOWN, Reason.ADMIN_DOWN)
DRIFT = state(Status.DOWN, Reason.DRIFT, differences=(MISSING,))
FAILED = state(Status.ERROR, Reason.NAME_CONFLICT, message="taken")
NO_CARRIER = state(Status.DOWN, Reason.NO_CARRIER)
GONE = state(Status.DOWN, Reason.UNPLUGGED, generation=2)


class Book:
    """A journal, what it said, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.events: list[model.PortEvent] = []
        self.journal = Journal(self.events.append, lambda: self.now)

    def look(self, found: model.LinkState, *, moving: bool = False, after: float = 0.01) -> bool:
        """Something happened, the link is found so; return whether that is not its last word."""
        self.journal.notice(found.link_id)
        self.now += after
        self.journal.found(found)
        return self.journal.tell(found, request_id="req-1", moving=moving)

    def said(self) -> list[str]:
        kinds = [event.kind for event in self.events]
        self.events.clear()
        return kinds

    def plug(self) -> None:
        self.look(BUILDING, moving=True)
        self.look(ACTIVE)
        self.events.clear()


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_plug_is_one_event_with_the_time_from_the_first_notice(book: Book) -> None:
    assert book.look(BUILDING, moving=True, after=0.25)
    assert book.look(BUILDING, after=0.5)
    assert book.said() == []
    assert not book.look(ACTIVE, after=0.25)
    (event,) = book.events
    assert (event.kind, event.state, event.took_ms, event.request_id) == (EventKind.PLUGGED, ACTIVE, 1000.0, "req-1")
    assert event.repaired == () and event.observed_at.utcoffset() is not None


def test_the_same_again_is_not_said(book: Book) -> None:
    book.plug()
    assert not book.look(ACTIVE)
    assert book.said() == [] and book.journal.states() == [ACTIVE]


def test_what_changed_and_is_still_active_is_said_as_a_change(book: Book) -> None:
    book.plug()
    book.look(state(message="bridge br1 itself is down"))
    assert book.said() == [EventKind.CHANGED]


def test_another_generation_is_a_plug_and_not_a_repair(book: Book) -> None:
    book.plug()
    book.look(state(Status.DOWN, Reason.DRIFT, generation=2, differences=(WRONG_MTU,)), moving=True)
    book.look(state(generation=2))
    (event,) = book.events
    assert event.kind is EventKind.PLUGGED and event.repaired == ()


@pytest.mark.parametrize("end", [ACTIVE, ADMIN_DOWN])
def test_a_repair_says_what_was_wrong_and_how_long(book: Book, end: model.LinkState) -> None:
    book.plug()
    book.look(end)
    book.events.clear()
    book.look(DRIFT, moving=True, after=0.02)
    book.look(state(Status.DOWN, Reason.DRIFT, differences=(WRONG_MTU, MISSING)), moving=True, after=0.02)
    book.look(BUILDING, after=0.02)
    book.look(end, after=0.02)
    (event,) = book.events
    assert (event.kind, event.took_ms) == (EventKind.REPAIRED, 80.0)
    assert set(event.repaired) == {MISSING, WRONG_MTU}
    book.look(end)
    assert len(book.events) == 1


def test_each_repair_is_said_although_the_state_is_the_same(book: Book) -> None:
    book.plug()
    for _ in range(2):
        book.look(DRIFT, moving=True)
        book.look(ACTIVE)
    assert book.said() == [EventKind.REPAIRED, EventKind.REPAIRED]


def test_a_repair_is_one_although_carrier_comes_a_moment_later(book: Book) -> None:
    book.plug()
    book.look(DRIFT, moving=True)
    assert book.look(NO_CARRIER)
    book.look(ACTIVE)
    (event,) = book.events
    assert event.kind is EventKind.REPAIRED and event.repaired == (MISSING,)


def test_a_failure_is_said_once_and_its_end_is_a_repair(book: Book) -> None:
    book.plug()
    book.look(DRIFT, moving=True)
    for _ in range(3):
        assert not book.look(FAILED)
    assert book.said() == [EventKind.FAILED]
    book.look(ACTIVE)
    (event,) = book.events
    assert event.kind is EventKind.REPAIRED and event.repaired == (MISSING,)


def test_a_helper_that_is_away_for_a_while_does_not_make_it_forget_what_was_wrong(book: Book) -> None:
    book.plug()
    book.look(DRIFT.model_copy(update={"reason": Reason.HELPER_UNAVAILABLE}))
    assert book.said() == [EventKind.CHANGED]
    book.look(ACTIVE)
    (event,) = book.events
    assert event.kind is EventKind.REPAIRED and event.repaired == (MISSING,)


def test_ends_that_change_are_no_other_failure(book: Book) -> None:
    """What was made anew while a link was taken back gets its number a moment later."""
    ends = (model.EndState(bridge="br-eth1", kind="ovs", device="eth1-br1", present=True, ofport=7),)
    book.look(FAILED)
    book.look(FAILED.model_copy(update={"ends": ends}))
    assert book.said() == [EventKind.FAILED, EventKind.CHANGED]
    book.look(FAILED.model_copy(update={"ends": ends, "message": "another one"}))
    book.look(FAILED.model_copy(update={"ends": ends, "generation": 2}))
    assert book.said() == [EventKind.FAILED, EventKind.FAILED]


def test_a_first_failure_ends_in_a_plug(book: Book) -> None:
    book.look(FAILED)
    book.look(ACTIVE)
    assert book.said() == [EventKind.FAILED, EventKind.PLUGGED]


@pytest.mark.parametrize(
    ("late", "kind"),
    [
        (BUILDING, EventKind.CHANGED),
        (NO_CARRIER, EventKind.CHANGED),
        (state(Status.DOWN, Reason.OVSDB_UNAVAILABLE), EventKind.CHANGED),
        (state(Status.PENDING_DELETE, Reason.UNPLUGGING), EventKind.CHANGED),
        (DRIFT, EventKind.DRIFTED),
    ],
)
def test_what_lasts_is_said_once(book: Book, late: model.LinkState, kind: EventKind) -> None:
    assert book.look(late)
    assert book.said() == []
    book.journal.tell_late(late)
    book.journal.tell_late(late)
    assert book.said() == [kind]


def test_drift_that_was_said_late_is_still_repaired_with_all_that_was_wrong(book: Book) -> None:
    book.plug()
    book.look(DRIFT)
    book.journal.tell_late(DRIFT)
    book.look(ACTIVE)
    assert book.events[-1].kind is EventKind.REPAIRED and book.events[-1].repaired == (MISSING,)


# -- a restart -----------------------------------------------------------------------------------------------------


def test_after_a_restart_nothing_is_said_of_what_is_as_it_was(book: Book) -> None:
    book.journal.restored([link()], {})
    assert not book.look(ACTIVE)
    assert book.said() == [] and book.journal.states() == [ACTIVE]


def test_what_the_controller_has_not_heard_is_said_after_a_restart(book: Book) -> None:
    """An agent that dies over a repair leaves new devices behind of which nobody was told."""
    book.journal.restored([link()], {LINK_ID: fingerprint(state(message="as it was"))})
    book.look(ACTIVE)
    assert [(event.kind, event.state) for event in book.events] == [(EventKind.CHANGED, ACTIVE)]


def test_what_the_controller_has_heard_is_not_said_again_after_a_restart(book: Book) -> None:
    book.journal.restored([link()], {LINK_ID: fingerprint(ACTIVE)})
    book.look(ACTIVE)
    assert book.said() == [] and book.journal.states() == [ACTIVE]
    book.look(FAILED)
    assert book.said() == [EventKind.FAILED]


def test_a_failure_that_nobody_has_heard_of_is_a_failure_after_a_restart(book: Book) -> None:
    book.journal.restored([link()], {LINK_ID: fingerprint(ACTIVE)})
    book.look(FAILED)
    assert book.said() == [EventKind.FAILED]


def test_what_broke_while_the_agent_was_away_is_a_repair(book: Book) -> None:
    book.journal.restored([link()], {})
    book.look(DRIFT, moving=True)
    book.look(ACTIVE)
    (event,) = book.events
    assert event.kind is EventKind.REPAIRED and event.repaired == (MISSING,)


def test_what_could_not_be_looked_at_for_a_while_was_not_plugged_anew(book: Book) -> None:
    book.journal.restored([link()], {LINK_ID: fingerprint(ACTIVE)})
    away = state(Status.DOWN, Reason.OVSDB_UNAVAILABLE)
    assert book.look(away)
    book.journal.tell_late(away)
    book.look(ACTIVE)
    assert book.said() == [EventKind.CHANGED, EventKind.CHANGED]


def test_a_new_generation_after_a_restart_is_a_plug(book: Book) -> None:
    book.journal.restored([link()], {})
    book.look(state(generation=2))
    assert book.said() == [EventKind.PLUGGED]


def test_an_unplug_right_after_a_restart_is_said(book: Book) -> None:
    """Its generation may be the one that was restored, and it is the first that is said of the link."""
    book.journal.restored([link()], {})
    book.look(state(Status.PENDING_DELETE, Reason.UNPLUGGING), moving=True)
    book.look(state(Status.DOWN, Reason.UNPLUGGED))
    assert book.said() == [EventKind.UNPLUGGED]


# -- going ---------------------------------------------------------------------------------------------------------


def test_an_unplug_is_one_event_and_nothing_is_kept_of_the_link(book: Book) -> None:
    book.plug()
    book.look(state(Status.PENDING_DELETE, Reason.UNPLUGGING, generation=2), moving=True)
    book.look(GONE)
    assert book.said() == [EventKind.UNPLUGGED]
    book.journal.forget(LINK_ID)
    assert book.journal.states() == []
    book.journal.repeat()
    assert book.said() == []


def test_a_link_that_comes_back_is_new(book: Book) -> None:
    book.plug()
    book.look(GONE)
    book.journal.forget(LINK_ID)
    book.events.clear()
    book.now += 3600
    book.look(state(Status.BUILD, Reason.PLUGGING, generation=3, differences=(MISSING,)), moving=True)
    book.look(state(generation=3))
    (event,) = book.events
    assert event.kind is EventKind.PLUGGED and event.took_ms is not None and event.took_ms < 1000


def test_all_that_was_said_can_be_said_again(book: Book) -> None:
    for link_id in ids(3):
        book.look(state(link_id=link_id))
    book.events.clear()
    book.journal.repeat()
    assert [event.state for event in book.events] == book.journal.states()
    assert set(book.said()) == {EventKind.CHANGED}


def test_what_is_found_wrong_in_a_link_that_was_right_is_counted_once() -> None:
    found: list[model.Difference] = []
    book = Book()
    book.journal = Journal(book.events.append, lambda: book.now, drifted=found.append)
    book.look(state(Status.BUILD, Reason.PLUGGING, differences=(MISSING,)), moving=True)
    book.look(ACTIVE)
    assert found == []
    for _ in range(3):
        book.look(DRIFT)
    assert found == [MISSING]
    book.look(ACTIVE)
    book.look(DRIFT)
    assert found == [MISSING, MISSING]


def test_what_an_earlier_request_waited_for_is_no_part_of_the_time(book: Book) -> None:
    book.look(FAILED, after=0.01)
    book.look(FAILED, after=60)
    book.look(state(Status.PENDING_DELETE, Reason.UNPLUGGING, generation=2), moving=True)
    book.look(GONE, after=0.25)
    event = book.events[-1]
    assert (event.kind, event.took_ms) == (EventKind.UNPLUGGED, 250.0)
