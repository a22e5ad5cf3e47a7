import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support import commands
from vethagent.rpc.listener import Listener


class Server:
    """One that starts only if the broker takes its queues."""

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self.state = "made"

    def start(self) -> None:
        if self._broker.silent:
            raise TimeoutError
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
        #: It refuses, and does not say why.
        self.silent = False
        self.servers: list[Server] = []

    def make(self) -> Server:
        self.servers.append(Server(self))
        return self.servers[-1]

    def states(self) -> list[str]:
        return [server.state for server in self.servers]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def told() -> list[str]:
    """What the listener tells its owner."""
    return []


@pytest.fixture
def listener(broker: Broker, told: list[str]) -> Iterator[Listener]:
    made = Listener(broker.make, pause=lambda pause: 0.001, refused=told.append, heard=lambda: told.append("listening"))
    yield made
    made.stop()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    commands.wait_until(condition, what=what)


def test_queues_that_the_broker_refuses_are_told_of_until_it_takes_them(
    listener: Listener, broker: Broker, told: list[str]
) -> None:
    broker.refusal = "406\n   another x-queue-type"
    thread = threading.Thread(target=listener.listen, daemon=True)
    thread.start()
    wait_until(lambda: len(broker.servers) > 2, "more attempts")
    assert set(told) == {"406 another x-queue-type"}
    broker.refusal = ""
    thread.join(30)
    assert not thread.is_alive()
    assert told[-1] == "listening"
    assert set(broker.states()[:-1]) == {"made"}
    assert broker.states()[-1] == "started"


def test_a_failure_without_a_text_is_one(listener: Listener, broker: Broker, told: list[str]) -> None:
    broker.silent = True
    thread = threading.Thread(target=listener.listen, daemon=True)
    thread.start()
    wait_until(lambda: len(broker.servers) > 2, "more attempts")
    assert set(told) == {"TimeoutError"}
    broker.silent = False
    thread.join(30)
    assert broker.states()[-1] == "started"


def test_each_pause_follows_from_the_last_one(broker: Broker) -> None:
    pauses: list[float] = []

    def longer(pause: float) -> float:
        pauses.append(pause)
        if len(pauses) == 3:
            broker.refusal = ""
        return pause + 0.001

    broker.refusal = "away"
    Listener(broker.make, pause=longer, refused=lambda _: None).listen()
    assert pauses == [0, 0.001, 0.002]


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
    assert broker.states()[-1] == "ended"


def test_who_is_trying_is_not_joined_by_another(listener: Listener, broker: Broker) -> None:
    broker.refusal = "away"
    listener.listen_again()
    wait_until(lambda: bool(broker.servers), "an attempt")
    for _ in range(5):
        listener.listen_again()
    broker.refusal = ""
    wait_until(lambda: "started" in broker.states(), "one that listens")
    listener.stop()
    wait_until(lambda: not any(thread.name == "rpc-listen" for thread in threading.enumerate()), "the end")
    assert broker.states().count("ended") == 1
    assert broker.states().count("started") == 0


def test_nothing_is_tried_after_the_end(listener: Listener, broker: Broker) -> None:
    broker.refusal = "away"
    thread = threading.Thread(target=listener.listen, daemon=True)
    thread.start()
    wait_until(lambda: bool(broker.servers), "an attempt")
    listener.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_one_that_cannot_be_ended_is_left(
    listener: Listener, broker: Broker, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.listen()

    def wait() -> None:
        raise OSError("the connection has gone")

    monkeypatch.setattr(broker.servers[0], "wait", wait)
    listener.listen()
    assert (broker.states(), told) == (["stopped", "started"], ["listening", "listening"])
