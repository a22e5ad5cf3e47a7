"""The server with real sockets."""

import contextlib
import errno
import http.client
import json
import pathlib
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from falcon import testing

from tests.support import certificates, commands
from tests.unit.controller.api.conftest import MAX_BODY
from tests.unit.controller.api.test_bodies import GOOD, JSON
from vethagent.controller.api import reception
from vethagent.controller.api.server import ApiServer, ListenError

Start = Callable[..., ApiServer]

#: Two requests never have an answer: one is being served, for the other there is no thread.
HANGING = """
import socket, threading
from vethagent.controller.api.server import ApiServer
served = threading.Event()
def application(environ, start_response):
    served.set()
    threading.Event().wait()
server = ApiServer(application, host="127.0.0.1", port=0, max_body=1000, threads=1)
server.start()
clients = [socket.create_connection(server.address) for _ in range(2)]
for client in clients:
    client.sendall(b"GET / HTTP/1.1\\r\\nHost: api\\r\\n\\r\\n")
served.wait()
server.stop()
"""


@pytest.fixture
def start(client: testing.TestClient) -> Iterator[Start]:
    servers: list[ApiServer] = []

    def start(host: str = "127.0.0.1", port: int = 0, **options: str) -> ApiServer:
        server = ApiServer(client.app, host=host, port=port, max_body=MAX_BODY, threads=2, **options)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def connection(start: Start) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(*start().address, timeout=30)
    yield connection
    connection.close()


def answer(connection: http.client.HTTPConnection) -> tuple[int, dict[str, object]]:
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.usefixtures("known")
def test_one_connection_for_many_requests(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/v1/bridge-links", json.dumps(GOOD), JSON)
    assert answer(connection)[0] == 201
    connection.request("POST", "/v1/bridge-links", iter([json.dumps(GOOD).encode()]), JSON, encode_chunked=True)
    assert answer(connection)[0] == 409
    connection.request("GET", "/v1/agents")
    assert answer(connection)[0] == 200


def test_a_long_body_gets_an_answer(connection: http.client.HTTPConnection) -> None:
    connection.request("POST", "/v1/bridge-links", b" " * 10_000_000, JSON)
    status, body = answer(connection)
    assert (status, body["error"]["code"]) == (413, "BODY_TOO_LARGE")  # type: ignore[index]


def test_a_chunk_that_says_it_is_huge_is_not_waited_for(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/v1/bridge-links")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(b"ffffffffff\r\n{")
    status, body = answer(connection)
    assert (status, body["error"]["code"]) == (413, "BODY_TOO_LARGE")  # type: ignore[index]


def test_a_broken_chunk(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/v1/bridge-links")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders(b"zz\r\n{")
    assert answer(connection)[0] == 400


BODY_TWICE = (
    ("Content-Length: 2\r\nContent-Length: 3", b"{} "),
    ("Content-Length: 2\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"),
)


def said(start: Start, head: str, body: bytes = b"") -> bytes:
    with socket.create_connection(start().address, timeout=30) as sent:
        sent.sendall(f"{head}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode() + body)
        with sent.makefile("rb") as answered:
            return answered.readline()


@pytest.mark.parametrize(("lengths", "body"), BODY_TWICE)
def test_a_body_of_two_lengths_is_refused(start: Start, lengths: str, body: bytes) -> None:
    head = f"POST /v1/bridge-links HTTP/1.1\r\nContent-Type: application/json\r\n{lengths}"
    assert b" 400 " in said(start, head, body)


@pytest.mark.parametrize("head", [f"GET /v1?a={'x' * 70_000} HTTP/1.1", f"GET /v1 HTTP/1.1\r\nX: {'x' * 70_000}"])
def test_headers_are_not_read_for_ever(start: Start, head: str) -> None:
    assert said(start, head).split()[1] in (b"413", b"414")


def test_a_header_is_not_given_in_another_spelling() -> None:
    seen: list[str] = []

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.extend(name for name in environ if name.startswith("HTTP_X_"))
        start_response("204 No Content", [])
        return []

    server = ApiServer(application, host="127.0.0.1", port=0, max_body=1, threads=1)
    server.start()
    try:
        connection = http.client.HTTPConnection(*server.address, timeout=30)
        connection.request("GET", "/", headers={"X_Forwarded_For": "127.0.0.1", "X-Real": "yes"})
        assert connection.getresponse().status == 204
        connection.close()
    finally:
        server.stop()
    assert seen == ["HTTP_X_REAL"]


HEAD = b"POST /v1/bridge-links HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SLOW = {
    "silent": b"",
    "line": b"GET /v1 HT",
    "blank": b"\r\n\r\n",
    "headers": HEAD,
    "body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "last chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    "body of its own time": HEAD + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=list(SLOW))
@pytest.mark.parametrize("tls", [False, True])
def test_who_sends_slowly_holds_up_nobody(start: Start, tmp_path: pathlib.Path, sent: bytes, tls: bool) -> None:
    context, files = secured(tmp_path) if tls else (None, {})
    server = start(**files)
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            slow = stack.enter_context(socket.create_connection(server.address, timeout=30))
            if context is not None and sent:
                slow = stack.enter_context(context.wrap_socket(slow, server_hostname="127.0.0.1"))
            slow.sendall(sent)
        quick = connect(server.address, context)
        for _ in range(2):
            quick.request("GET", "/v1")
            assert answer(quick)[0] == 200
        quick.close()


#: A program, as what it runs on is decided by its first lines.
GREEN = pathlib.Path(__file__).with_name("green_server.py")
#: Bytes, more than a socket takes at once.
SIZE = 8_000_000
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("tls", [False, True])
def test_on_eventlet_too(tmp_path: pathlib.Path, tls: bool) -> None:
    context, files = secured(tmp_path) if tls else (None, {})
    command = [sys.executable, "-W", "ignore", str(GREEN), str(SIZE), *files.values()]
    with (
        contextlib.ExitStack() as stack,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as served,
    ):
        assert served.stdin is not None and served.stdout is not None
        stack.callback(served.stdin.close)
        address = ("127.0.0.1", int(served.stdout.readline()))
        for _ in range(5):
            stack.enter_context(socket.create_connection(address, timeout=30))
        for _ in range(20):
            greedy = stack.enter_context(socket.create_connection(address, timeout=30))
            if context is not None:
                greedy = stack.enter_context(context.wrap_socket(greedy, server_hostname="127.0.0.1"))
            greedy.sendall(ASKED)
        connection = connect(address, context)
        for body in (None, b"y" * (SIZE // 2), None):
            connection.request("GET" if body is None else "POST", "/", body)
            assert len(connection.getresponse().read()) == (SIZE if body is None else len(body))
        connection.close()


def test_who_waits_before_the_body_is_told_to_go_on(start: Start) -> None:
    with socket.create_connection(start().address, timeout=30) as sent, sent.makefile("rb") as heard:
        sent.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert heard.readline() == b"HTTP/1.1 100 Continue\r\n"
        sent.sendall(b"{}")
        lines = iter(heard.readline, b"")
        assert any(b" 400 " in line for line in lines)


def test_requests_that_come_at_once_are_answered_one_by_one(start: Start) -> None:
    body = b"Content-Length: 2\r\n\r\n{}"
    with socket.create_connection(start().address, timeout=30) as sent, sent.makefile("rb") as heard:
        sent.sendall(
            HEAD + body + b"\r\n" + HEAD + body + b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        told = re.findall(rb"HTTP/1.1 (\d+)", heard.read())
    assert told == [b"400", b"400", b"200"]


def test_what_takes_too_long_is_told_so(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "HEAD_SECONDS", 0.1)
    server = start()

    def told() -> bytes:
        with contextlib.suppress(ConnectionError), socket.create_connection(server.address, timeout=30) as sent:
            sent.sendall(HEAD)
            return sent.recv(1000)
        return b""

    # Its time may be over before anything is sent, on a machine that has much to do.
    assert any(b" 408 " in told() for _ in range(100))
    with socket.create_connection(server.address, timeout=30) as silent:
        assert silent.recv(1000) == b""


def test_of_too_many_who_wait_the_first_goes(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "MAX_WAITING", 3)
    server = start()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection(server.address, timeout=30)) for _ in range(5)]
        quick = connect(server.address)
        quick.request("GET", "/v1")
        assert answer(quick)[0] == 200
        quick.close()
        assert waiting[0].recv(1000) == b""


def test_that_nobody_is_let_in_is_told_now_and_then(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process has no more file descriptors, and clients wait."""
    failures, real = [OSError(errno.EMFILE, "Too many open files") for _ in range(3)], socket.socket.accept

    def accept(listening: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        if failures:
            raise failures.pop()
        return real(listening)

    server = start()
    monkeypatch.setattr(socket.socket, "accept", accept)
    with socket.create_connection(server.address, timeout=30) as sent:
        sent.sendall(b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert sent.recv(100)
    assert not failures
    assert [record.getMessage() for record in caplog.records if "not accepted" in record.getMessage()] == [
        "a connection was not accepted: [Errno 24] Too many open files"
    ]


def test_of_too_much_that_waits_the_first_goes(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "MAX_HELD", 2 * MAX_BODY)
    take, pieces = reception.Reception._take, list[bytes]()

    def record(self: reception.Reception, guest: reception._Guest, piece: bytes) -> None:
        take(self, guest, piece)
        pieces.append(piece)

    def taken(length: int) -> Callable[[], bool]:
        return lambda: sum(map(len, pieces)) == length

    monkeypatch.setattr(reception.Reception, "_take", record)
    part = HEAD + b"Content-Length: %d\r\n\r\n" % MAX_BODY + b" " * (MAX_BODY // 4 * 3)
    server = start()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(socket.create_connection(server.address, timeout=30)) for _ in range(3)]
        for number, each in enumerate(waiting, 1):
            each.sendall(part)
            commands.wait_until(taken(number * len(part)), what="what was sent")
        assert waiting[0].recv(1000) == b""
        waiting[2].sendall(b" " * MAX_BODY)
        assert b" 400 " in waiting[2].recv(1000)


def test_who_speaks_no_tls_where_it_is_wanted(start: Start, tmp_path: pathlib.Path) -> None:
    server = start(**secured(tmp_path)[1])
    with socket.create_connection(server.address, timeout=30) as sent:
        sent.sendall(b"GET /v1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTPS" in sent.makefile("rb").read()


def secured(folder: pathlib.Path) -> tuple[ssl.SSLContext, dict[str, str]]:
    certificate, key = certificates.make(folder)
    return ssl.create_default_context(cafile=str(certificate)), {"certificate": str(certificate), "key": str(key)}


def connect(address: tuple[str, int], context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    if context is not None:
        return http.client.HTTPSConnection(*address, timeout=30, context=context)
    return http.client.HTTPConnection(*address, timeout=30)


def test_start_refuses_what_it_cannot_serve(start: Start) -> None:
    port = start().address[1]
    with pytest.raises(ListenError, match=str(port)):
        start(port=port)
    with pytest.raises(ListenError, match=r"none\.pem"):
        start(certificate="/none.pem")


def test_a_name_is_tried_by_each_of_its_addresses(client: testing.TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of IPv4 may be missing."""
    addresses = ["192.0.2.1", "127.0.0.1"]

    def find(*_arguments: object, **_options: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    server = ApiServer(client.app, host="name.invalid", port=0, max_body=MAX_BODY)
    server.try_out()
    addresses.remove("127.0.0.1")
    with pytest.raises(ListenError, match=r"name\.invalid port 0: Cannot assign requested address"):
        server.try_out()


def test_after_stop_nobody_listens(start: Start) -> None:
    server = start()
    server.stop()
    with pytest.raises(OSError, match="refused"), socket.create_connection(server.address, timeout=5):
        pass


def test_tls(start: Start, tmp_path: pathlib.Path) -> None:
    context, files = secured(tmp_path)
    connection = connect(start(**files).address, context)
    connection.request("GET", "/v1")
    status, body = answer(connection)
    assert status == 200
    assert str(body["links"]).count("https://") == 1
    connection.close()


def test_a_certificate_that_was_renewed_is_read_again(start: Start, tmp_path: pathlib.Path) -> None:
    context, files = secured(tmp_path)
    server = start(**files)
    old = connect(server.address, context)
    old.request("GET", "/v1")
    assert answer(old)[0] == 200
    renewed, _ = secured(tmp_path)
    server.renew()
    for connection in (old, connect(server.address, renewed)):
        connection.request("GET", "/v1")
        assert answer(connection)[0] == 200
        connection.close()


def test_a_certificate_that_is_not_good_is_not_taken(
    start: Start, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    context, files = secured(tmp_path)
    server = start(**files)
    start().renew()  # has none
    (tmp_path / "other").mkdir()
    certificates.make(tmp_path / "other")[1].replace(files["key"])
    server.renew()
    assert "the certificate stays as it is: TLS with certificate" in caplog.text
    connection = connect(server.address, context)
    connection.request("GET", "/v1")
    assert answer(connection)[0] == 200
    connection.close()


def test_the_end_does_not_wait_for_requests_that_hang() -> None:
    command = [sys.executable, "-W", "ignore", "-c", HANGING]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
