from collections.abc import Iterator

import oslo_messaging
import pytest
from oslo_config import cfg

from tests.support import commands
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.controller.service import ControllerServer


class Queues:
    """What the broker takes; a server of its own for each attempt."""

    def __init__(self) -> None:
        self.refusal = ""
        self.attempts = 0

    def start(self) -> None:
        self.attempts += 1
        if self.refusal:
            raise oslo_messaging.MessageDeliveryFailure(self.refusal)

    def stop(self) -> None:
        pass

    def wait(self) -> None:
        pass


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Queues:
    made = Queues()
    monkeypatch.setattr("vethagent.controller.service.bus.get_server", lambda *_: made)
    monkeypatch.setattr("vethagent.controller.service._AGAIN", 0.001)
    monkeypatch.setattr("vethagent.controller.ear._EACH", 3600)
    return made


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def server(database: Database, liveness: Liveness, queues: Queues, told: list[str]) -> Iterator[ControllerServer]:
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url="fake://")
    brokers = [("broker.invalid", 5672)]
    made = ControllerServer(transport, database, server="c1", liveness=liveness, brokers=brokers, changed=told.append)
    yield made
    made.stop()
    transport.cleanup()


def test_queues_that_the_broker_refuses_are_declared_until_it_takes_them(
    server: ControllerServer, queues: Queues, told: list[str]
) -> None:
    queues.refusal = "406\n another x-queue-type"
    assert server.standing == "waits for the message broker"
    server.start()
    commands.wait_until(lambda: queues.attempts > 3, what="more attempts")
    assert not server.wait_until_listening(0)
    assert told == ["agents are not heard: 406 another x-queue-type"]
    assert server.standing == told[0]
    queues.refusal = ""
    assert server.wait_until_listening(30)
    assert server.standing == "listening for agents"


def test_metrics_go_by_what_is_heard_and_ask_no_name_server(
    server: ControllerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("a name server may hang")

    monkeypatch.setattr("socket.getaddrinfo", never)
    assert not server.metrics.listening()
    server.start()
    assert server.wait_until_listening(30)
    assert server.metrics.listening()
