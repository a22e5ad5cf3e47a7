"""A server that takes connections and does not go on: whoever connects is told, and can try again."""

import json
import pathlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ovsdbapp import exceptions as ovsdbapp_exceptions

from vethagent import exceptions
from vethagent.plumbing import ovs_replica
from vethagent.plumbing.ovs import Ovs


class Silent:
    """A replica of which nothing comes."""

    lock_name = None

    def has_ever_connected(self) -> bool:
        return True

    def wait(self, _poller: object) -> None:
        pass

    def run(self) -> None:
        pass

    def close(self) -> None:
        pass


class Question:
    """A transaction; the server answers when ``answered`` is set."""

    def __init__(self) -> None:
        self.begun, self.answered = threading.Event(), threading.Event()
        self.results: queue.Queue[object] = queue.Queue()

    def do_commit(self) -> None:
        self.begun.set()
        self.answered.wait(60)


_COLUMN = {"type": {"key": "string", "min": 0, "max": "unlimited"}}


def _schema() -> dict[str, Any]:
    tables = {table: {"columns": dict.fromkeys(columns, _COLUMN)} for table, columns in ovs_replica._COLUMNS.items()}
    return {"name": ovs_replica.SCHEMA, "version": "8.3.1", "tables": tables}


class Server:
    """Answers the first ``answers`` questions, with the schema, and none after these."""

    def __init__(self, path: pathlib.Path) -> None:
        self.remote = f"unix:{path}"
        self.answers = 0
        self.schema = _schema()
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
                taken.sendall(json.dumps({"id": question["id"], "result": self.schema, "error": None}).encode())


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


def test_a_database_of_an_open_vswitch_that_is_too_old(server: Server) -> None:
    server.answers = 1
    del server.schema["tables"]["Interface"]["columns"]["mtu_request"]
    ovs = Ovs(server.remote, lambda _: None, timeout=0.3, connection_changed=lambda _: None, switch_back=lambda: None)
    with pytest.raises(exceptions.OvsdbUnavailable, match="Open_vSwitch has no mtu_request in Interface"):
        ovs.connect()


def test_the_end_waits_for_no_transaction_that_waits_for_another() -> None:
    connected = ovs_replica.Connection(Silent(), timeout=60)
    connected.start()
    first, second = Question(), Question()
    connected.queue_txn(first)
    assert first.begun.wait(60)
    connected.queue_txn(second)
    ending = threading.Thread(target=connected.stop, args=[60], daemon=True)
    ending.start()
    while connected.is_running:
        time.sleep(0.01)
    first.answered.set()
    ending.join(30)
    assert not ending.is_alive()
    assert not second.begun.is_set()


def test_who_ends_before_the_first_rows_waits_for_no_thread() -> None:
    assert ovs_replica.Connection(Silent(), timeout=60).stop(60)


def test_what_is_not_answered_in_time_may_be_done_all_the_same(server: Server) -> None:
    ovs = Ovs(server.remote, lambda _: None, timeout=0.3, connection_changed=lambda _: None, switch_back=lambda: None)
    with pytest.raises(exceptions.OvsdbSilent, match=r"no answer in 0\.3 s"), ovs._judged():
        raise ovsdbapp_exceptions.TimeoutException(commands=[], timeout=0.3, cause="no result")
