import threading
from collections.abc import Sequence
from concurrent import futures

import pytest

from tests.support import commands
from vethagent import exceptions
from vethagent.controller.together import Together, first_only


class Slow:
    """Doubles numbers, a batch at a time, and begins with the first one only when ``go`` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[int]] = []
        self.under_way = 0

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.under_way += 1
        assert self.under_way == 1, "two batches at once"
        self.begun.set()
        assert self.go.wait(30)
        self.batches.append(list(numbers))
        self.under_way -= 1
        if 13 in numbers:
            raise ValueError("13")
        if 0 in numbers:
            raise exceptions.DatabaseUnavailable("away")
        return [number * 2 for number in numbers]


def _gather(do: Slow, numbers: Sequence[int]) -> "list[futures.Future[int]]":
    """Return the calls for ``numbers``; all but the first come while that one is under way."""
    together = Together(do)
    with futures.ThreadPoolExecutor(len(numbers)) as pool:
        calls = [pool.submit(together, numbers[0])]
        assert do.begun.wait(30)
        calls += [pool.submit(together, number) for number in numbers[1:]]
        commands.wait_until(lambda: len(together._waiting) == len(numbers) - 1, what="all calls")
        do.go.set()
    return calls


def test_what_comes_while_one_is_under_way_is_done_as_one() -> None:
    do = Slow()
    calls = _gather(do, [1, 2, 3, 4])
    assert [call.result() for call in calls] == [2, 4, 6, 8]
    assert [sorted(batch) for batch in do.batches] == [[1], [2, 3, 4]]


def test_no_batch_has_more_than_64() -> None:
    do = Slow()
    numbers = range(100, 200)
    assert [call.result() for call in _gather(do, numbers)] == [2 * number for number in numbers]
    assert [len(batch) for batch in do.batches] == [1, 64, 35]


def test_one_that_fails_fails_alone() -> None:
    do = Slow()
    calls = _gather(do, [1, 2, 13, 4])
    assert [call.exception() for call in calls if call is not calls[2]] == [None] * 3
    with pytest.raises(ValueError, match="13"):
        calls[2].result()


def test_without_a_database_all_fail_at_once() -> None:
    do = Slow()
    calls = _gather(do, [1, 0, 3])
    assert calls[0].result() == 2
    for call in calls[1:]:
        with pytest.raises(exceptions.DatabaseUnavailable, match="away"):
            call.result()
    assert len(do.batches) == 2


def test_one_after_the_other() -> None:
    do = Slow()
    do.go.set()
    together = Together(do, pause=0.001)
    assert [together(number) for number in range(1, 5)] == [2, 4, 6, 8]
    assert do.batches == [[1], [2], [3], [4]]


def test_what_is_to_be_passed_on_goes_to_the_first_and_may_come_back() -> None:
    def do(numbers: Sequence[int]) -> Sequence[tuple[int, set[str]]]:
        return first_only(numbers, {"news"})

    assert do([1, 2]) == [(1, {"news"}), (2, set())]
    together = Together(do)
    number, news = together(1)
    assert news and together(number + 1)[0] == 2
