"""Observe tells and changes nothing; paused does nothing at all until it is over."""

import datetime
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, HOST, SECOND, Node, condition
from tests.support.rest import Link

when = datetime.datetime.fromisoformat

ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


@pytest.fixture
def node(fragile: Node) -> Iterator[Node]:
    """The node, enforcing again at the end."""
    yield fragile
    fragile.set_mode("enforce")


def test_observe_tells_drift_and_leaves_it(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    before = node.last_event(link)
    node.host.ip("link", "set", FIRST, "nomaster")
    event = node.wait_for_event(link, "drifted", before)
    assert [found["code"] for found in event["differences"]] == ["NOT_ATTACHED"]
    found = node.wait(link, "DOWN", "DRIFT")
    since = [each.pop("since") for each in found["differences"]]
    assert found["differences"] == event["differences"]
    # By the controller's clock, and so before it heard of it.
    assert all(when(each) <= when(event["received_at"]) for each in since)
    device = node.host.device(FIRST)
    assert device is not None
    assert "master" not in device
    with node.repaired(link, "NOT_ATTACHED"):
        node.set_mode("enforce")
    node.carries()


#: Done one after the other, each with what it is called.
HARMS = [
    (("link", "set", FIRST, "nomaster"), "NOT_ATTACHED"),
    (("link", "set", FIRST, "master", "br2"), "WRONG_BRIDGE"),
    (
        ("link", "set", FIRST, "alias", ""),
        "ALIAS",
    ),  # while it is up: the kernel tells of no alias of a device that is down
    (("link", "set", FIRST, "down"), "ADMIN_STATE"),
    (("link", "set", FIRST, "mtu", "1300"), "MTU"),
    (("link", "set", FIRST, "address", "0e:00:00:00:00:99"), "MAC"),
    (("set", "Port", SECOND, "tag=7"), "TAG"),
    (("remove", "Port", SECOND, "external_ids", "vethagent-link-id"), "EXTERNAL_IDS"),
    (("link", "set", FIRST, "name", "other"), "NAME"),
    (("del-port", SECOND), "OVS_PORT_MISSING"),
    (("link", "delete", SECOND), "DEVICE_MISSING"),
]


def test_observe_tells_each_harm_and_mends_none(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    for harm, code in HARMS:
        (node.host.ip if harm[0] == "link" else node.host.vsctl)(*harm)
        condition(lambda wanted=code: wanted in _codes(node, link), True, code)  # type: ignore[misc]
    before = node.picture()
    node.wait_for_report()
    assert node.picture() == before
    assert {FIRST, SECOND, "other"}.isdisjoint(node.host.devices())
    counted = _repaired(node)
    with node.repaired(link, *(code for _, code in HARMS)):
        node.set_mode("enforce")
    node.carries()
    condition(lambda: _repaired(node) > counted, True, "the count of repairs")


def _codes(node: Node, link: Link) -> set[str]:
    return {found["code"] for found in node.api.get(f"/v1/bridge-links/{link['id']}")["differences"]}


def _repaired(node: Node) -> int:
    return int(node.api.get(f"/v1/agents/{HOST}")["counters"].get("events_repaired", 0))


def test_observe_makes_and_deletes_nothing(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    before = node.picture()
    other = node.create("br2", "br-eth2")
    node.api.delete(link["id"])
    node.wait_for_event(other, "changed", 0)
    assert node.picture() == before
    node.set_mode("enforce")
    node.check(node.wait(other, "ACTIVE"))
    node.api.wait_until_gone(link["id"])


def test_drift_that_is_mended_by_hand(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    node.host.ip("link", "set", FIRST, "nomaster")
    node.wait(link, "DOWN", "DRIFT")
    node.host.ip("link", "set", FIRST, "master", "br1")
    node.check(node.wait(link, "ACTIVE"))


def test_paused_does_nothing_until_it_is_over(node: Node) -> None:
    link, going = node.plug(*ENDS), node.plug("br2", "br-eth2")
    node.set_mode("paused")
    last = node.last_event(link)
    node.host.ip("link", "set", FIRST, "nomaster")
    coming = node.create("br1", "br2")
    node.api.delete(going["id"])
    before = node.picture()
    node.wait_for_report()
    assert node.picture() == before
    assert node.events(link, last) == []
    assert node.events(coming) == []
    with node.repaired(link, "NOT_ATTACHED"):
        node.set_mode("enforce")
    node.check(node.wait(coming, "ACTIVE"))
    node.api.wait_until_gone(going["id"])


def test_what_is_made_again_under_its_name_waits_for_the_mode(node: Node) -> None:
    """Bridges of either kind, and a pair whose port in a userspace datapath is there still."""
    node.host.linux_bridge("lb-x")
    node.host.ovs_bridge("ob-x")
    links = node.plug(*ENDS), node.plug("lb-x", "ob-x")
    before = [node.last_event(link) for link in links]
    node.set_mode("paused")
    node.batch(
        f"link delete {FIRST}",
        f"link add {FIRST} up master br1 type veth peer name {SECOND}",
        f"link set {SECOND} up",
        "link delete lb-x",
        "link add lb-x up type bridge",
    )
    node.host.vsctl("del-br", "ob-x", "--", "add-br", "ob-x", "--", "set", "Bridge", "ob-x", "datapath_type=netdev")
    picture = node.picture()
    assert [node.events(link, last) for link, last in zip(links, before, strict=True)] == [[], []]
    node.set_mode("observe")
    condition(lambda: _codes(node, links[0]), {"MAC", "ALIAS"}, "what is wrong with the pair")
    condition(lambda: _codes(node, links[1]), {"NOT_ATTACHED", "OVS_PORT_MISSING"}, "what the bridges have lost")
    assert node.picture() == picture
    with (
        node.repaired(links[0], "ALIAS", passing=("MAC", "TX_CHECKSUM", "GRO")),
        node.repaired(links[1], "NOT_ATTACHED", "OVS_PORT_MISSING"),
    ):
        node.set_mode("enforce")
    node.carries()


def test_the_mode_outlives_the_process(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    assert node.allinone.stop() == 0
    node.host.ip("link", "delete", FIRST)
    node.start()
    node.wait(link, "DOWN", "DRIFT")
    assert FIRST not in node.host.devices()
    with node.repaired(link, "DEVICE_MISSING"):
        node.set_mode("enforce")
