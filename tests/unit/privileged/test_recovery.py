import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from oslo_privsep import comm, daemon

from tests.support import commands, threads
from tests.unit.plumbing.builders import LINK_ID
from vethagent import exceptions, privileged
from vethagent.privileged import operations
from vethagent.privileged.channel import Channel
from vethagent.privileged.recovery import Helper, Outcome

DELETE = operations.DeletePair(link_id=LINK_ID, ifindex=7)


class Daemon:
    """Stands for the helper's entry point; ``answers`` are given or raised, one a call."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def __call__(self, body: Any, deadline: float) -> Any:
        assert 0 < deadline - time.monotonic() <= 7
        self.asked.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The channel that is open now; returns the other side of it."""
    ours, theirs = socket.socketpair()
    opened = Channel.__new__(Channel)
    opened.writer, opened.running, opened._pid = comm.Serializer(ours), True, 0
    opened._left = False
    monkeypatch.setattr(privileged.default, "channel", opened)
    monkeypatch.setattr(privileged.default, "timeout", None)
    monkeypatch.setattr(privileged.default, "ended", None)
    monkeypatch.setattr(privileged.default, "start", lambda: None)
    with ours, theirs:
        yield theirs


def helper(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[Helper, Daemon]:
    made = Daemon(*answers)
    monkeypatch.setattr(privileged.default, "ask", lambda entry, *arguments: {"apply": made}[entry](*arguments))
    return Helper(timeout=7), made


FAILURES = [
    ConnectionResetError(104, "reset"),
    OSError("Premature eof waiting for privileged process"),
    comm.PrivsepTimeout(),
    daemon.FailedToDropPrivileges("no"),
    daemon.ProtocolError("odd"),
]


def test_a_batch_is_asked_for_once(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = helper(monkeypatch, [("", 7), ("EEXIST", 0)])
    assert made.apply([DELETE, DELETE]) == [Outcome("", 7), Outcome("EEXIST", 0)]
    assert asked.asked == [operations.dump([DELETE, DELETE])] and made.restarts == 0


def test_every_call_has_a_timeout(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(monkeypatch)
    assert privileged.default.timeout == 7


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_helper_that_died_is_left_and_another_asked_the_same(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    made, asked = helper(monkeypatch, failure, [("", 0)])
    assert made.apply([DELETE]) == [Outcome("", 0)]
    assert asked.asked[0] == asked.asked[1] and made.restarts == 1
    assert privileged.default.channel is None
    assert channel.recv(1) == b"", "the old one, perhaps only stopped, sees that nobody is there any more"


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_two_that_died_are_enough(channel: socket.socket, monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    made, asked = helper(monkeypatch, failure, failure)
    with pytest.raises(exceptions.HelperUnavailable, match=type(failure).__name__):
        made.apply([DELETE])
    assert len(asked.asked) == 2


def test_what_the_helper_refuses_is_not_asked_again(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = helper(monkeypatch, exceptions.HelperRefused("0.ifindex: no"))
    with pytest.raises(exceptions.HelperRefused):
        made.apply([DELETE])
    assert len(asked.asked) == 1 and made.restarts == 0 and privileged.default.channel is not None


def test_one_is_there_until_it_fails(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = helper(monkeypatch, [], OSError("gone"), OSError("gone"))
    made.start()
    assert made.is_there()
    with pytest.raises(exceptions.HelperUnavailable):
        made.start()
    assert not made.is_there()


def test_a_start_is_an_empty_batch(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = helper(monkeypatch, [])
    made.start()
    assert asked.asked == [[]]


class Launcher:
    """Has another helper in place of one that has ended, or fails to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
        self.asked = 0
        self.failure = failure
        monkeypatch.setattr(privileged.default, "ready", self.ready)

    def ready(self) -> bool:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return True


def test_another_helper_is_there_before_a_batch_wants_it(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = helper(monkeypatch)
    launcher = Launcher(monkeypatch)
    assert privileged.default.ended is not None
    privileged.default.ended(60)
    assert (launcher.asked, made.restarts) == (1, 1)


def test_one_that_does_not_last_is_tried_again_by_the_next_batch_only(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = helper(monkeypatch, [("", 0)])
    launcher = Launcher(monkeypatch)
    assert privileged.default.ended is not None
    privileged.default.ended(1)
    assert launcher.asked == 0
    assert made.apply([DELETE]) == [Outcome("", 0)]
    assert (launcher.asked, made.restarts) == (1, 1)


def test_that_no_other_can_be_started_stays_for_the_next_batch_to_tell(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = helper(monkeypatch)
    Launcher(monkeypatch, OSError(24, "too many open files"))
    assert privileged.default.ended is not None
    privileged.default.ended(60)
    assert made.restarts == 0 and made.busy_for() == 0


def test_at_the_end_no_other_is_started(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = helper(monkeypatch)
    made.close()
    assert privileged.default.ended is None


def test_a_helper_that_stands_still_for_long_is_ended(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = helper(monkeypatch)
    ended: list[None] = []
    opened = privileged.default.channel
    monkeypatch.setattr(opened, "kill", lambda: ended.append(None))
    seen = iter([(opened, 1), None, (opened, 1), (opened, 2), (opened, 2)])
    monkeypatch.setattr(privileged.default, "standing", lambda: next(seen))
    for _ in range(4):
        made.look(3600)
        assert not ended, "it goes on, or may"
    made.look(3600)
    assert ended


class Signs:
    """The entry point ``pid``; its answer is given or raised."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        self.answer, self.asked = answer, 0
        monkeypatch.setattr(privileged.default, "ask", lambda entry: {"pid": self}[entry]())

    def __call__(self) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_one_that_is_idle_is_asked_for_a_sign(channel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = helper(monkeypatch)
    signs = Signs(monkeypatch, 7)
    made.look(3600)
    assert signs.asked == 0
    made.look(0)
    commands.wait_until(lambda: signs.asked == 1 and made.busy_for() == 0, what="the sign")
    made.look(3600)
    assert signs.asked == 1


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_one_that_is_idle_and_gives_no_sign_is_left_for_another(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    made, _ = helper(monkeypatch)
    Signs(monkeypatch, failure)
    launcher = Launcher(monkeypatch)
    made.look(0)
    commands.wait_until(lambda: launcher.asked == 1 and made.busy_for() == 0, what="another one")
    assert made.restarts == 1
    assert channel.recv(1) == b"", "the old one sees that nobody is there any more"


def test_where_none_is_left_another_one_is_started_with_growing_pauses(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000]
    monkeypatch.setattr("vethagent.privileged.recovery.time.monotonic", lambda: now[0])
    made, _ = helper(monkeypatch)
    privileged.default.stop()
    launcher = Launcher(monkeypatch, OSError(2, "no privsep-helper"))

    def pause() -> int:
        """Return after how many seconds it is tried again."""
        asked = launcher.asked
        for seconds in range(1, 2000):
            now[0] += 1
            made.look(10)
            for thread in threading.enumerate():
                if thread.name == "helper-sign":
                    thread.join(30)
            if launcher.asked > asked:
                return seconds
        raise AssertionError("it is not tried again")

    assert [pause() for _ in range(8)] == [10, 20, 40, 80, 160, 320, 640, 640]
    assert "no privsep-helper" in made.trouble
    launcher.failure = None
    assert [pause() for _ in range(2)] == [640, 10] and made.trouble == ""


def test_for_want_of_a_thread_a_sign_is_asked_for_later(
    channel: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks has other parts to look at too."""
    made, _ = helper(monkeypatch)
    asked = threading.Event()
    monkeypatch.setattr(made, "_see_to", asked.set)

    with threads.none_left(monkeypatch):
        made.look(0)
    assert not asked.is_set()
    made.look(0)
    assert asked.wait(60)
