import errno
import math
import socket
import threading
from typing import Self

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


class Monitor:
    def __init__(self, *queued: bytes | OSError) -> None:
        self.told: list[Changes] = []
        self.overflows = 0
        self.monitor = LinkMonitor(self.told.append, self._overflow)
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


class Listening:
    """A monitor whose thread listens to a pair of sockets."""

    def __init__(self) -> None:
        self.kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        self.told: list[Changes] = []
        self.monitor = LinkMonitor(self.told.append, lambda: None)
        self.monitor._socket = ours
        self.thread = threading.Thread(target=self.monitor._watch_socket, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.monitor.stop()
        self.thread.join(30)
        self.kernel.close()


def test_what_is_read_of_a_batch_is_told_when_nothing_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtnl, "_ROW", -1)
    monkeypatch.setattr(rtnl, "_ROW_TOLD", math.inf)
    with Listening() as listening:
        listening.kernel.send(encode(FIRST))
        listening.kernel.send(encode(SECOND))
        commands.wait_until(lambda: {7, 8} == set().union(*listening.told), what="both devices", timeout=30)


def test_who_drains_is_told_what_was_read_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtnl, "_ROW", -1)
    monkeypatch.setattr(rtnl, "_ROW_TOLD", math.inf)
    monkeypatch.setattr(rtnl, "_ROW_SECONDS", 3600)
    with Listening() as listening:
        listening.kernel.send(encode(FIRST))
        commands.wait_until(lambda: listening.monitor._newest, what="a message that is read", timeout=30)
        assert listening.told == []
        listening.monitor.drain()
        assert listening.told == [{7: FIRST}]
