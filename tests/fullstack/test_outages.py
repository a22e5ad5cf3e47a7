"""Whatever is between a host and the database goes away under load and comes back: nothing flaps, nothing is lost."""

import contextlib
import functools
import os
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, deployment, management, rest, traffic

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}
SPOKES = ("spoke1", "spoke2", "spoke3")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def hub(nodes: list[deployment.Node]) -> deployment.Node:
    """A node with three more bridges around br1."""
    (node,) = nodes
    for bridge in SPOKES:
        node.host.linux_bridge(bridge)
    return node


class Outage:
    """Three links of ``node`` before a fault: one that nobody touches, one that is cut, one that is to go."""

    def __init__(self, made: deployment.Deployment, node: deployment.Node) -> None:
        self._made, self._rest, self._node = made, made.rest, node
        self._kept, self._cut, self._going = links.plug(made, node), self._spoke(0), self._spoke(1)
        self._rest.wait_for_agent(node.name)
        self._indexes = self._devices(self._kept)
        self._events_before = self._events(self._kept)
        self._log_before = len(self._log())
        self._coming: rest.Link | None = None

    def cut(self) -> None:
        """Delete a device, and wait until the agent has made it again."""
        device, (before, _) = self._cut["observed"][0]["device"], self._devices(self._cut)
        self._node.host.ip("link", "delete", device)
        commands.wait_until(lambda: self._index(device) not in (None, before), what="the repair")

    def request(self) -> None:
        """Ask for a link, and for the end of another."""
        ends = [{"bridge": "br1"}, {"bridge": SPOKES[2]}]
        self._coming = self._rest.create(links.wanted(self._node.name, ends=ends))
        self._rest.delete(self._going["id"])

    def wait_for_word(self, text: str) -> None:
        """Wait until the agent's log has ``text`` in what it said since."""
        commands.wait_until(lambda: text in self._log()[self._log_before :], what=text, timeout=30)

    def forget(self) -> None:
        """Delete the devices of all links."""
        for link in self._all():
            self._node.host.ip("link", "delete", link["observed"][0]["device"])

    def wait_for_restored(self) -> None:
        """Wait until all links are there again and carry packets, of which the controller knows nothing."""
        for link in self._all():
            is_there = functools.partial(self._is_there, link)
            commands.wait_until(is_there, what="the devices", timeout=30)
        traffic.wait_for_ping(self._node.guest1, self._node.guest2.address, timeout=30)
        links.check_plugged(self._node.host, self._kept["id"])
        assert self._repairs() == 0

    def check_restored(self) -> None:
        """Wait until everything is in step; that the links were restored is told once."""
        commands.wait_until(self._is_well, what="an agent in good health", timeout=60)
        for link in self._all():
            repairs = functools.partial(self._repairs, link)
            commands.wait_until(repairs, what="the report of the repair", timeout=60)
            self._rest.wait_for_status(link["id"], "ACTIVE")
            assert self._repairs(link) == 1

    def check(self) -> None:
        """Wait until everything is in step, then check that nothing flapped, was lost or was told twice."""
        if self._coming is not None:
            self._rest.wait_for_status(self._coming["id"], "ACTIVE", timeout=60)
            self._rest.wait_until_gone(self._going["id"], timeout=60)
        commands.wait_until(self._repairs, what="the report of the repair", timeout=60)
        commands.wait_until(self._is_well, what="an agent in good health", timeout=60)
        assert self._repairs() == 1
        assert self._devices(self._kept) == self._indexes
        assert self._events(self._kept) == self._events_before
        found = self._rest.events(f"host={self._node.name}&limit=1000&after=0")
        assert [event["seq"] for event in found] == list(range(1, len(found) + 1))

    def _spoke(self, number: int) -> rest.Link:
        ends = [{"bridge": "br1"}, {"bridge": SPOKES[number]}]
        return links.plug(self._made, self._node, ends=ends)

    def _index(self, device: str) -> int | None:
        found = self._node.host.device(device)
        return int(found["ifindex"]) if found is not None else None

    def _devices(self, link: rest.Link) -> list[int | None]:
        return [self._index(end["device"]) for end in link["observed"]]

    def _events(self, link: rest.Link) -> list[int]:
        return [int(event["id"]) for event in self._rest.events(f"link_id={link['id']}&after=0")]

    def _is_there(self, link: rest.Link) -> bool:
        return None not in self._devices(link)

    def _all(self) -> list[rest.Link]:
        return [self._kept, self._cut, self._going]

    def _repairs(self, link: rest.Link | None = None) -> int:
        found = self._rest.events(f"link_id={(link or self._cut)['id']}&after=0")
        return sum(event["kind"] == "repaired" for event in found)

    def _is_well(self) -> bool:
        agent = self._rest.get(f"/v1/agents/{self._node.name}")
        in_step = agent["desired_in_step"] and agent["observed_in_step"]
        return bool(agent["alive"] and agent["ready"] and in_step and not agent["health"])

    def _log(self) -> str:
        return self._node.agent.log.read_text(errors="replace")


@pytest.fixture
def outage(clean: deployment.Deployment, hub: deployment.Node) -> Outage:
    """The links."""
    return Outage(clean, hub)


def test_the_broker_is_killed_and_restarted(outage: Outage, clean: deployment.Deployment) -> None:
    clean.broker.kill()
    try:
        outage.cut()
        outage.request()
        outage.wait_for_word("events does not work")
        outage.wait_for_word("bus does not work")
    finally:
        clean.broker.start()
    outage.check()


def test_the_queues_are_deleted(outage: Outage, clean: deployment.Deployment, hub: deployment.Node) -> None:
    names = {f"vethagent-agent.{hub.name}", "vethagent-controller"}
    assert names <= set(clean.broker.control("list_queues", "--no-table-headers", "name").split())
    for name in sorted(names):
        clean.broker.control("delete_queue", name)
    outage.cut()
    outage.request()
    outage.check()


def test_all_connections_are_cut(outage: Outage, clean: deployment.Deployment) -> None:
    clean.broker.control("close_all_connections", "a test")
    outage.cut()
    outage.request()
    outage.check()


@contextlib.contextmanager
def _without_controller(made: deployment.Deployment) -> Iterator[None]:
    """The controller hangs; what it was sent meanwhile it reads after that, and finds it sent again."""
    os.killpg(made.controller.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(made.controller.pid, signal.SIGCONT)


@contextlib.contextmanager
def _locked(made: deployment.Deployment) -> Iterator[None]:
    """Somebody else writes to the database and does not end."""
    with contextlib.closing(sqlite3.connect(made.database, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_the_controller_hangs(outage: Outage, clean: deployment.Deployment) -> None:
    with _without_controller(clean):
        outage.cut()
        outage.request()
        outage.wait_for_word("events does not work")
    outage.check()


def test_the_database_is_locked(outage: Outage, clean: deployment.Deployment) -> None:
    with _locked(clean):
        outage.cut()
        outage.wait_for_word("events does not work")
    outage.request()
    outage.check()


def test_a_reboot_without_the_bus(outage: Outage, clean: deployment.Deployment, hub: deployment.Node) -> None:
    """The kernel forgets all devices, Open vSwitch remembers its rows, and the network of the bus is not there yet."""
    hub.agent.kill()
    hub.host.ip("link", "set", management.DEVICE, "down")
    hub.host.ovs.switch.kill()
    outage.forget()
    hub.host.ovs.switch.start()
    hub.agent.start()
    outage.wait_for_restored()
    hub.host.ip("link", "set", management.DEVICE, "up")
    outage.check_restored()
