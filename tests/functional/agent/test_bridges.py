"""Bridges go and come back under a link."""

import re

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node, condition

LINUX, OVS = "lb-x", "ob-x"
ENDS = {"bridge": LINUX, "device": FIRST}, {"bridge": OVS, "device": SECOND}


@pytest.fixture
def bridged(node: Node) -> Node:
    """The node with two more bridges, to which the guests of br1 and br-eth1 have moved."""
    node.host.linux_bridge(LINUX)
    node.host.ovs_bridge(OVS)
    return node


def _move_guests(node: Node) -> None:
    node.host.ip("link", "set", node.guests["br1"].device, "master", LINUX)
    tap = node.guests["br-eth1"].device
    node.host.vsctl("--if-exists", "del-port", tap, "--", "add-port", OVS, tap)


def _move_guests_back(node: Node) -> None:
    node.host.ip("link", "set", node.guests["br1"].device, "master", "br1")
    tap = node.guests["br-eth1"].device
    node.host.vsctl("--if-exists", "del-port", tap, "--", "add-port", "br-eth1", tap)


def _carries(node: Node) -> None:
    _move_guests(node)
    try:
        node.carries()
    finally:
        _move_guests_back(node)


def test_linux_bridge_deleted_and_made_again(bridged: Node) -> None:
    link = bridged.plug(*ENDS)
    indexes = bridged.indexes(link)
    bridged.host.ip("link", "delete", LINUX)
    bridged.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    warning = re.compile(rf" WARNING .* link {link['id']} \w+: ERROR \(BRIDGE_NOT_FOUND\)")
    log = bridged.allinone.log
    condition(lambda: warning.search(log.read_text(errors="replace")) is not None, True, "a warning in the log")
    bridged.host.linux_bridge(LINUX)
    bridged.check(bridged.wait(link, "ACTIVE"))
    assert bridged.indexes(link) == indexes
    _carries(bridged)


def test_ovs_bridge_deleted_and_made_again(bridged: Node) -> None:
    link = bridged.plug(*ENDS)
    bridged.host.vsctl("del-br", OVS)
    bridged.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    bridged.host.ovs_bridge(OVS)
    bridged.check(bridged.wait(link, "ACTIVE"))
    _carries(bridged)


@pytest.mark.parametrize("mtu", [None, 1300])
def test_bridges_deleted_and_made_again_at_once(bridged: Node, mtu: int | None) -> None:
    link = bridged.plug(*ENDS, mtu=mtu)
    bridged.batch(f"link delete {LINUX}", f"link add {LINUX} type bridge", f"link set {LINUX} up")
    options = ["datapath_type=netdev", "stp_enable=false"]
    bridged.host.vsctl("del-br", OVS, "--", "add-br", OVS, "--", "set", "Bridge", OVS, *options)

    def attached() -> bool:
        device = bridged.host.device(FIRST)
        return bool(device and device.get("master") == LINUX) and SECOND in bridged.host.ovs_ports(OVS)

    condition(attached, True, "both ends in their bridges")
    condition(lambda: [bridged.mtu(name) for name in (LINUX, OVS)], [1500, 1500], "the MTU of the bridges")
    found = bridged.wait(link, "ACTIVE")
    bridged.check(found)
    assert [end["mtu"] for end in found["observed"]] == [mtu or 1500] * 2


def test_a_bridge_that_becomes_one_of_the_other_kind(bridged: Node) -> None:
    link = bridged.plug(*ENDS)
    bridged.host.ip("link", "delete", LINUX)
    bridged.host.ovs_bridge(LINUX)
    condition(lambda: FIRST in bridged.host.ovs_ports(LINUX), True, "the end in the new bridge")
    condition(lambda: [end["kind"] for end in bridged.wait(link, "ACTIVE")["observed"]], ["ovs", "ovs"], "the kinds")
    bridged.check(bridged.wait(link, "ACTIVE"))


def test_a_renamed_bridge_is_another_one(bridged: Node) -> None:
    link = bridged.plug(*ENDS)
    bridged.host.ip("link", "set", LINUX, "name", "lb-y")
    bridged.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    bridged.host.ip("link", "set", "lb-y", "name", LINUX)
    bridged.check(bridged.wait(link, "ACTIVE"))


def test_through_a_linux_bridge_that_is_down_nothing_passes(bridged: Node) -> None:
    link = bridged.plug(*ENDS)
    bridged.host.ip("link", "set", LINUX, "down")
    assert LINUX in bridged.wait(link, "DOWN", "NO_CARRIER")["message"]
    bridged.host.ip("link", "set", LINUX, "up")
    bridged.check(bridged.wait(link, "ACTIVE"))
    _carries(bridged)


def test_unplug_without_the_bridges(bridged: Node) -> None:
    link = bridged.plug(*ENDS)
    bridged.host.ip("link", "delete", LINUX)
    bridged.host.vsctl("del-br", OVS)
    bridged.unplug(link)
    assert {FIRST, SECOND}.isdisjoint(bridged.host.devices())
