"""The server with real sockets."""

import http.client
import json
import pathlib
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from falcon import testing

from tests.support import certificates
from tests.unit.controller.api.conftest import MAX_BODY
from tests.unit.controller.api.test_bodies import GOOD, JSON
from vethagent.controller.api.server import ApiServer, ListenError

Start = Callable[..., ApiServer]


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


def test_start_refuses_what_it_cannot_serve(start: Start) -> None:
    port = start().address[1]
    with pytest.raises(ListenError, match=str(port)):
        start(port=port)
    with pytest.raises(ListenError, match=r"none\.pem"):
        start(certificate="/none.pem")


def test_after_stop_nobody_listens(start: Start) -> None:
    server = start()
    server.stop()
    with pytest.raises(OSError, match="refused"), socket.create_connection(server.address, timeout=5):
        pass


def test_tls(start: Start, tmp_path: pathlib.Path) -> None:
    certificate, key = certificates.make(tmp_path)
    server = start(certificate=str(certificate), key=str(key))
    context = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection(*server.address, timeout=30, context=context)
    connection.request("GET", "/v1")
    status, body = answer(connection)
    assert status == 200
    assert str(body["links"]).count("https://") == 1
    connection.close()
