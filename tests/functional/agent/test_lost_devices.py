"""Devices that ovs-vswitchd had open go while no agent listens, and all looks as it did when one does."""

from collections.abc import Callable

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.support import commands, rest, traffic

CONCURRENCY = ("eventlet", "threading")


def _make_anew(node: Node, link: rest.Link) -> None:
    """With all names, marks and addresses."""
    ends = [(end["device"], end["mac"]) for end in link["observed"]]
    (first, first_mac), (second, second_mac) = ends
    node.batch(
        f"link delete {first}",
        f"link add {first} address {first_mac} type veth peer name {second} address {second_mac}",
        *(f"link set {name} alias vethagent:{link['id']}" for name in (first, second)),
        f"link set {first} master br1 up",
        f"link set {second} up",
    )
    node.host.run("ethtool", "--offload", first, "tx", "off")


def _take_away_and_back(node: Node, _: rest.Link) -> None:
    """The index is the same."""
    away = node.guests["br2"].name
    node.host.ip("link", "set", SECOND, "netns", away)
    commands.run("ip", "-n", away, "link", "set", SECOND, "netns", node.host.namespace.name)
    node.host.ip("link", "set", SECOND, "up")


def _swap_names(node: Node, _: rest.Link) -> None:
    """ovs-vswitchd keeps the device that it has open, which is the end in the Linux bridge now."""
    node.batch(f"link set {FIRST} name x", f"link set {SECOND} name {FIRST}", f"link set x name {SECOND}")


@pytest.mark.parametrize("harm", [_make_anew, _take_away_and_back, _swap_names])
def test_a_device_that_went_meanwhile_is_opened_anew(fragile: Node, harm: Callable[[Node, rest.Link], None]) -> None:
    node = fragile
    link = node.plug_usual()
    before = node.last_event(link)
    assert node.allinone.stop() == 0
    harm(node, link)
    assert not traffic.can_ping(node.guests["br1"], node.guests["br-eth1"].address)
    node.start()
    repaired = node.wait_for_event(link, "repaired", before)["repaired"]
    assert ("OVS_PORT_STALE", SECOND) in [(found["code"], found["device"]) for found in repaired]
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_what_is_open_is_left_alone(fragile: Node) -> None:
    """A port that was put in anew would have another number."""
    node = fragile
    bridges = [f"many{number}" for number in range(20)]
    node.batch(*(f"link add {bridge} up type bridge" for bridge in bridges))
    links = [node.wait(link, "ACTIVE") for link in [node.create(bridge, "br-eth1") for bridge in bridges]]
    before, told = node.picture(), [node.last_event(link) for link in links]
    assert node.allinone.stop() == 0
    node.start()
    node.set_mode("observe")
    node.set_mode("enforce")  # everything is looked at
    node.wait_for_report()
    assert node.picture() == before
    assert [node.last_event(link) for link in links] == told
