"""When links are looked at again."""

import pytest

from tests.unit.clocks import Clock
from vethagent.agent import retries
from vethagent.agent.retries import Retries

LINK, OTHER = "0a6f2f4e-56f4-4b2c-8cf7-f6fd4d6bd1c5", "5b0b4ec3-0f9d-4a53-8b7a-3f2f9f7cbb10"


class Chance(Clock):
    """The module's clock, and its chance."""

    def uniform(self, low: float, high: float) -> float:
        """Return the middle."""
        return (low + high) / 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Chance:
    """Moved by the test."""
    made = Chance()
    monkeypatch.setattr(retries, "time", made)
    monkeypatch.setattr(retries, "random", made)
    return made


def _delays(found: Retries, clock: Clock, count: int) -> list[float]:
    """Return how long a link is left alone, for so many times in a row."""
    delays = []
    for _ in range(count):
        found.again(LINK)
        (due,) = found.times()
        delays.append(due - clock.now)
        clock.now = due
    return delays


def test_seldomer_each_time(clock: Clock) -> None:
    assert _delays(Retries(), clock, 10) == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_for_weeks(clock: Clock) -> None:
    """As often as once a minute, for whoever may mend it in the end."""
    assert _delays(Retries(), clock, 50_000)[-1] == 60


def test_an_event_in_between_does_not_count(clock: Clock) -> None:
    found = Retries()
    found.again(LINK)
    clock.now += 0.5
    found.again(LINK)
    assert found.times() == [1001]


def test_those_whose_time_has_come(clock: Clock) -> None:
    found = Retries()
    found.again(LINK)
    assert found.due(set()) == set()
    clock.now += 1
    found.again(OTHER)
    assert found.due(set()) == {LINK}
    assert set(found) == {LINK, OTHER}


def test_forgotten(clock: Clock) -> None:
    found = Retries()
    found.again(LINK)
    found.forget(LINK)
    found.forget(OTHER)
    assert LINK not in found
    assert _delays(found, clock, 1) == [1]


def test_sooner(clock: Clock) -> None:
    found = Retries()
    _delays(found, clock, 7)
    found.again(LINK)
    found.soon([LINK, OTHER])
    assert found.times() == [clock.now + 1]


def test_sooner_is_never_later(clock: Clock) -> None:
    found = Retries()
    found.again(LINK)
    clock.now += 0.9
    found.soon([LINK])
    assert found.times() == [1001]


def test_the_time_of_one_is_that_of_all_that_wait_for_the_same(clock: Clock) -> None:
    found = Retries()
    found.again(LINK)
    clock.now += 0.5
    found.again(OTHER)
    clock.now += 0.5
    assert found.due({OTHER}) == {LINK}
    assert found.due({LINK, OTHER, "a link of which nothing is known"}) == {LINK, OTHER}
    found.again(OTHER)
    assert found.times() == [1001, 1002]
