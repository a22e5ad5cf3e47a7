"""A server that takes connections and does not go on: whoever connects is told, and can try again."""

import json
import pathlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from vethagent import exceptions
from vethagent.plumbing import ovs_replica
from vethagent.plumbing.ovs import Ovs

_COLUMN = {"type": {"key": "string", "min": 0, "max": "unlimited"}}


def _schema() -> dict[str, Any]:
    tables = {table: {"columns": dict.fromkeys(columns, _COLUMN)} for table, columns in ovs_replica._COLUMNS.items()}
    return {"name": ovs_replica.SCHEMA, "version": "8.3.1", "tables": tables}


class Server:
    """Answers the first ``answers`` questions, with the schema, and none after these."""

    def __init__(self, path: pathlib.Path) -> None:
        self.remote = f"unix:{path}"
        self.answers = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._taken: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in (self._socket, *self._taken):
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            self._taken.append(taken)
            if self.answers:
                self.answers -= 1
                question = json.loads(taken.recv(4096))
                taken.sendall(json.dumps({"id": question["id"], "result": _schema(), "error": None}).encode())


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[Server]:
    made = Server(tmp_path / "db.sock")
    yield made
    made.close()


@pytest.mark.parametrize("answers", [0, 1], ids=["at the first question", "at a later one"])
def test_a_server_that_stops_while_somebody_connects_is_told_of(server: Server, answers: int) -> None:
    server.answers = answers
    ovs = Ovs(server.remote, lambda _: None, timeout=0.3, connection_changed=lambda _: None, switch_back=lambda: None)
    with pytest.raises(exceptions.OvsdbUnavailable, match=r"db\.sock: no answer"):
        ovs.connect()
    ovs.close()
