"""Whatever is done to a link is repaired by event, told with what was wrong, and traffic flows again."""

import functools

import pytest

from tests.functional.agent import sabotage
from tests.functional.agent.node import FIRST, SECOND, Node, condition
from tests.support import commands

CONCURRENCY = ("eventlet", "threading")


@pytest.mark.parametrize("harm", sabotage.ALL, ids=lambda harm: harm.name)
def test_sabotage(node: Node, harm: sabotage.Sabotage) -> None:
    link = node.plug_usual()
    with node.repaired(link, *harm.codes, passing=harm.passing):
        harm.act(node)
    node.carries()


def test_the_log_says_what_was_wrong(node: Node) -> None:
    link = node.plug_usual()
    with node.repaired(link, "TAG"):
        node.host.vsctl("set", "Port", SECOND, "tag=7")
    line = f"link {link['id']} repaired: ACTIVE, {SECOND}: TAG was 7, wanted none"
    commands.wait_until(lambda: line in node.allinone.log.read_text(errors="replace"), what=line)


@pytest.mark.parametrize("device", [FIRST, SECOND])
@pytest.mark.parametrize("given", [None, 1500, 1300])
def test_mtu_changed(node: Node, device: str, given: int | None) -> None:
    bridges = {name: node.mtu(name) for name in ("br1", "br-eth1")}
    link = node.plug_usual(mtu=given)
    for mtu in ("1000", "4000"):
        with node.repaired(link, "MTU"):
            node.host.ip("link", "set", device, "mtu", mtu)
        assert [node.mtu(FIRST), node.mtu(SECOND)] == [given or 1500] * 2
    for name, mtu_before in bridges.items():
        condition(functools.partial(node.mtu, name), mtu_before, f"the MTU of {name}")
    assert [node.mtu(FIRST), node.mtu(SECOND)] == [given or 1500] * 2


def test_both_ends_changed_at_once(node: Node) -> None:
    link = node.plug_usual()
    codes, passing = ("MTU", "ADMIN_STATE", "TAG", "ALIAS"), ("NOT_ATTACHED", "OVS_PORT_MISSING")
    with node.repaired(link, *codes, passing=passing), node.unseen():
        for device in (FIRST, SECOND):
            node.host.ip("link", "set", device, "down", "mtu", "1000", "alias", "")
        node.host.ip("link", "set", FIRST, "nomaster")
        node.host.vsctl("set", "Port", SECOND, "tag=9")
    assert [node.mtu(FIRST), node.mtu(SECOND)] == [1500, 1500]
    node.carries()


def test_marks_go_while_an_end_is_down(node: Node) -> None:
    """Of that the kernel tells nobody; the helper, which looks by itself, changes nothing without a mark."""
    link = node.plug_usual()
    with node.unseen():
        node.batch(f"link set {FIRST} down", *(f'link set {device} alias ""' for device in (FIRST, SECOND)))
    node.wait_for_event(link, "repaired", 0)
    node.check_repaired(link)
    node.carries()


def test_a_port_stays_while_its_pair_has_lost_both_marks(node: Node) -> None:
    """It is the device that ovs-vswitchd has open: one that is put in anew loses packets."""
    link = node.plug_usual()
    before = node.host.ovs_row("Interface", SECOND, "_uuid")
    with node.repaired(link, "ALIAS"), node.unseen():
        node.batch(*(f'link set {device} alias ""' for device in (FIRST, SECOND)))
    assert node.host.ovs_row("Interface", SECOND, "_uuid") == before


def test_a_storm_of_sabotage_ends_in_a_whole_link(node: Node) -> None:
    link = node.plug_usual()
    for number in range(10):
        node.host.run("ip", "link", "set", FIRST, "nomaster", check=False)
        node.host.run("ip", "link", "delete", (FIRST, SECOND)[number % 2], check=False)
        node.host.vsctl("--if-exists", "del-port", SECOND)

    def whole() -> bool:
        first, second = node.host.device(FIRST), node.host.device(SECOND)
        return bool(first and second and first.get("master") == "br1") and SECOND in node.host.ovs_ports("br-eth1")

    condition(whole, True, "a whole link")
    node.carries()
    node.check_repaired(link)


def test_both_names_swapped(node: Node) -> None:
    """ovs-vswitchd keeps the device that it has opened, whatever that is called now."""
    link = node.plug_usual()
    passing = ("MAC", "TX_CHECKSUM", "NOT_ATTACHED", "WRONG_BRIDGE", "ADMIN_STATE")
    with node.repaired(link, "OVS_PORT_STALE", passing=passing), node.unseen():
        node.batch(f"link set {FIRST} name x", f"link set {SECOND} name {FIRST}", f"link set x name {SECOND}")
    node.carries()


def test_an_end_goes_away_and_comes_back(node: Node) -> None:
    """It has the index that it had; what ovs-vswitchd has open of it passes nothing any more."""
    link = node.plug_usual()
    away = node.guests["br2"].name
    with node.repaired(link, "OVS_PORT_STALE", passing=("ADMIN_STATE",)), node.unseen():
        node.host.ip("link", "set", SECOND, "netns", away)
        commands.run("ip", "-n", away, "link", "set", SECOND, "netns", node.host.namespace.name)
    node.carries()


def test_the_mark_of_the_port_goes_with_the_pair(node: Node) -> None:
    """That of the interface still tells whose both are."""
    link = node.plug_usual()
    with node.remade(link), node.unseen():
        node.host.ip("link", "delete", FIRST)
        node.host.vsctl("--no-wait", "clear", "Port", SECOND, "external_ids")
    node.carries()


def test_the_type_of_the_port_changes_and_the_pair_goes(node: Node) -> None:
    """ovs-vswitchd makes a device of its own of the row, under the name of the end."""
    link = node.plug_usual()
    with node.remade(link, passing=("PORT_TYPE",)), node.unseen():
        node.host.ip("link", "delete", FIRST)
        node.host.vsctl("set", "Interface", SECOND, "type=internal")
    node.carries()


def test_a_pair_that_somebody_makes_while_ours_is_made_anew(fragile: Node) -> None:
    """The port is out by then, and with it the last mark."""
    node = fragile
    link = node.plug_usual()
    node.arm("helper-looked", "hang")
    with node.remade(link, passing=("ALIAS", "MAC", "TX_CHECKSUM")):  # the pair by hand is another one
        node.host.ip("link", "delete", FIRST)
        condition(lambda: node.is_armed("helper-looked"), False, "the repair under way")
        node.host.ip("link", "add", FIRST, "type", "veth", "peer", "name", SECOND)
    node.carries()


def test_a_device_in_a_bond_is_told_of(node: Node) -> None:
    """The bond is somebody else's."""
    link = node.plug_usual()
    node.host.vsctl("--no-wait", "del-port", SECOND, "--", "add-bond", "br-eth1", "bond0", SECOND, "more")
    assert "bond0" in node.wait(link, "ERROR", "NAME_CONFLICT")["message"]
    node.host.vsctl("del-port", "bond0")
    node.check_repaired(link)
    node.carries()


@pytest.mark.parametrize("what", ["name", "alias"])
def test_two_links_are_swapped(node: Node, what: str) -> None:
    """Neither can have its names as long as the other has them."""
    links = [
        node.plug_usual(),
        node.plug({"bridge": "br2", "device": "phy-br2"}, {"bridge": "br-eth2", "device": "eth1-br2"}),
    ]
    pairs = (FIRST, SECOND), ("phy-br2", "eth1-br2")
    with node.unseen():
        if what == "name":
            for one, other in zip(*pairs, strict=True):
                node.batch(f"link set {one} name x", f"link set {other} name {one}", f"link set x name {other}")
        else:
            for devices, link in zip(pairs, reversed(links), strict=True):
                node.batch(*(f"link set {device} alias vethagent:{link['id']}" for device in devices))
    for link in links:
        node.wait_for_event(link, "repaired", 0)
        node.check_repaired(link)
    node.carries()
    node.carries("br2", "br-eth2")
