"""A spanning tree breaks a loop of links, unless a bridge between cuts it in two."""

import pytest

from tests.functional.agent.node import HOST, Node, condition

CONCURRENCY = ("threading",)


@pytest.mark.parametrize("pair", [("lb-one", "lb-two"), ("lb-one", "ob-one")])
def test_stp_on_both_bridges_is_enough(node: Node, pair: tuple[str, str]) -> None:
    for name in pair:
        (node.host.linux_bridge if name.startswith("lb") else node.host.ovs_bridge)(name, stp=True)
    for _ in range(2):
        node.wait(node.create(*pair, admin_state_up=False), "DOWN", "ADMIN_DOWN")


@pytest.mark.parametrize("role", ["status:stp_role", "rstp_status:rstp_port_role"])
def test_a_spanning_tree_breaks_the_loop_of_two_links_that_are_up(node: Node, role: str) -> None:
    node.host.ovs_bridge("ob-one")
    node.host.ovs_bridge("ob-two")
    for name in ("ob-one", "ob-two"):
        protocol = "rstp" if "rstp" in role else "stp"
        node.host.vsctl("set", "Bridge", name, f"{protocol}_enable=true")
    links = [node.create("ob-one", "ob-two") for _ in range(2)]
    for link in links:
        node.check(node.wait(link, "ACTIVE"))

    def blocked() -> bool:
        ports = [end["device"] for link in links for end in node.wait(link, "ACTIVE")["observed"]]
        roles = [node.host.vsctl("--if-exists", "get", "Port", port, role).strip().lower() for port in ports]
        return roles.count("alternate") == 1

    condition(blocked, True, "one way that is blocked")


def test_a_spanning_tree_that_a_bridge_in_between_cuts_in_two(node: Node) -> None:
    """Open vSwitch drops what the two with RSTP tell each other, until it is told to pass it on."""
    for name in ("ob-one", "ob-two", "ob-between"):
        node.host.ovs_bridge(name)
    for name in ("ob-one", "ob-two"):
        node.host.vsctl("set", "Bridge", name, "rstp_enable=true")
    links = [node.plug(name, "ob-between") for name in ("ob-one", "ob-two")]
    last = node.create("ob-one", "ob-two")
    message = node.wait(last, "ERROR", "LOOP")["message"]
    assert message.endswith("through ob-between, and what STP tells does not pass there"), message
    node.host.vsctl("set", "Bridge", "ob-between", "other-config:forward-bpdu=true")
    node.check(node.wait(last, "ACTIVE"))

    def roles() -> list[str]:
        ends = [end for link in (*links, last) for end in node.wait(link, "ACTIVE")["observed"]]
        ports = [end["device"] for end in ends if end["bridge"] != "ob-between"]
        return [node.host.vsctl("get", "Port", port, "rstp_status:rstp_port_role").strip() for port in ports]

    condition(lambda: roles().count("Alternate"), 1, "one way that is blocked")


def test_a_spanning_tree_that_is_turned_off_is_told_and_no_link_taken_down(node: Node) -> None:
    """No frame passes these bridges, as they have no flows."""
    for name in ("ob-one", "ob-two"):
        node.host.ovs_bridge(name, stp=True)
        node.host.vsctl("set-fail-mode", name, "secure")
    links = [node.create("ob-one", "ob-two") for _ in range(2)]
    before = [node.indexes(node.wait(link, "ACTIVE")) for link in links]

    def told() -> list[str]:
        health = node.api.get(f"/v1/agents/{HOST}")["health"]
        return [reason["message"] for reason in health if reason["part"] == "loops"]

    node.host.vsctl("set", "Bridge", "ob-two", "stp_enable=false")
    first = min(link["id"] for link in links)
    text = f"links close a loop: {first} and 1 more; ob-one and ob-two are joined otherwise too: ob-one - ob-two"
    condition(told, [text], "the loop, told")
    for link in links:
        assert "closes a loop" in node.api.get(f"/v1/bridge-links/{link['id']}/diagnosis")["sentence"]
    assert [node.indexes(node.wait(link, "ACTIVE")) for link in links] == before
    node.host.vsctl("set", "Bridge", "ob-two", "stp_enable=true")
    condition(told, [], "no loop")
