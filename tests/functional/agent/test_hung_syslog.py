"""The syslog daemon hangs, whichever kind of socket it has at /dev/log; nobody waits for it."""

import contextlib
import pathlib
import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.functional.agent import unheard
from tests.support import hosts, processes

#: A /dev of its own, in which /dev/log is the first argument.
_MOUNTED = """\
dev=$0.dev; mkdir "$dev"; for name in null zero full random urandom; do
    touch "$dev/$name"; mount --bind "/dev/$name" "$dev/$name"; done
mkdir "$dev/shm"; touch "$dev/log"; mount --bind "$0" "$dev/log"; mount --rbind "$dev" /dev; exec "$@"
"""


class Syslog:
    """A daemon that reads nothing until it is told to; there is no room left."""

    def __init__(self, path: pathlib.Path, kind: socket.SocketKind) -> None:
        self.path, self._kind = path, kind
        self._socket = socket.socket(socket.AF_UNIX, kind)
        self._socket.bind(str(path))
        self._others: list[socket.socket] = []
        self._found = b""
        self._thread: threading.Thread | None = None
        self._ending, self._end = socket.socketpair()
        if kind is socket.SOCK_STREAM:
            self._socket.listen(0)
        self._fill()

    def seen_by(self, command: list[str]) -> list[str]:
        """Return a command as one that has it at /dev/log."""
        return ["unshare", "--mount", "sh", "-ec", _MOUNTED, str(self.path), *command]

    def read(self) -> None:
        """Take all that comes from now on."""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def heard(self) -> str:
        """Return what was read."""
        return self._found.decode(errors="replace")

    def close(self) -> None:
        """End."""
        self._end.close()
        if self._thread is not None:
            self._thread.join(10)
        for each in (*self._others, self._socket, self._ending):
            each.close()

    def _fill(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                other = socket.socket(socket.AF_UNIX, self._kind)
                self._others.append(other)
                other.setblocking(False)
                other.connect(str(self.path))
                other.send(b"x")

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in (self._socket, self._ending):
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    found = key.fileobj
                    assert isinstance(found, socket.socket)
                    if found is self._ending:
                        return
                    if found is self._socket and self._kind is socket.SOCK_STREAM:
                        accepted = self._socket.accept()[0]
                        self._others.append(accepted)
                        selector.register(accepted, selectors.EVENT_READ)
                    elif data := found.recv(1 << 16):
                        self._found += data
                    else:
                        selector.unregister(found)


@pytest.fixture
def syslog(kind: socket.SocketKind, tmp_path: pathlib.Path) -> Iterator[Syslog]:
    """It is full."""
    with contextlib.closing(Syslog(tmp_path / "log", kind)) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "concurrency"),
    [(socket.SOCK_DGRAM, "threading"), (socket.SOCK_STREAM, "eventlet")],
    ids=["datagram", "stream"],
)
def test_nobody_reads_what_syslog_is_told(host: hosts.Host, syslog: Syslog, concurrency: str) -> None:
    allinone = processes.make_allinone(host, concurrency=concurrency)
    with allinone.configuration.open("a") as file:
        file.write("[DEFAULT]\nuse_syslog = true\n[agent]\nreport_interval = 1\nwatchdog_timeout = 3\n")
    allinone._command = syslog.seen_by(allinone._command)
    unheard.plug_and_repair(host, allinone)

    syslog.read()
    unheard.wait_until_heard(host, syslog.heard)
    assert allinone.stop() == 0
