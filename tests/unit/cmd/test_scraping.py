"""The metrics of a process are served to whoever asks, whatever others do who are connected."""

import contextlib
import http.client
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support import commands

#: A program, as what its threads are is decided by its first lines. Its arguments are that, seconds to wait for a
#: client, and a number of bytes that it answers at least. It says its port, and serves until it is killed.
SERVING = """
import socket, sys, threading
from vethagent.cmd import bootstrap
bootstrap.choose(sys.argv[1])
import prometheus_client
from vethagent.cmd import scraping

socket.getfqdn = None  # it would ask name servers, which may not answer
scraping.SECONDS, scraping.MOST = float(sys.argv[2]), 4
registry = prometheus_client.CollectorRegistry()
prometheus_client.Gauge("some", "x" * int(sys.argv[3]), registry=registry).set(7)
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
listener = scraping.MetricsListener(registry, host="127.0.0.1", port=port)
listener.start()
print(port, flush=True)
threading.Event().wait()
"""

#: What clients send who then do nothing more, and read nothing of an answer.
SILENT, HALF, WHOLE = b"", b"GET /metrics HTTP/1.1\r\nHost: loc", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Bytes, more than sockets take.
LONG = 20_000_000

pytestmark = pytest.mark.parametrize("concurrency", ["eventlet", "threading"])


class Served:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._process = process
        self.port = int(process.stdout.readline())
        self._before = self._sockets()

    def _sockets(self) -> int:
        found = 0
        for number in pathlib.Path(f"/proc/{self._process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += os.readlink(number).startswith("socket:")
        return found

    def connections(self) -> int:
        return self._sockets() - self._before

    def connect(self, sent: bytes) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        made.sendall(sent)
        return made

    def scrape(self) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "identity"})
        with contextlib.closing(connection.getresponse()) as response:
            assert response.status == 200
            return response.read()

    def said(self) -> str:
        """Return what the process has printed beside its port; it is killed."""
        self._process.kill()
        return self._process.communicate(timeout=60)[0]


@pytest.fixture
def serve(concurrency: str) -> Iterator[Callable[..., Served]]:
    with contextlib.ExitStack() as stack:

        def serve(seconds: float, size: int = 0) -> Served:
            command = [sys.executable, "-W", "ignore", "-c", SERVING, concurrency, str(seconds), str(size)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return Served(process)

        yield serve


def test_of_many_who_hold_a_connection_the_first_goes(serve: Callable[..., Served]) -> None:
    served = serve(1000, LONG)
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(served.connect(sent)) for sent in (SILENT, HALF, WHOLE) for _ in range(4)]
        assert served.scrape().endswith(b"some 7.0\n")
        for silent in held[:8]:
            assert silent.recv(1000) == b""
        commands.wait_until(lambda: served.connections() <= 4, what="no more than four connections")
        assert served.scrape().endswith(b"some 7.0\n")
    assert served.said() == ""


@pytest.mark.parametrize("sent", [SILENT, HALF, WHOLE], ids=["silent", "half", "never read"])
def test_nobody_is_waited_for_without_an_end(serve: Callable[..., Served], sent: bytes) -> None:
    served = serve(0.2, LONG)
    with served.connect(sent) as held:
        begun = held.recv(1, socket.MSG_PEEK)
        assert begun == (b"H" if sent is WHOLE else b"")
        commands.wait_until(lambda: served.connections() == 0, what="the end of the connection")
    assert served.said() == ""
