import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support import commands
from vethagent.agent.health import HealthKeeper
from vethagent.agent.listener import Listener


class Server:
    """One that starts only if the broker takes its queues."""

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self.state = "made"

    def start(self) -> None:
        if self._broker.refusal:
            raise OSError(self._broker.refusal)
        self.state = "started"

    def stop(self) -> None:
        self.state = "stopped"

    def wait(self) -> None:
        self.state = "ended"


class Broker:
    def __init__(self) -> None:
        self.refusal = ""
        self.servers: list[Server] = []

    def make(self) -> Server:
        self.servers.append(Server(self))
        return self.servers[-1]

    def states(self) -> list[str]:
        return [server.state for server in self.servers]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.agent.listener.next_delay", lambda delay, interval: 0.001)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def health() -> HealthKeeper:
    return HealthKeeper()


@pytest.fixture
def listener(broker: Broker, health: HealthKeeper) -> Iterator[Listener]:
    made = Listener(broker.make, health=health, interval=30)
    yield made
    made.stop()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    commands.wait_until(condition, what=what)


def test_queues_that_the_broker_refuses_are_told_of_until_it_takes_them(
    listener: Listener, broker: Broker, health: HealthKeeper
) -> None:
    broker.refusal = "406\n   another x-queue-type"
    thread = threading.Thread(target=listener.listen, daemon=True)
    thread.start()
    wait_until(lambda: len(broker.servers) > 2, "more attempts")
    [reason] = health.state().reasons
    assert (reason.part, reason.message) == ("casts", "casts are not heard: 406 another x-queue-type")
    broker.refusal = ""
    thread.join(30)
    assert not thread.is_alive()
    assert health.state().reasons == ()
    assert set(broker.states()[:-1]) == {"made"}
    assert broker.states()[-1] == "started"


def test_the_one_before_is_ended_only_when_another_listens(listener: Listener, broker: Broker) -> None:
    listener.listen()
    broker.refusal = "gone"
    listener.listen_again()
    wait_until(lambda: len(broker.servers) > 2, "more attempts")
    assert broker.states()[0] == "started"
    broker.refusal = ""
    wait_until(lambda: broker.states()[0] == "ended", "the end of the first one")
    assert broker.states()[-1] == "started"
    listener.stop()
    assert broker.states()[-1] == "stopped"


def test_nothing_is_tried_after_the_end(listener: Listener, broker: Broker) -> None:
    broker.refusal = "away"
    thread = threading.Thread(target=listener.listen, daemon=True)
    thread.start()
    wait_until(lambda: bool(broker.servers), "an attempt")
    listener.stop()
    thread.join(30)
    assert not thread.is_alive()
