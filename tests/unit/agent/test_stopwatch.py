import datetime

import pytest

from tests.unit.agent.builders import ids
from vethagent import model
from vethagent.agent.stopwatch import Stopwatch

A, B = ids(2)


@pytest.fixture
def stopwatch() -> Stopwatch:
    ticks = iter(range(100, 200))
    return Stopwatch(lambda: next(ticks))


def seconds(timing: model.Timing | None) -> dict[str, float]:
    assert timing is not None
    return {name: at.timestamp() for name, at in timing if at is not None}


def test_a_way_is_told_once(stopwatch: Stopwatch) -> None:
    stopwatch.heard(A, 99.5)
    stopwatch.passed("planned_at", [A, B])
    stopwatch.passed("kernel_at", [A])
    stopwatch.passed("ovsdb_at", [A])
    told = {"cast_at": 99.5, "heard_at": 100, "planned_at": 101, "kernel_at": 102, "ovsdb_at": 103}
    assert seconds(stopwatch.read(A)) == told
    assert stopwatch.read(A) is None
    assert seconds(stopwatch.read(B)) == {"planned_at": 101}


def test_another_try_is_part_of_the_same_way(stopwatch: Stopwatch) -> None:
    for _ in range(2):
        stopwatch.passed("planned_at", [A])
        stopwatch.passed("kernel_at", [A])
    assert seconds(stopwatch.read(A)) == {"planned_at": 100, "kernel_at": 103}


def test_another_cast_begins_another_way(stopwatch: Stopwatch) -> None:
    stopwatch.heard(A, 1.0)
    stopwatch.passed("planned_at", [A])
    stopwatch.heard(A, None)
    assert seconds(stopwatch.read(A)) == {"heard_at": 102}


@pytest.mark.parametrize("cast_at", [1e300, float("nan"), float("inf"), -1e18, "soon"])
def test_what_a_cast_says_may_be_anything(stopwatch: Stopwatch, cast_at: object) -> None:
    stopwatch.heard(A, cast_at)
    timing = stopwatch.read(A)
    assert timing is not None and timing.cast_at is None
    assert timing.heard_at == datetime.datetime.fromtimestamp(100, datetime.UTC)
