"""A message that the broker does not take is given up, and so are the next ones while too many are under way."""

import threading
from collections.abc import Iterator

import pytest

from tests.support import commands
from vethagent import exceptions
from vethagent.rpc import deadline


@pytest.fixture
def broker() -> Iterator[threading.Event]:
    """Set as soon as it takes what was sent."""
    answers = threading.Event()
    yield answers
    answers.set()


def test_what_is_taken_in_time() -> None:
    made = deadline.Deadline()
    assert made.within(60, lambda: "answer") == "answer"
    with pytest.raises(exceptions.InvalidMessage):
        made.within(60, _refuse)


def test_what_is_not_taken(broker: threading.Event) -> None:
    made, done = deadline.Deadline(), []

    def send() -> None:
        broker.wait(60)
        done.append(True)

    for _ in range(deadline._AT_MOST):
        with pytest.raises(exceptions.BusUnavailable, match=r"in 0\.01 s"):
            made.within(0.01, send)
    with pytest.raises(exceptions.BusUnavailable, match=f"{deadline._AT_MOST} earlier"):
        made.within(60, send)
    broker.set()
    commands.wait_until(lambda: len(done) == deadline._AT_MOST, what="the end of all")
    commands.wait_until(lambda: made._overdue == 0, what="that nothing is under way")
    assert made.within(60, lambda: "again") == "again"


def _refuse() -> None:
    raise exceptions.InvalidMessage("no")
