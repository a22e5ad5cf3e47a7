"""A message that the broker does not take is given up, and so are the next ones while too many are under way."""

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent import futures

import pytest

from tests.support import commands, threads
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


def test_a_thread_sends_one_message_after_the_other() -> None:
    made = deadline.Deadline()
    used = {made.within(60, threading.get_ident) for _ in range(5)}
    with pytest.raises(exceptions.InvalidMessage):
        made.within(60, _refuse)
    assert used == {made.within(60, threading.get_ident)} - {threading.get_ident()}


def test_nobody_waits_for_a_thread_that_is_busy(broker: threading.Event) -> None:
    made = deadline.Deadline()
    with pytest.raises(exceptions.BusUnavailable):
        made.within(0.01, lambda: broker.wait(60))
    assert made.within(60, lambda: "answer") == "answer"


def test_a_process_that_forked_has_threads_of_its_own() -> None:
    made = deadline.Deadline()
    made.within(60, lambda: None)
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            made.within(10, lambda: os._exit(0))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


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


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    made = deadline.Deadline()
    with threads.none_left(monkeypatch), pytest.raises(exceptions.BusUnavailable, match="can't start new thread"):
        made.within(60, lambda: None)
    assert made.within(60, lambda: "answer") == "answer"


def test_what_is_taken_at_the_moment_when_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is free again, its answer comes when nobody waits for it any more: a callback is called at once."""
    made, free, asked = deadline.Deadline(), threading.Event(), threading.Event()
    rest, is_done, set_result = made._rest, futures.Future[object].done, futures.Future[object].set_result

    def rested(sender: deadline._Sender) -> None:
        rest(sender)
        free.set()

    def done(future: "futures.Future[object]") -> bool:
        was_done = is_done(future)
        asked.set()
        commands.wait_until(lambda: is_done(future), what="its end")
        return was_done

    def answer(future: "futures.Future[object]", result: object) -> None:
        asked.wait(60)
        set_result(future, result)

    with monkeypatch.context() as patched:
        patched.setattr(made, "_rest", rested)
        patched.setattr(futures, "wait", lambda *_: free.wait(60))
        patched.setattr(futures.Future, "done", done)
        patched.setattr(futures.Future, "set_result", answer)
        raised: list[BaseException] = []
        thread = threading.Thread(target=lambda: raised.append(_given_up(made)), daemon=True)
        thread.start()
        thread.join(30)
    assert len(raised) == 1, "it waits for itself, and so would all who come later"
    assert made._overdue == 0
    assert made.within(60, lambda: "again") == "again"


def _given_up(made: deadline.Deadline) -> BaseException:
    with pytest.raises(exceptions.BusUnavailable) as raised:
        made.within(60, lambda: None)
    return raised.value


def _refuse() -> None:
    raise exceptions.InvalidMessage("no")
