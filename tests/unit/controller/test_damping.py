import datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.controller.fakes import START
from vethagent.controller.damping import REST, Flaps

gaps = st.lists(st.floats(0, 2 * REST), max_size=40)


def after(flaps: Flaps, at: datetime.datetime, gap: float, *, limit: float = 5) -> tuple[Flaps, datetime.datetime]:
    at += datetime.timedelta(seconds=gap)
    return flaps.changed(at, limit=limit), at


def test_a_few_changes_are_told_many_are_counted_until_there_are_none() -> None:
    flaps, at = Flaps(), START
    untold = []
    for _ in range(8):
        flaps, at = after(flaps, at, 1)
        untold.append(flaps.untold)
    assert untold == [None, None, None, None, None, 0, 1, 2]
    assert not flaps.rests(at + datetime.timedelta(seconds=REST - 1))
    assert flaps.rests(at + datetime.timedelta(seconds=REST))


def test_it_rests_after_the_clock_was_set_back() -> None:
    flaps = Flaps(9.0, START, 3)
    assert not flaps.rests(START - datetime.timedelta(seconds=REST))
    assert flaps.rests(START - datetime.timedelta(seconds=REST + 1))


def test_what_changes_now_and_then_is_always_told() -> None:
    flaps, at = Flaps(), START
    for _ in range(100):
        flaps, at = after(flaps, at, 300)
        assert flaps.untold is None


@given(gaps)
def test_no_change_is_lost(given_gaps: list[float]) -> None:
    """Each is told, or counted, or the one that says that counting begins."""
    flaps, at, told = Flaps(), START, 0
    for gap in given_gaps:
        before = flaps.untold
        flaps, at = after(flaps, at, gap)
        told += flaps.untold is None or flaps.untold == 0
        assert before is None or flaps.untold == before + 1
    assert told + (flaps.untold or 0) == len(given_gaps)


def test_a_clock_that_goes_back_does_no_harm() -> None:
    flaps, at = after(Flaps(), START, 1000)
    again, _ = after(flaps, at, -500)
    assert again.weight == 2
