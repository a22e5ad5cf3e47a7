"""Answers that are longer than what a socket takes at once, and clients that do not take them."""

import concurrent.futures
import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import BinaryIO
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.support import commands
from tests.unit.controller.api.test_server import ASKED, SIZE
from vethagent.controller.api import reception
from vethagent.controller.api.server import ApiServer

LAST = ASKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.fixture
def long() -> Iterator[ApiServer]:
    """Each answer of it is more than a socket takes at once, and it has one worker."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(SIZE))])
        return [b"x" * SIZE]

    server = ApiServer(application, host="127.0.0.1", port=0, max_body=1, threads=1)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def dismissed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports of the clients that a server has let go."""
    found: list[int] = []
    dismiss = reception.Reception._dismiss

    def record(self: reception.Reception, guest: reception._Guest) -> None:
        dismiss(self, guest)
        found.append(guest.address[1])

    monkeypatch.setattr(reception.Reception, "_dismiss", record)
    return found


def _asked(server: ApiServer, sent: bytes, takes: int | None = None) -> socket.socket:
    """Return a connection on which an answer has begun to come; ``takes`` is how many bytes of it may wait here."""
    made = socket.socket()
    made.settimeout(30)
    if takes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
    made.connect(server.address)
    made.sendall(sent)
    made.recv(1, socket.MSG_PEEK)
    return made


def _is_back(server: ApiServer, client: socket.socket) -> bool:
    """Return whether no worker has the connection of a client any more."""
    waiting: dict[int, reception._Guest] = server._server._connections._guests
    return client.getsockname()[1] in [guest.address[1] for guest in waiting.copy().values()]


def _read(heard: BinaryIO) -> int:
    """Return how many bytes of an answer come."""
    while heard.readline() not in (b"\r\n", b""):
        pass
    return len(heard.read(SIZE))


def test_who_reads_slowly_holds_up_nobody(long: ApiServer) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(_asked(long, sent)) for _ in range(5) for sent in (ASKED, LAST, ASKED + LAST)]
        heard = [stack.enter_context(each.makefile("rb")) for each in slow]
        for each in heard:
            assert _read(each) == SIZE
        for each in heard[2::3]:
            assert _read(each) == SIZE
        for each in heard[1::3] + heard[2::3]:
            assert each.read(1) == b""
        slow[0].sendall(LAST)
        assert _read(heard[0]) == SIZE


def test_who_does_not_read_on_is_given_up(
    long: ApiServer, dismissed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "BODY_SECONDS", 0.1)
    with _asked(long, ASKED, 64 * 1024) as silent:
        commands.wait_until(lambda: dismissed, what="the end of the connection")
        with silent.makefile("rb") as heard:
            assert _read(heard) < SIZE


def test_of_too_much_that_is_to_be_sent_the_first_goes(
    long: ApiServer, dismissed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "MAX_HELD", 1)
    with contextlib.ExitStack() as stack:
        slow: list[socket.socket] = []
        for _ in range(4):
            slow.append(stack.enter_context(_asked(long, ASKED, 64 * 1024)))
            commands.wait_until(lambda: _is_back(long, slow[-1]), what="the rest of the answer")
        ports = [each.getsockname()[1] for each in slow]
        commands.wait_until(lambda: dismissed == ports[:3], what="the end of the others")
        first, last = (stack.enter_context(slow[number].makefile("rb")) for number in (0, 3))
        assert _read(first) < SIZE
        assert _read(last) == SIZE


def test_at_the_end_an_answer_that_is_read_comes_whole(long: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "_STOP_SECONDS", 60)
    with (
        _asked(long, ASKED) as reading,
        reading.makefile("rb") as heard,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        commands.wait_until(lambda: _is_back(long, reading), what="the rest of the answer")
        stopping = pool.submit(long.stop)
        assert _read(heard) == SIZE
        stopping.result()
