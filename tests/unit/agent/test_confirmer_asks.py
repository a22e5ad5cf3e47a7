"""One probe of the ways out of the host."""

import threading

import pytest

from tests.unit.agent.watched import Bus
from vethagent.agent.confirmer import _ask


class Gateway(Bus):
    """A way of which something is told only while another one is asked too."""

    def __init__(self, asked: threading.Barrier) -> None:
        super().__init__()
        self._asked = asked

    def reached(self) -> bool | None:
        self._asked.wait(10)
        return self.there


class Broken(Bus):
    def reached(self) -> bool | None:
        raise ValueError("a mistake")


def test_ways_are_asked_side_by_side() -> None:
    """Each may wait for an answer for a second, or some, and none has to be missed for longer by that."""
    asked = threading.Barrier(3)
    ways = [Gateway(asked) for _ in range(3)]
    ways[1].there = False
    assert _ask(ways) == [(ways[0], True), (ways[1], False), (ways[2], True)]


def test_a_way_that_cannot_be_asked_takes_no_other_with_it() -> None:
    ways = [Bus(), Broken(), Bus()]
    assert [answer for _, answer in _ask(ways)] == [True, None, True]


def test_ways_are_asked_in_turn_where_there_may_be_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert [answer for _, answer in _ask([Bus(), Bus()])] == [True, True]
