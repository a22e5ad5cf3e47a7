"""No link closes a loop of bridges, whatever the ways between them are made of.

Where a loop is allowed the links are wanted down: a real one without STP would melt the machine.
"""

from collections.abc import Callable

import pytest

from tests.functional.agent.node import Node, condition


def _foreign_pair(node: Node) -> None:
    node.host.ip("link", "add", "foreign-a", "type", "veth", "peer", "name", "foreign-b")
    node.host.ip("link", "set", "foreign-a", "master", "br1")
    node.host.vsctl("add-port", "br-eth1", "foreign-b")


def _no_foreign_pair(node: Node) -> None:
    node.host.vsctl("del-port", "br-eth1", "foreign-b")
    node.host.ip("link", "delete", "foreign-a")


def test_a_second_link_between_the_same_bridges(node: Node) -> None:
    first = node.plug("br1", "br-eth1")
    before = node.picture()
    second = node.create("br1", "br-eth1")
    node.wait(second, "ERROR", "LOOP")
    assert node.picture() == before
    node.unplug(first)
    node.check(node.wait(second, "ACTIVE"))
    node.carries()


def test_two_links_at_once_one_goes(node: Node) -> None:
    for _ in range(2):
        node.create("br1", "br-eth1", admin_state_up=False)

    def reasons() -> list[str]:
        return sorted(link["reason"] for link in node.api.links())

    condition(reasons, ["ADMIN_DOWN", "LOOP"], "one of each")


def test_a_foreign_pair_is_a_way_until_it_goes(node: Node) -> None:
    _foreign_pair(node)
    link = node.create("br1", "br-eth1")
    assert "joined already" in node.wait(link, "ERROR", "LOOP")["message"]
    _no_foreign_pair(node)
    node.check(node.wait(link, "ACTIVE"))


def test_a_patch_port_is_a_way_until_it_goes(node: Node) -> None:
    patch = "type=patch", "options:peer="
    node.host.vsctl("add-port", "br-eth1", "pa", "--", "set", "Interface", "pa", patch[0], f"{patch[1]}pb")
    node.host.vsctl("add-port", "br-eth2", "pb", "--", "set", "Interface", "pb", patch[0], f"{patch[1]}pa")
    node.plug("br1", "br-eth1")
    link = node.create("br1", "br-eth2")
    node.wait(link, "ERROR", "LOOP")
    node.host.vsctl("del-port", "br-eth2", "pb")
    node.check(node.wait(link, "ACTIVE"))


@pytest.mark.parametrize("order", [("br1", "br-eth1", "br2"), ("br-eth1", "br-eth2", "br1")])
def test_three_bridges(node: Node, order: tuple[str, str, str]) -> None:
    one, two, three = order
    first = node.plug(one, two)
    node.plug(two, three)
    link = node.create(three, one)
    assert node.wait(link, "ERROR", "LOOP")["message"].count(" - ") == 2
    node.carries(one, three)
    node.unplug(first)
    node.check(node.wait(link, "ACTIVE"))


def test_a_link_that_was_deleted_is_not_made_beside_a_foreign_one(node: Node) -> None:
    link = node.plug("br1", "br-eth1")
    device = link["observed"][0]["device"]
    node.batch(
        "link add foreign-a type veth peer name foreign-b", "link set foreign-a master br1", f"link del {device}"
    )
    # Within one round the foreign port is not there yet, so the link comes back; then it is the older one and stays.
    node.wait(link, "ACTIVE")
    node.host.ip("link", "delete", "foreign-a")


def _allow(node: Node) -> None:
    """Nothing: the link says so itself."""


@pytest.mark.parametrize("prepare", [_allow, _foreign_pair])
def test_a_loop_that_is_allowed(node: Node, prepare: Callable[[Node], None]) -> None:
    prepare(node)
    links = [node.create("br1", "br-eth1", allow_loop=True, admin_state_up=False) for _ in range(2)]
    for link in links:
        node.wait(link, "DOWN", "ADMIN_DOWN")
    assert len({tuple(node.indexes(node.wait(link, "DOWN"))) for link in links}) == 2


@pytest.mark.parametrize("pair", [("lb-one", "lb-two"), ("lb-one", "ob-one")])
def test_stp_on_both_bridges_is_enough(node: Node, pair: tuple[str, str]) -> None:
    for name in pair:
        (node.host.linux_bridge if name.startswith("lb") else node.host.ovs_bridge)(name, stp=True)
    for _ in range(2):
        node.wait(node.create(*pair, admin_state_up=False), "DOWN", "ADMIN_DOWN")


def test_stp_on_one_bridge_is_not_enough_until_the_other_has_it(node: Node) -> None:
    node.host.linux_bridge("lb-one", stp=True)
    node.host.linux_bridge("lb-two")
    node.wait(node.create("lb-one", "lb-two", admin_state_up=False), "DOWN", "ADMIN_DOWN")
    second = node.create("lb-one", "lb-two", admin_state_up=False)
    node.wait(second, "ERROR", "LOOP")
    node.host.ip("link", "set", "lb-two", "type", "bridge", "stp_state", "1")
    node.wait(second, "DOWN", "ADMIN_DOWN")
