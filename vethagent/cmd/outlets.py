"""Where lines of the log go to; one that takes nothing holds up nobody.

Who writes to a pipe or to a socket waits for whoever reads it: a journald that hangs, a full pipe, a terminal that was
stopped with Ctrl-S. Whatever else has something to log waits then too, a repair and the end of the process with it. So
an outlet is asked before each line whether it takes one. It is waited for once; as long as it still takes nothing,
lines are lost at once, and counted.
"""

import _socket
import contextlib
import errno
import functools
import io
import logging
import os
import socket
import stat
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from oslo_log import handlers

from vethagent.cmd import bootstrap

LOG = logging.getLogger(__name__)

#: Seconds for which an outlet may take nothing before lines are lost, and between two looks.
_PATIENCE, _LOOK = 1.0, 0.01
#: What a pipe that takes anything takes at once (PIPE_BUF).
_PIECE = 4096
_SYSLOG, _JOURNAL = "/dev/log", "/run/systemd/journal/socket"


class Outlet:
    """Not for two threads at once: a handler of the log has a lock."""

    def __init__(self, name: str, is_open: Callable[[], bool]) -> None:
        """``is_open`` tells whether a piece can be written without waiting, or would be refused at once."""
        self.name = name
        self.lost = 0
        self._is_open = is_open
        self._closed = False

    def takes(self) -> bool:
        """Return whether it is open, which is waited for if it was the last time."""
        was_open, self._closed = not self._closed, not self._is_open()
        if self._closed and was_open:
            until = time.monotonic() + _PATIENCE
            with contextlib.suppress(Exception):  # eventlet's own loop cannot wait
                while self._closed and time.monotonic() < until:
                    time.sleep(_LOOK)
                    self._closed = not self._is_open()
        return not self._closed

    def found(self) -> int:
        """Return how many lines were lost until now, and count anew."""
        lost, self.lost = self.lost, 0
        return lost

    @property
    def trouble(self) -> str:
        """A sentence for the operator, '' if there is none."""
        if not self._closed or self._is_open():
            return ""
        return f"{self.name} takes nothing, so lines of the log are lost"


class _Stream(io.RawIOBase):
    """A standard stream, written to in pieces."""

    def __init__(self, outlet: Outlet, number: int) -> None:
        self._outlet = outlet
        self._number = number

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def fileno(self) -> int:
        return self._number

    def write(self, data: Any) -> int:
        whole = memoryview(data).cast("B")
        rest = whole
        while rest:
            if not self._outlet.takes():
                self._outlet.lost += 1
                break
            try:
                rest = rest[bootstrap.write(self._number, rest[:_PIECE]) :]
            except ConnectionError:
                break  # nobody will ever read it; what has something to say goes on
        return len(whole)


_outlets: dict[str, Outlet] = {}


def open_stream() -> None:
    """Have all that goes to standard error go there without waiting, tracebacks too."""
    stream = sys.stderr
    if stream is sys.__stderr__ and stream is not None:
        sys.stderr = _without_waiting(stream)


def guard() -> None:
    """Have all handlers that there are by now wait for nobody."""
    stdout = sys.__stdout__
    for logger in (logging.getLogger(), *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if stdout is not None and isinstance(handler, logging.StreamHandler) and handler.stream is stdout:
                # Python's own would keep what nobody has read, and have the process fail with it at its end.
                handler.setStream(_without_waiting(stdout))
            if "emit" not in vars(handler) and (outlet := _outlet_for(handler)) is not None:
                _guard(handler, outlet)


def trouble() -> str:
    """Return a sentence about outlets that take nothing, '' if all do."""
    return "; ".join(filter(None, (outlet.trouble for outlet in list(_outlets.values()))))


def _without_waiting(stream: TextIO) -> TextIO:
    """Return what goes to where ``stream`` goes, and waits for nobody; a file takes everything."""
    number = stream.fileno()
    if stat.S_ISREG(os.fstat(number).st_mode):
        return stream
    raw: Any = _Stream(_outlet_of(number), number)  # it takes raw streams too, as Python's own with -u
    return io.TextIOWrapper(raw, stream.encoding, "backslashreplace", write_through=True)


def _guard(handler: logging.Handler, outlet: Outlet) -> None:
    emit = handler.emit

    def carefully(record: logging.LogRecord) -> None:
        if not outlet.takes():
            outlet.lost += 1
            return
        emit(record)
        if lost := outlet.found():
            text = "%d lines were not written, as %s took nothing"
            emit(logging.LogRecord(LOG.name, logging.WARNING, __file__, 0, text, (lost, outlet.name), None))

    handler.emit = carefully  # type: ignore[method-assign]  # libraries make handlers, of classes of their own


def _outlet_for(handler: logging.Handler) -> Outlet | None:
    if isinstance(handler, handlers.OSSysLogHandler):
        return _outlet(_SYSLOG, functools.partial(_has_room, _SYSLOG))
    if isinstance(handler, handlers.OSJournalHandler):
        return _outlet(_JOURNAL, functools.partial(_has_room, _JOURNAL))
    if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
        with contextlib.suppress(OSError, AttributeError, ValueError):
            return _outlet_of(handler.stream.fileno())
    return None


def _outlet_of(number: int) -> Outlet:
    name = {1: "standard output", 2: "standard error"}.get(number, f"stream {number}")
    return _outlet(name, lambda: bootstrap.takes(number))


def _outlet(name: str, is_open: Callable[[], bool]) -> Outlet:
    return _outlets.setdefault(name, Outlet(name, is_open))


def _has_room(path: str) -> bool:
    """Return whether a daemon has room for a message, or there is none."""
    told = _told(path, socket.SOCK_DGRAM)
    if told is not None:
        return told
    # A stream has its own room: that of the C library, if there is one by now. To make one waits for a full daemon.
    number = _stream_to(path)
    return _told(path, socket.SOCK_STREAM) is not False if number is None else bootstrap.takes(number)


def _told(path: str, kind: socket.SocketKind) -> bool | None:
    """Return what a socket of our own tells, None if that of the daemon is of another kind."""
    with socket.socket(socket.AF_UNIX, kind) as asking:
        asking.setblocking(False)
        try:
            asking.connect(path)
        except BlockingIOError:
            return False  # so many wait that no other is let in
        except OSError as error:
            return None if error.errno == errno.EPROTOTYPE else True
        return bootstrap.takes(asking.fileno())


def _stream_to(path: str) -> int | None:
    """Return the file descriptor by which this process has a stream to the socket at ``path``, None if it has none."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError, ValueError):  # of what is no such socket
            found = _socket.socket(fileno=int(name))  # not eventlet's, which would have it wait for nobody
            try:
                if found.family == socket.AF_UNIX and os.path.samefile(found.getpeername(), path):
                    return int(name)
            finally:
                found.detach()
    return None
