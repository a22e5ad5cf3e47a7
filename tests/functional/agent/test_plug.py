"""What a plug makes: names, addresses, marks, both kinds of bridges, and traffic."""

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.support import commands, traffic

KINDS = {"br1": "linux", "br2": "linux", "br-eth1": "ovs", "br-eth2": "ovs"}
PAIRS = [("br1", "br-eth1"), ("br-eth1", "br1"), ("br1", "br2"), ("br-eth1", "br-eth2")]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_each_pair_of_kinds_carries_ping_and_tcp(node: Node, first: str, second: str) -> None:
    link = node.plug(first, second)
    node.check(link)
    assert [end["kind"] for end in link["observed"]] == [KINDS[first], KINDS[second]]
    node.carries(first, second)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_kinds_that_are_given(node: Node, first: str, second: str) -> None:
    ends = [{"bridge": bridge, "kind": KINDS[bridge]} for bridge in (first, second)]
    node.check(node.plug(*ends))


def test_given_names_and_addresses_are_used(node: Node) -> None:
    link = node.plug(
        {"bridge": "br1", "device": FIRST, "mac": "0e:00:00:00:00:01"},
        {"bridge": "br-eth1", "device": SECOND, "mac": "0e:00:00:00:00:02"},
        name="seed",
    )
    node.check(link)
    assert [end["device"] for end in link["observed"]] == [FIRST, SECOND]
    assert [end["mac"] for end in link["observed"]] == ["0e:00:00:00:00:01", "0e:00:00:00:00:02"]


def test_the_longest_name_is_used_whole(node: Node) -> None:
    link = node.plug({"bridge": "br1", "device": "a" * 15}, {"bridge": "br-eth1", "device": "b" * 15})
    assert [end["device"] for end in link["observed"]] == ["a" * 15, "b" * 15]
    node.check(link)


def test_derived_names_and_addresses_are_those_of_the_link(node: Node) -> None:
    before = node.host.devices()
    link = node.plug("br1", "br-eth1")
    names = [end["device"] for end in link["observed"]]
    macs = [end["mac"] for end in link["observed"]]
    assert sorted(set(node.host.devices()) - set(before)) == sorted(names)
    node.host.ip("link", "delete", names[0])
    again = node.wait_for_event(link, "repaired", 0)["ends"]
    assert [end["device"] for end in again] == names
    assert [end["mac"] for end in again] == macs


def test_tx_checksum_is_finished_before_a_userspace_datapath(node: Node) -> None:
    link = node.plug_usual()
    assert [end["tx_checksum"] for end in link["observed"]] == [False, True]
    assert "tx-checksumming: off" in node.host.run("ethtool", "--show-offload", FIRST)
    assert "tx-checksumming: on" in node.host.run("ethtool", "--show-offload", SECOND)


def test_a_tag_is_the_access_vlan(node: Node) -> None:
    tap = node.guests["br-eth1"].device
    link = node.plug("br1", {"bridge": "br-eth1", "tag": 100})
    node.check(link)
    try:
        node.host.vsctl("set", "Port", tap, "tag=100")
        node.carries()
        node.host.vsctl("set", "Port", tap, "tag=101")
        _wait_for_silence(node)
    finally:
        node.host.vsctl("clear", "Port", tap, "tag")
    _wait_for_silence(node)


def _wait_for_silence(node: Node) -> None:
    """Wait until no ping is answered: ovs-vswitchd forgets a moment later how it passed the packets before."""

    def is_silent() -> bool:
        return not traffic.can_ping(node.guests["br1"], node.guests["br-eth1"].address, timeout=0.3)

    commands.wait_until(is_silent, what="no answer")


def test_plug_is_told_once(node: Node) -> None:
    link = node.plug_usual()
    node.patch(link, name="other")
    node.wait(link, "ACTIVE")
    plugged = [event for event in node.events(link) if event["kind"] == "plugged"]
    assert [event["generation"] for event in plugged] == sorted({event["generation"] for event in plugged})
    assert plugged[0]["status"] == "ACTIVE"
    assert plugged[0]["repaired"] == []


def test_tag_for_a_linux_bridge_is_an_error_until_it_is_gone(node: Node) -> None:
    link = node.create({"bridge": "br1", "tag": 5}, "br-eth1")
    node.wait(link, "ERROR", "TAG_UNSUPPORTED")
    node.patch(link, ends=[{"bridge": "br1"}, {"bridge": "br-eth1"}])
    node.check(node.wait(link, "ACTIVE"))


def test_unplug_leaves_everything_as_it_was(node: Node) -> None:
    before = node.picture()
    for first, second in PAIRS:
        link = node.plug(first, second)
        node.unplug(link)
        assert node.picture() == before
