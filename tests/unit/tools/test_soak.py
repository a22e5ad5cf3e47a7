"""What a soak draws, counts and finds out by itself."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tools.soak import __main__ as main
from tools.soak import acts, faults, record, verdict

_DRAWN = [acts.drawn, faults.drawn]


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [1, 2, 3],
        [1, 2, 1, 2, 3, 1],
        # The agent of 3 was killed while the controller stood still.
        [1, 2, 1, 3, 2],
    ],
)
def test_port_events_that_were_told_once(numbers: list[int]) -> None:
    assert verdict.misnumbered(numbers) == []


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 2, 2, 3], [1, 2, 3, 2, 3], [1, 2, 3, 1, 2, 2]])
def test_port_events_that_were_lost_or_counted_twice(numbers: list[int]) -> None:
    assert verdict.misnumbered(numbers)


def _first(drawn: Iterator[tuple[float, Any, random.Random]]) -> list[tuple[float, Any, float]]:
    return [(pause, what, own.random()) for pause, what, own in itertools.islice(drawn, 1000)]


@pytest.mark.parametrize("drawn", _DRAWN)
def test_the_same_seed_draws_the_same(drawn: Any) -> None:
    first, again, other = (_first(drawn(random.Random(f"{seed} compute"))) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def _names(drawn: Iterator[tuple[float, Any, random.Random]], times: int) -> list[Any]:
    """Return what is drawn if each draws so many ``times`` by itself."""
    found = []
    for _, what, own in itertools.islice(drawn, 1000):
        found.append(what)
        for _ in range(times):
            own.random()
    return found


@pytest.mark.parametrize(("drawn", "all_of_them"), [(acts.drawn, acts.ACTS), (faults.drawn, faults.KINDS)])
def test_what_is_drawn_does_not_depend_on_what_comes_of_it(drawn: Any, all_of_them: Any) -> None:
    """One that has much to do draws often from what it is given, another time it draws nothing."""
    busy = _names(drawn(random.Random(1)), 7)
    assert busy == _names(drawn(random.Random(1)), 0)
    assert set(busy) == set(all_of_them)


def test_sums_of_a_soak_in_which_all_went_well() -> None:
    done = record.Record()
    for seconds in (0.1, 0.2, 4.0):
        done.done("sabotage: tag set", seconds, record.REPAIR)
    done.done("agent killed", 2.0, record.START, in_all=9.0)
    done.done("broker killed", 30.0, record.SERVICE, in_all=40.0)
    done.asked("link created", 0.5)
    done.link("created")
    done.traffic("through the kernel", answered=1000, lost=0)
    done.looked()
    assert [line.split("  ")[0] + ": " + line.rpartition("  ")[2] for line in done.sums()] == [
        "faults done: 5 of 3 kinds",
        "repairs: 4",
        "time to repair: p50 0.20 s, p99 4.00 s, max 4.00 s",
        "links: 1 created, 0 changed, 0 deleted",
        "packets lost on untouched links: 0 of 1000",
        "leftovers: 0",
        "controller, stores, kernels, OVSDBs: agree to the last field",
    ]
    assert done.problems == []
    row = next(line for line in done.lines() if line.startswith("agent killed  "))
    assert row.split()[2:] == ["1", "2.00", "s", "2.00", "s", "2.00", "s", "9.00", "s"]


def test_sums_of_a_soak_that_was_not_judged() -> None:
    sums = "\n".join(record.Record().sums())
    assert "not looked for" in sums
    assert "not compared" in sums


def test_whatever_is_found_makes_a_soak_fail() -> None:
    done = record.Record()
    done.looked(differences=["one"], leftovers=["two", "three"])
    done.looked(leftovers=["four"])
    done.traffic("through the kernel", answered=10, lost=3)
    sums = "\n".join(done.sums())
    assert "leftovers                            3" in sums
    assert "1 differences" in sums
    assert "3 of 13" in sums
    assert done.problems == ["one", "two", "three", "four"]


def test_a_link_that_is_asked_for_while_a_service_is_away_is_counted_apart() -> None:
    done = record.Record()
    with done.away():
        done.asked("link created", 3.0)
    done.asked("link deleted", 1.0)
    done.asked("link changed", 0.0)
    counted = {line.split("  ")[0]: line.split()[-7] for line in done.lines() if line.startswith("links asked for")}
    assert counted == {record.ASKED: "1", record.ASKED_AWAY: "2"}


@pytest.mark.parametrize(("lost", "status", "word"), [(0, 0, "PASSED"), (1, 1, "FAILED")])
def test_one_lost_packet_makes_the_command_fail(
    capsys: pytest.CaptureFixture[str], lost: int, status: int, word: str
) -> None:
    done = record.Record()
    done.looked()
    done.traffic("through the kernel", answered=10, lost=lost)
    if lost:
        done.problem("a guest: 1 pings were lost")
    assert main.tell(done, "tools/soak.sh 2 --seed 7") == status
    told = capsys.readouterr().out.splitlines()
    assert "the same faults again: tools/soak.sh 2 --seed 7" in told
    assert ("PROBLEM: a guest: 1 pings were lost" in told) == bool(lost)
    assert told[-1] == word
