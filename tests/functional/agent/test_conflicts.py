"""Names that somebody else has, bridges that are not there, and pairs that are to be taken over."""

from typing import Any

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node, condition
from tests.support import traffic

ENDS: tuple[dict[str, Any], dict[str, Any]] = (
    {"bridge": "br1", "device": FIRST},
    {"bridge": "br-eth1", "device": SECOND},
)
ID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "kind",
    [
        ("link", "add", FIRST, "type", "veth", "peer", "name", "other"),
        ("link", "add", SECOND, "type", "veth", "peer", "name", "other"),
        ("link", "add", FIRST, "type", "veth", "peer", "name", SECOND),
        ("link", "add", "link", "br2", "name", FIRST, "type", "macvlan"),
        ("link", "add", "name", FIRST, "type", "bridge"),
        ("tuntap", "add", "name", SECOND, "mode", "tap"),
    ],
    ids=["first", "second", "both", "macvlan", "bridge", "tap"],
)
def test_a_device_has_the_name_until_it_goes(node: Node, kind: tuple[str, ...]) -> None:
    node.host.ip(*kind)
    before = node.picture()
    link = node.create(*ENDS)
    assert "is taken by" in node.wait(link, "ERROR", "NAME_CONFLICT")["message"]
    assert node.picture() == before
    name = next(name for name in kind if name in (FIRST, SECOND))
    node.host.ip("link", "delete", name)
    node.check(node.wait(link, "ACTIVE"))
    node.carries()


def test_a_row_has_the_name_until_it_goes(node: Node) -> None:
    node.host.vsctl("--no-wait", "add-port", "br-eth1", SECOND)
    link = node.create(*ENDS)
    node.wait(link, "ERROR", "NAME_CONFLICT")
    assert FIRST not in node.host.devices()
    node.host.vsctl("del-port", SECOND)
    node.check(node.wait(link, "ACTIVE"))


def test_a_bond_has_the_name_until_it_goes(node: Node) -> None:
    """In Open vSwitch, and its interfaces have other names."""
    node.host.vsctl("--no-wait", "add-bond", "br-eth2", SECOND, "bonded-a", "bonded-b")
    link = node.create(*ENDS)
    assert "port of something else in OVS bridge br-eth2" in node.wait(link, "ERROR", "NAME_CONFLICT")["message"]
    assert FIRST not in node.host.devices()
    node.host.vsctl("del-port", SECOND)
    node.check(node.wait(link, "ACTIVE"))


def test_the_name_of_another_link(node: Node) -> None:
    node.plug(*ENDS)
    body = {"host": "compute", "ends": [{"bridge": "br2", "device": FIRST}, {"bridge": "br-eth2"}]}
    answer = node.api.request("POST", "/v1/bridge-links", body)
    assert answer.status == 409
    assert answer.body["error"]["code"] == "NAME_CONFLICT"


@pytest.mark.parametrize("mark", [f"vethagent:{ID}x", "vethagent:", f"Vethagent:{ID}", f"vethagent:{ID.upper()[:-1]}G"])
def test_a_mark_that_only_looks_like_one(node: Node, mark: str) -> None:
    node.host.ip("link", "add", FIRST, "type", "veth", "peer", "name", SECOND)
    for device in (FIRST, SECOND):
        node.host.ip("link", "set", device, "alias", mark)
    before = node.picture()
    link = node.create(*ENDS)
    node.wait(link, "ERROR", "NAME_CONFLICT")
    node.unplug(link)
    assert node.picture() == before


@pytest.mark.parametrize("device", [FIRST, SECOND])
def test_an_end_with_an_alias_of_somebody_is_left_alone_until_that_goes(node: Node, device: str) -> None:
    link = node.plug(*ENDS)
    node.host.ip("link", "set", device, "alias", "uplink")
    message = node.wait(link, "ERROR", "NAME_CONFLICT")["message"]
    assert message.startswith(f"{device}, one end of the pair, carries the alias 'uplink' of another")
    node.carries()
    with node.repaired(link, "ALIAS"):
        node.host.ip("link", "set", device, "alias", "")


# -- bridges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["auto", "linux", "ovs"])
@pytest.mark.parametrize("made", ["linux", "ovs"])
def test_an_unknown_bridge_that_appears(node: Node, kind: str, made: str) -> None:
    before = node.picture()
    link = node.create("br1", {"bridge": "late", "kind": kind})
    assert "late" in node.wait(link, "ERROR", "BRIDGE_NOT_FOUND")["message"]
    assert node.picture() == before
    (node.host.linux_bridge if made == "linux" else node.host.ovs_bridge)("late")
    if kind in ("auto", made):
        node.check(node.wait(link, "ACTIVE"))
    else:
        text = f"only one of kind {made}"
        condition(lambda: text in node.wait(link, "ERROR", "BRIDGE_NOT_FOUND")["message"], True, text)


# -- adoption ----------------------------------------------------------------------------------------------------


def _make_by_hand(node: Node) -> None:
    node.host.ip("link", "add", FIRST, "type", "veth", "peer", "name", SECOND)
    node.host.ip("link", "set", FIRST, "master", "br1", "up")
    node.host.ip("link", "set", SECOND, "up")
    node.host.run("ethtool", "--offload", FIRST, "tx", "off")
    node.host.vsctl("add-port", "br-eth1", SECOND)


def test_a_pair_that_is_exactly_as_wanted_is_adopted_without_a_flap(node: Node) -> None:
    _make_by_hand(node)
    before = [node.host.device(name) for name in (FIRST, SECOND)]
    with traffic.Pings(node.guests["br1"], node.guests["br-eth1"].address, interval=0.01) as pings:
        link = node.plug(*ENDS, adopt=True)
        pings.wait_for_answers(10)
    assert pings.lost() == []
    node.check(link)
    after = [node.host.device(name) for name in (FIRST, SECOND)]
    assert [device and device["ifindex"] for device in before] == [device and device["ifindex"] for device in after]
    assert [device and device["address"] for device in before] == [device and device["address"] for device in after]
    assert {event["kind"] for event in node.events(link)} <= {"plugged", "changed"}
    with node.remade(link):
        node.host.ip("link", "delete", FIRST)
    node.carries()


def test_a_pair_that_is_down_is_adopted(node: Node) -> None:
    """Of its marks the kernel tells nobody then."""
    pair = f"link add {FIRST} type veth peer name {SECOND}"
    node.batch(pair, f"link set {FIRST} master br1", f"link set {SECOND} master br2")
    ends = {"bridge": "br1", "device": FIRST}, {"bridge": "br2", "device": SECOND}
    link = node.wait(node.create(*ends, adopt=True, admin_state_up=False), "DOWN", "ADMIN_DOWN")
    assert node.marks() == {link["id"]}


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (("link", "set", FIRST, "master", "br2"), "WRONG_BRIDGE"),
        (("link", "set", FIRST, "nomaster"), "NOT_ATTACHED"),
        (("link", "set", FIRST, "mtu", "1400"), "MTU"),
        (("link", "set", SECOND, "down"), "ADMIN_STATE"),
        (("link", "set", SECOND, "master", "br2"), "WRONG_BRIDGE"),
        (("del-port", SECOND), "OVS_PORT_MISSING"),
        (("set", "Port", SECOND, "tag=7"), "TAG"),
        (("set", "Port", SECOND, "trunks=7"), "VLANS"),
        (("set", "Interface", SECOND, "type=internal"), "PORT_TYPE"),
    ],
)
def test_a_pair_that_is_not_exactly_as_wanted_is_left_alone(node: Node, harm: tuple[str, ...], code: str) -> None:
    _make_by_hand(node)
    (node.host.ip if harm[0] == "link" else node.host.vsctl)(*harm)
    before = node.picture()
    link = node.wait(node.create(*ENDS, adopt=True, mtu=1500), "ERROR", "ADOPT_MISMATCH")
    assert code in {found["code"] for found in link["differences"]}
    node.unplug(link)
    assert node.picture() == before


def test_only_one_device_of_a_pair_to_adopt(node: Node) -> None:
    node.host.ip("link", "add", FIRST, "type", "veth", "peer", "name", "other")
    before = node.picture()
    message = node.wait(node.create(*ENDS, adopt=True), "ERROR", "ADOPT_MISMATCH")["message"]
    assert message.endswith(f": there is no device {SECOND}; the other end of {FIRST} is other"), message
    assert node.picture() == before


def test_what_is_against_a_pair_to_adopt_is_named(node: Node) -> None:
    """An alias, and that the other end is a guest's."""
    node.host.ip("link", "add", FIRST, "type", "veth", "peer", "name", SECOND, "netns", node.guests["br1"].name)
    node.host.ip("link", "set", FIRST, "alias", "uplink")
    node.host.ip("link", "set", FIRST, "up")  # of an alias alone the kernel tells nobody
    message = node.wait(node.create(*ENDS, adopt=True), "ERROR", "ADOPT_MISMATCH")["message"]
    for part in ("has the alias 'uplink'", f"no device {SECOND}", f"end of {FIRST} is in another network namespace"):
        assert part in message, message


def test_nothing_to_adopt_is_made(node: Node) -> None:
    node.check(node.plug(*ENDS, adopt=True))


def test_an_altname_is_in_the_way(node: Node) -> None:
    """No event tells of one of a device that is down; the agent tries again after a while."""
    node.host.ip("link", "add", "alien", "type", "veth", "peer", "name", "alien2")
    node.host.ip("link", "property", "add", "dev", "alien", "altname", FIRST)
    link = node.create(*ENDS)
    message = node.wait(link, "ERROR", "NAME_CONFLICT")["message"]
    assert message == f"the name {FIRST} is taken by a veth device, alien, as an altname"
    node.host.ip("link", "property", "del", "dev", "alien", "altname", FIRST)
    node.check(node.wait(link, "ACTIVE"))
