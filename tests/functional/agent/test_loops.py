"""No link closes a loop of bridges, whatever the ways between them are made of.

Where a loop is allowed the links are wanted down: a real one without STP would melt the machine.
"""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.functional.agent.node import HOST, Node, condition
from tests.support import commands, namespaces, rest

CONCURRENCY = ("threading",)


def _foreign_pair(node: Node) -> None:
    node.host.ip("link", "add", "foreign-a", "type", "veth", "peer", "name", "foreign-b")
    node.host.ip("link", "set", "foreign-a", "master", "br1")
    node.host.vsctl("add-port", "br-eth1", "foreign-b")


def _no_foreign_pair(node: Node) -> None:
    node.host.vsctl("del-port", "br-eth1", "foreign-b")
    node.host.ip("link", "delete", "foreign-a")


def _patch(node: Node, first: str, second: str, *, back: str = "pa") -> None:
    """Make patch ports pa and pb, of which the second one names ``back``."""
    for bridge, port, peer in ((first, "pa", "pb"), (second, "pb", back)):
        wanted = ("type=patch", f"options:peer={peer}")
        node.host.vsctl("add-port", bridge, port, "--", "set", "Interface", port, *wanted)


def _name_back(node: Node, peer: str = "pa") -> None:
    node.host.vsctl("set", "Interface", "pb", f"options:peer={peer}")


def _refused(node: Node, first: str, second: str) -> str:
    """Return the message with which the controller refuses a link because of what its agent has told it."""
    answer = node.api.request(
        "POST", "/v1/bridge-links", {"host": HOST, "ends": [{"bridge": first}, {"bridge": second}]}
    )
    assert (answer.status, answer.body["error"]["code"]) == (409, "LOOP"), answer
    return str(answer.body["error"]["message"])


def _blocked(node: Node, first: str, second: str) -> tuple[rest.Link | None, str]:
    """Ask for a link that a way of others does not let be; return it, if it is there, and the message.

    It is the agent that says so, unless it has told of the way by now: then the controller knows, and makes no link.
    """
    answer = node.api.request(
        "POST", "/v1/bridge-links", {"host": HOST, "ends": [{"bridge": first}, {"bridge": second}]}
    )
    if answer.status == 409:
        assert answer.body["error"]["code"] == "LOOP", answer
        return None, str(answer.body["error"]["message"])
    link = node.wait(answer.body, "ERROR", "LOOP")
    return link, str(link["message"])


def _goes(node: Node, first: str, second: str, link: rest.Link | None) -> None:
    """Check that the link is plugged now, one that the controller refused when it is asked for again."""
    node.check(node.wait(link, "ACTIVE") if link is not None else node.plug(first, second))


def _is_up(node: Node, device: str) -> bool:
    found = node.host.device(device)
    assert found is not None
    return "UP" in found["flags"]


def _two_at_once(node: Node, **fields: Any) -> dict[str, rest.Link]:
    """Have two links between the same bridges become possible at the same moment; return them by what became of them.

    Before that nothing is plugged, so the controller refuses neither.
    """
    links = [node.create("br1", "lb-late", **fields) for _ in range(2)]
    for link in links:
        node.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    node.host.linux_bridge("lb-late")
    plugged = "" if fields.get("admin_state_up", True) else "ADMIN_DOWN"
    condition(lambda: {link["reason"] for link in node.api.links()}, {plugged, "LOOP"}, "one of each")
    return {link["reason"]: link for link in node.api.links()}


def test_a_second_link_between_the_same_bridges_is_refused(node: Node) -> None:
    first = node.plug("br1", "br-eth1")
    before = node.picture()
    assert _refused(node, "br1", "br-eth1").count(" - ") == 1
    assert node.picture() == before
    node.unplug(first)
    node.check(node.plug("br1", "br-eth1"))
    node.carries()


def test_of_two_links_at_once_one_goes_and_then_the_other(node: Node) -> None:
    links = _two_at_once(node)
    node.check(node.wait(links[""], "ACTIVE"))
    node.unplug(links[""])
    node.check(node.wait(links["LOOP"], "ACTIVE"))


def test_of_two_links_at_once_the_same_one_goes_for_ever(fragile: Node) -> None:
    node = fragile
    links = _two_at_once(node, admin_state_up=False)

    def reasons() -> dict[str, str]:
        return {link["reason"]: link["id"] for link in node.api.links()}

    chosen = reasons()
    device = links["ADMIN_DOWN"]["observed"][0]["device"]
    node.crash()
    node.start()
    node.wait_for_report()
    assert reasons() == chosen
    node.crash()
    node.host.ip("link", "delete", device)  # as after a reboot
    node.start()
    condition(lambda: device in node.host.devices(), True, "the link that was there")
    node.wait_for_report()
    assert reasons() == chosen


def test_who_only_observes_has_one_go_and_then_the_other(node: Node) -> None:
    node.set_mode("observe")
    first, second = sorted((node.create("br1", "br-eth1") for _ in range(2)), key=lambda link: str(link["id"]))
    node.wait(first, "BUILD", "PLUGGING")
    node.wait(second, "ERROR", "LOOP")
    node.unplug(first)
    node.wait(second, "BUILD", "PLUGGING")
    node.set_mode("enforce")
    node.check(node.wait(second, "ACTIVE"))


def test_a_link_that_is_out_of_its_bridge_keeps_its_place(node: Node) -> None:
    """It is put back a moment later, as whoever makes a bridge may be at it; meanwhile others look for their place."""
    links = _two_at_once(node)
    before = node.last_event(links["LOOP"])
    with node.repaired(links[""], "NOT_ATTACHED"):
        node.host.ip("link", "set", links[""]["observed"][1]["device"], "nomaster")
        for _ in range(3):
            node.host.ip("link", "add", "passer", "type", "bridge", "stp_state", "0")
            node.host.ip("link", "delete", "passer")
    assert node.events(links["LOOP"], before) == []


def test_a_bond_is_a_way(node: Node) -> None:
    """A port of Open vSwitch with two interfaces, one of them a veth to the other bridge."""
    node.host.ip("link", "add", "foreign-a", "type", "veth", "peer", "name", "foreign-b")
    node.host.ip("link", "add", "spare-a", "type", "veth", "peer", "name", "spare-b")
    node.host.ip("link", "set", "foreign-a", "master", "br1")
    node.host.vsctl("add-bond", "br-eth1", "bond0", "foreign-b", "spare-b")
    link, _ = _blocked(node, "br1", "br-eth1")
    node.host.vsctl("del-port", "bond0")
    _goes(node, "br1", "br-eth1", link)


def test_four_bridges_and_all_that_joins_them(node: Node) -> None:
    """A veth pair of somebody else, a pair of patch ports and a link; another link would close the ring."""
    _foreign_pair(node)  # br1 - br-eth1
    _patch(node, "br-eth1", "br-eth2")
    node.plug("br-eth2", "br2")
    link, message = _blocked(node, "br2", "br1")
    assert message.count(" - ") == 3
    node.host.vsctl("del-port", "br-eth2", "pb")
    _goes(node, "br2", "br1", link)


def test_a_foreign_pair_is_a_way_until_it_goes(node: Node) -> None:
    _foreign_pair(node)
    link, message = _blocked(node, "br1", "br-eth1")
    assert "joined already" in message
    _no_foreign_pair(node)
    _goes(node, "br1", "br-eth1", link)


def test_a_pair_is_a_way_that_has_come_back_from_another_namespace(node: Node) -> None:
    """By another number, as its own was in use there; of the end that stayed the kernel does not tell that."""
    with namespaces.Namespace("far") as far:
        node.host.ip("link", "add", "foreign-a", "master", "br1", "type", "veth", "peer", "foreign-b")
        number = node.host.run("cat", "/sys/class/net/foreign-b/ifindex").strip()
        far.ip("link", "add", "other", "index", number, "type", "bridge")
        node.host.ip("link", "set", "foreign-b", "netns", far.name)
        far.ip("link", "set", "foreign-b", "netns", node.host.namespace.name)
    assert node.host.run("cat", "/sys/class/net/foreign-b/ifindex").strip() != number
    node.host.ip("link", "set", "foreign-b", "master", "br2")
    link, _ = _blocked(node, "br1", "br2")
    node.host.ip("link", "delete", "foreign-a")
    _goes(node, "br1", "br2", link)


def test_a_patch_port_is_a_way_until_it_goes(node: Node) -> None:
    _patch(node, "br-eth1", "br-eth2")
    node.plug("br1", "br-eth1")
    link, _ = _blocked(node, "br1", "br-eth2")
    node.host.vsctl("del-port", "br-eth2", "pb")
    _goes(node, "br1", "br-eth2", link)


def test_half_a_patch_is_no_way_until_it_is_whole(node: Node) -> None:
    """Nothing passes through two patch ports of which only one names the other."""
    _patch(node, "br-eth1", "br-eth2", back="other")
    link = node.plug("br-eth1", "br-eth2")
    node.check(link)
    node.carries("br-eth1", "br-eth2")
    node.unplug(link)
    _name_back(node)
    node.carries("br-eth1", "br-eth2")
    link_or_none, message = _blocked(node, "br-eth1", "br-eth2")
    assert "joined already" in message
    _name_back(node, "other")
    _goes(node, "br-eth1", "br-eth2", link_or_none)


def test_a_patch_that_is_made_whole_beside_a_link_leaves_the_link_as_it_is(node: Node) -> None:
    """It is told. No frame passes these bridges, as they have no flows."""
    for name in ("ob-one", "ob-two"):
        node.host.ovs_bridge(name)
        node.host.vsctl("set-fail-mode", name, "secure")
    _patch(node, "ob-one", "ob-two", back="other")
    link = node.plug("ob-one", "ob-two")
    before = node.indexes(link)
    _name_back(node)

    def told() -> str:
        return str(node.api.get(f"/v1/bridge-links/{link['id']}/diagnosis")["sentence"])

    commands.wait_until(lambda: "closes a loop" in told(), what="the loop, told", timeout=60)
    assert node.indexes(node.wait(link, "ACTIVE")) == before
    node.host.ip("link", "set", link["observed"][0]["device"], "down")
    node.wait(link, "ERROR", "LOOP")
    with node.repaired(link, "ADMIN_STATE"):
        _name_back(node, "other")


def test_an_internal_port_in_a_linux_bridge_is_a_way_until_it_goes(node: Node) -> None:
    node.host.vsctl("add-port", "br-eth1", "inner", "--", "set", "Interface", "inner", "type=internal")
    node.host.ip("link", "set", "inner", "up", "master", "br1")
    node.carries("br1", "br-eth1")
    link, message = _blocked(node, "br1", "br-eth1")
    assert "joined already" in message
    node.host.ip("link", "set", "inner", "nomaster")
    _goes(node, "br1", "br-eth1", link)


def test_a_linux_bridge_as_a_port_of_open_vswitch_is_a_way_until_it_goes(node: Node) -> None:
    node.host.vsctl("add-port", "br-eth1", "br1")
    link, message = _blocked(node, "br1", "br-eth1")
    assert "joined already" in message
    node.host.vsctl("del-port", "br-eth1", "br1")
    _goes(node, "br1", "br-eth1", link)


def test_what_stands_on_the_other_end_of_a_pair_is_a_way_until_it_goes(node: Node) -> None:
    """A macvlan, as a kernel without 802.1Q has it; a VLAN device is the same here."""
    node.host.ip("link", "add", "foreign-a", "master", "br1", "type", "veth", "peer", "foreign-b")
    upper = ("link", "foreign-b", "name", "upper", "master", "br2", "type", "macvlan", "mode", "passthru")
    node.host.ip("link", "add", *upper)
    for device in ("foreign-a", "foreign-b", "upper"):
        node.host.ip("link", "set", device, "up")
    node.carries("br1", "br2")
    link, message = _blocked(node, "br1", "br2")
    assert "joined already" in message
    node.host.ip("link", "delete", "upper")
    _goes(node, "br1", "br2", link)


def test_a_link_that_is_down_is_not_set_up_beside_another_way(node: Node) -> None:
    link = node.wait(node.create("br1", "br-eth1", admin_state_up=False), "DOWN", "ADMIN_DOWN")
    before = node.indexes(link)
    _foreign_pair(node)
    answer = node.api.request("PATCH", f"/v1/bridge-links/{link['id']}", {"admin_state_up": True})
    if answer.status == 409:  # the agent has told of the way by now
        assert (answer.body["error"]["code"], answer.body["error"]["field"]) == ("LOOP", "admin_state_up"), answer
        _no_foreign_pair(node)
        node.patch(link, admin_state_up=True)
    else:
        node.wait(link, "ERROR", "LOOP")
        assert [_is_up(node, end["device"]) for end in link["observed"]] == [False, False]
        _no_foreign_pair(node)
    link = node.wait(link, "ACTIVE")
    node.check(link)
    assert node.indexes(link) == before


def test_a_device_that_is_set_down_is_not_set_up_beside_another_way(node: Node) -> None:
    """So that whoever ends a storm by hand has ended it."""
    link = node.plug("br1", "br-eth1")
    device = link["observed"][0]["device"]
    _foreign_pair(node)

    def is_seen() -> bool:
        ways = node.api.get(f"/v1/hosts/{HOST}/bridges")["ways"]
        return any(way["device"].startswith("foreign-") for way in ways)

    condition(is_seen, True, "the other way, seen")
    node.host.ip("link", "set", device, "down")
    node.wait(link, "ERROR", "LOOP")
    assert not _is_up(node, device)
    with node.repaired(link, "ADMIN_STATE"):
        _no_foreign_pair(node)
    node.carries()


@pytest.mark.parametrize("order", [("br1", "br-eth1", "br2"), ("br-eth1", "br-eth2", "br1")])
def test_three_bridges(node: Node, order: tuple[str, str, str]) -> None:
    one, two, three = order
    first = node.plug(one, two)
    node.plug(two, three)
    assert _refused(node, three, one).count(" - ") == 2
    node.carries(one, three)
    node.unplug(first)
    node.check(node.plug(three, one))


def test_two_bridges_exchange_their_names(node: Node) -> None:
    """Each link is in the bridge of the other one, which is a way beside which it may not be where it is wanted."""
    links = [node.plug("br1", "br-eth1"), node.plug("br2", "br-eth1")]
    try:
        _exchange(node, "br1", "br2")
        for link in links:
            node.wait_for_event(link, "repaired", 0)
            node.check_repaired(link)
    finally:
        _exchange(node, "br1", "br2")
    for link in links:
        condition(functools.partial(_is_in, node, link), True, "the bridge that is wanted")


def _exchange(node: Node, first: str, second: str) -> None:
    names = f"link set {first} name x", f"link set {second} name {first}", f"link set x name {second}"
    states = [f"link set {bridge} {{}}" for bridge in (first, second)]
    with node.unseen():
        node.batch(*(line.format("down") for line in states), *names, *(line.format("up") for line in states))


def _is_in(node: Node, link: rest.Link) -> bool:
    device = node.host.device(link["observed"][0]["device"])
    return device is not None and device.get("master") == link["ends"][0]["bridge"]


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


def test_stp_on_one_bridge_is_not_enough_until_the_other_has_it(node: Node) -> None:
    node.host.linux_bridge("lb-one", stp=True)
    node.host.linux_bridge("lb-two")
    first = node.wait(node.create("lb-one", "lb-two", admin_state_up=False), "DOWN", "ADMIN_DOWN")
    assert [end["stp"] for end in first["observed"]] == [True, False]
    _refused(node, "lb-one", "lb-two")
    node.host.ip("link", "set", "lb-two", "type", "bridge", "stp_state", "1")
    condition(lambda: node.wait(first, "DOWN")["observed"][1]["stp"], True, "STP on both bridges")
    node.wait(node.create("lb-one", "lb-two", admin_state_up=False), "DOWN", "ADMIN_DOWN")


def test_what_open_vswitch_joins_is_a_way_before_it_is_known(fragile: Node) -> None:
    """As at a boot: the pairs are there, and OVSDB comes after the agent."""
    node = fragile
    link = node.create("br1", "lb-late", admin_state_up=False)
    node.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    assert node.allinone.stop() == 0
    node.host.linux_bridge("lb-late")
    for number, bridge in enumerate(("br1", "lb-late")):
        node.host.ip("link", "add", f"foreign-a{number}", "type", "veth", "peer", "name", f"foreign-b{number}")
        node.host.ip("link", "set", f"foreign-a{number}", "master", bridge)
        node.host.vsctl("add-port", "br-eth1", f"foreign-b{number}")
    node.host.ovs.switch.stop()
    node.host.ovs.server.stop()
    node.start()
    message = node.wait(link, "DOWN", "OVSDB_UNAVAILABLE")["message"]
    assert message == "br1 and lb-late may be joined already, by Open vSwitch, and OVSDB does not answer"
    node.host.ovs.start_server()
    node.host.ovs.switch.start()
    assert node.wait(link, "ERROR", "LOOP")["message"].endswith("br1 - br-eth1 - lb-late")
    node.host.vsctl("del-port", "foreign-b0")
    node.wait(link, "DOWN", "ADMIN_DOWN")
