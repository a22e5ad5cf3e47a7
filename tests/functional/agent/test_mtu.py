"""MTU of the ends: the one given, or the smaller of the two bridges'; the bridges keep theirs."""

import pytest

from tests.functional.agent.node import Node

CONCURRENCY = ("threading",)

SIZES = {"lb-small": 1400, "lb-large": 9000, "ob-small": 1300, "ob-large": 8000}


@pytest.fixture
def sized(node: Node) -> Node:
    """The node with bridges of all sizes; without ports."""
    for name, mtu in SIZES.items():
        (node.host.linux_bridge if name.startswith("lb") else node.host.ovs_bridge)(name, mtu=mtu)
    return node


@pytest.mark.parametrize(
    ("first", "second"),
    [("lb-small", "lb-large"), ("lb-large", "ob-large"), ("lb-large", "ob-small"), ("ob-small", "ob-large")],
)
def test_the_smaller_of_the_two_bridges(sized: Node, first: str, second: str) -> None:
    link = sized.plug(first, second)
    sized.check(link)
    assert [end["mtu"] for end in link["observed"]] == [min(SIZES[first], SIZES[second])] * 2
    assert {name: sized.mtu(name) for name in SIZES} == SIZES


@pytest.mark.parametrize("mtu", [68, 1000, 9000, 65535])
@pytest.mark.parametrize("second", ["br2", "br-eth1"])
def test_the_one_given_and_the_bridges_keep_theirs(node: Node, second: str, mtu: int) -> None:
    bridges = {name: node.mtu(name) for name in ("br1", second)}
    link = node.plug("br1", second, mtu=mtu)
    node.check(link)
    assert [end["mtu"] for end in link["observed"]] == [mtu, mtu]
    assert {name: node.mtu(name) for name in bridges} == bridges
    node.unplug(link)
    assert {name: node.mtu(name) for name in bridges} == bridges


def test_a_bridge_keeps_its_own_when_its_port_is_made_anew(node: Node) -> None:
    """With the port, which is the last one of ours, goes what has kept it."""
    before = node.mtu("br-eth2")
    link = node.plug("br2", "br-eth2", mtu=1200)
    device = link["observed"][1]["device"]
    with node.repaired(link, "PORT_TYPE", passing=("OVS_PORT_STALE",)):
        node.host.vsctl("set", "Interface", device, "type=internal")
    node.host.vsctl("set", "Open_vSwitch", ".", "external_ids:seen=1")  # returns when ovs-vswitchd has seen all of it
    assert node.mtu("br-eth2") == before


def test_bridges_without_ports_keep_their_addresses(sized: Node) -> None:
    names = ("lb-small", "ob-small")
    before = [sized.host.device(name) for name in names]
    sized.plug(*names)
    for name, device in zip(names, before, strict=True):
        after = sized.host.device(name)
        assert after is not None
        assert device is not None
        assert after["address"] == device["address"], name


@pytest.mark.parametrize("bridge", ["br1", "br-eth1"])
def test_bridges_keep_their_addresses_beside_lower_ones(node: Node, bridge: str) -> None:
    before = node.host.device(bridge)
    assert before is not None
    node.plug({"bridge": bridge, "mac": "00:00:00:00:00:01"}, "br2")
    after = node.host.device(bridge)
    assert after is not None
    assert after["address"] == before["address"]
