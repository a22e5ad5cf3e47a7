import errno
import socket
import threading

import pytest

from tests.support import commands
from tests.unit.privileged.test_ifinfo import encode
from vethagent.plumbing import rtnl
from vethagent.plumbing.rtnl import Changes, LinkMonitor
from vethagent.privileged import ifinfo
from vethagent.privileged.ifinfo import Device

FIRST, SECOND = Device(7, "a"), Device(8, "b")


class Socket:
    """Gives what is queued, datagram by datagram or error by error."""

    def __init__(self, *queued: bytes | OSError) -> None:
        self.queued = list(queued)

    def recv(self, size: int, flags: int) -> bytes:
        assert flags == socket.MSG_DONTWAIT
        if not self.queued:
            raise BlockingIOError
        item = self.queued.pop(0)
        if isinstance(item, OSError):
            raise item
        return item


class Broken(socket.socket):
    """Seems to have something, and gives nothing."""

    def __init__(self) -> None:
        super().__init__(socket.AF_UNIX)  # not connected: it is readable, for its end can be read

    def recv(self, size: int, flags: int = 0) -> bytes:
        raise OSError(errno.ENOTCONN, "not connected")


class Monitor:
    def __init__(self, *queued: bytes | OSError) -> None:
        self.told: list[Changes] = []
        self.overflows = 0
        self.deaf: list[str] = []
        self.monitor = LinkMonitor(self.told.append, self._overflow, lambda: None, self.deaf.append)
        self.monitor._socket = Socket(*queued)  # type: ignore[assignment]

    def _overflow(self) -> None:
        self.overflows += 1


def test_all_that_is_queued_is_told_at_once() -> None:
    made = Monitor(encode(FIRST) + encode(SECOND), encode(SECOND, kind=ifinfo.RTM_DELLINK), encode(Device(7, "c")))
    made.monitor.drain()
    assert made.told == [{7: Device(7, "c"), 8: None}]


def test_one_that_was_away_meanwhile_is_told_to_have_gone() -> None:
    made = Monitor(encode(FIRST), encode(FIRST, kind=ifinfo.RTM_DELLINK) + encode(SECOND), encode(FIRST))
    made.monitor.drain()
    assert made.told == [{7: None}, {7: FIRST, 8: SECOND}]


def test_what_was_kept_before_is_told_with_what_came_since() -> None:
    made = Monitor(encode(FIRST), encode(SECOND))
    made.monitor._keep()
    made.monitor._socket = Socket(encode(Device(7, "c")))  # type: ignore[assignment]
    made.monitor.drain()
    assert made.told == [{7: Device(7, "c"), 8: SECOND}]


def test_a_loss_that_was_found_before_is_told_once() -> None:
    made = Monitor(OSError(errno.ENOBUFS, "lost"))
    made.monitor._keep()
    assert made.overflows == 0
    made.monitor.drain()
    made.monitor.drain()
    assert made.overflows == 1


def test_nothing_queued_tells_nothing() -> None:
    made = Monitor()
    made.monitor.drain()
    assert made.told == []


def test_a_port_that_leaves_a_bridge_is_not_gone() -> None:
    made = Monitor(encode(FIRST) + encode(FIRST, kind=ifinfo.RTM_DELLINK, family=7))
    made.monitor.drain()
    assert made.told == [{7: FIRST}]


def test_an_overflow_is_told_and_what_follows_is_read() -> None:
    made = Monitor(encode(FIRST), OSError(errno.ENOBUFS, "lost"), encode(SECOND))
    made.monitor.drain()
    assert (made.told, made.overflows) == ([{7: FIRST, 8: SECOND}], 1)


def test_any_other_error_is_not_swallowed() -> None:
    made = Monitor(OSError(errno.EBADF, "closed"))
    with pytest.raises(OSError, match="closed"):
        made.monitor.drain()


def test_before_the_start_and_after_the_end_there_is_nothing_to_drain() -> None:
    made = Monitor()
    made.monitor._socket = None
    made.monitor.drain()
    assert made.told == []


def test_it_begins_anew_as_often_as_it_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket of which nothing can be read any more is left for another, which can be had only after a while."""
    opened, told = socket.socketpair()
    opened.setblocking(False)
    answers: list[socket.socket | OSError] = [OSError(errno.EMFILE, "too many open files"), opened]

    def listen() -> socket.socket:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    made = Monitor()
    made.monitor._socket = Broken()
    monkeypatch.setattr(rtnl, "_listen", listen)
    monkeypatch.setattr(rtnl, "_AGAIN_SECONDS", 0.001)
    thread = threading.Thread(target=made.monitor._watch, daemon=True)
    thread.start()
    commands.wait_until(lambda: made.overflows == 1, what="a look at all devices")
    told.send(encode(FIRST))
    commands.wait_until(lambda: bool(made.monitor._newest), what="an event")
    made.monitor.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert made.overflows == 1
    assert [why.partition("] ")[2] for why in made.deaf] == ["", "not connected", "too many open files", ""]
