"""A server that stood still for longer than clients may take, as on a host without time for it."""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from falcon import testing

from tests.unit.controller.api.test_server import ASKED
from vethagent.controller.api import reception
from vethagent.controller.api.server import ApiServer


@pytest.fixture
def server(client: testing.TestClient) -> Iterator[ApiServer]:
    made = ApiServer(client.app, host="127.0.0.1", port=0, max_body=1)
    made.start()
    yield made
    made.stop()


def test_what_came_meanwhile_is_answered(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    expire, clients = reception.Reception._expire, list[socket.socket]()

    def stand_still(self: reception.Reception, now: float) -> None:
        if self._guests and clients:
            clients.pop().sendall(ASKED)
            now += 2 * reception.HEAD_SECONDS
        expire(self, now)

    monkeypatch.setattr(reception.Reception, "_expire", stand_still)
    with contextlib.closing(socket.create_connection(server.address, timeout=30)) as client:
        clients.append(client)
        assert client.recv(100).startswith(b"HTTP/1.1 ")
