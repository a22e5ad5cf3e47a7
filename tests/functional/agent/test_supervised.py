"""What systemd hears of the agent, and what the agent says of parts that hang."""

import contextlib
import itertools
import os
import pathlib
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import Node
from tests.functional.agent.outages import ENDS, stopped, wait_for_reasons
from tests.support import commands, freezing

CONCURRENCY = ("eventlet", "threading")


class Supervisor:
    """The other side of NOTIFY_SOCKET: remembers what it was told, and when."""

    def __init__(self, path: pathlib.Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.heard: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self.env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"}

    def lines(self, name: str) -> list[str]:
        """Return what was said of ``name``, the oldest first."""
        return [line for _, text in self.heard for line in text.split("\n") if line.startswith(f"{name}=")]

    def longest_silence(self) -> float:
        """Return the longest time in seconds between two signs of life."""
        times = [when for when, text in self.heard if "WATCHDOG=1" in text]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def close(self) -> None:
        """End."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _listen(self) -> None:
        while data := self._socket.recv(4096):
            self.heard.append((time.monotonic(), data.decode()))


@pytest.fixture(scope="module")
def supervisor(fragile_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Whoever started the agent of the node, and wants a sign of life each second; in the end it hears of the end."""
    node = fragile_node
    assert node.allinone.stop() == 0
    made = Supervisor(tmp_path_factory.mktemp("supervisor") / "notify")
    node.allinone.env.update(made.env)
    try:
        node.start()
        yield made
        assert made.lines("STOPPING") == []
        assert node.allinone.stop() == 0
        commands.wait_until(lambda: made.lines("STOPPING") == ["STOPPING=1"], what="the end")
    finally:
        node.allinone.kill()
        made.close()
        for name in made.env:
            del node.allinone.env[name]
        node.start()


@contextlib.contextmanager
def _says(node: Node, text: str) -> Iterator[None]:
    """What the block does makes the agent write ``text`` into its log, which is waited for."""

    def log() -> str:
        return node.allinone.log.read_text(errors="replace")

    before = len(log())
    yield
    commands.wait_until(lambda: text in log()[before:], what=text, timeout=30)


def test_a_helper_that_hangs(fragile: Node, supervisor: Supervisor) -> None:
    node = fragile
    node.plug("br2", "br-eth2")  # so that the helper has started
    commands.wait_until(lambda: supervisor.lines("WATCHDOG"), what="a sign of life")
    with _says(node, "privsep does not work: the helper has not answered"):
        node.arm("helper-looked", "hang")
        link = node.create(*ENDS)
    node.check(node.wait(link, "ACTIVE"))
    wait_for_reasons(node)
    before = len(supervisor.lines("WATCHDOG"))
    commands.wait_until(lambda: len(supervisor.lines("WATCHDOG")) > before, what="a sign of life again")
    assert supervisor.longest_silence() > 2


def test_an_idle_helper_that_hangs(fragile: Node, supervisor: Supervisor) -> None:
    """There is another one before a batch needs it."""
    node = fragile
    node.plug("br2", "br-eth2")  # so that the helper has started
    [helper] = commands.wait_until(node.helpers, what="a helper")
    with freezing.frozen(helper), _says(node, "privsep works again"):
        pass
    [another] = node.helpers()
    assert another != helper
    link = node.create(*ENDS)
    node.check(node.wait(link, "ACTIVE"))
    assert node.helpers() == [another]
    wait_for_reasons(node)


def test_a_helper_that_does_not_last(fragile: Node, supervisor: Supervisor) -> None:
    """Nothing is to be done that needs one."""
    node = fragile
    node.plug("br2", "br-eth2")  # so that the helper has started
    seen: set[int] = set()
    for _ in range(3):
        [helper] = commands.wait_until(lambda: set(node.helpers()) - seen, what="another helper")
        seen.add(helper)
        os.kill(helper, signal.SIGKILL)
    commands.wait_until(lambda: set(node.helpers()) - seen, what="another helper")
    wait_for_reasons(node)


def test_a_reconciler_that_hangs(fragile: Node, supervisor: Supervisor) -> None:
    """It waits for an answer of OVSDB."""
    node = fragile
    node.plug("br2", "br-eth2")  # so that OVSDB has answered before
    with stopped(node.host.ovs.server), _says(node, "reconciler does not work: it has been busy with one round"):
        link = node.create(*ENDS)
    commands.wait_until(lambda: "reconciler" in "".join(supervisor.lines("STATUS")), what="the status")
    node.check(node.wait(link, "ACTIVE"))
    wait_for_reasons(node)
    commands.wait_until(lambda: supervisor.lines("STATUS")[-1:] == ["STATUS=all parts work"], what="the status")
    assert supervisor.lines("READY") == ["READY=1"]


def test_ready_and_alive(supervisor: Supervisor) -> None:
    commands.wait_until(lambda: len(supervisor.lines("WATCHDOG")) > 3, what="signs of life")
    assert supervisor.lines("READY") == ["READY=1"]
    assert "READY=1" in next(text for _, text in supervisor.heard if "WATCHDOG=1" in text)
    commands.wait_until(lambda: supervisor.lines("STATUS")[-1:] == ["STATUS=all parts work"], what="the status")
