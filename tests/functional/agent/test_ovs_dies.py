"""Open vSwitch's daemons die, start late or come back one by one; nobody has to restart the agent for it."""

import pytest

from tests.functional.agent.node import SECOND, Node
from tests.functional.agent.outages import ENDS, stopped, wait_for_reasons


def test_the_switch_dies_while_nothing_happens(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    indexes = node.indexes(link)
    node.host.ovs.switch.kill()
    wait_for_reasons(node, "vswitchd")
    assert node.wait(link, "ACTIVE")["message"].startswith("packets may not pass: ovs-vswitchd")
    node.host.ovs.switch.start()
    wait_for_reasons(node)
    assert node.wait(link, "ACTIVE")["message"] == ""
    node.carries()
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == indexes


def test_the_database_server_dies_after_the_switch(fragile: Node) -> None:
    """Nothing is known of the switch then but what was known last."""
    node = fragile
    link = node.plug(*ENDS)
    node.host.ovs.switch.kill()
    wait_for_reasons(node, "vswitchd")
    node.host.ovs.server.kill()
    wait_for_reasons(node, "ovsdb", "vswitchd")
    for _ in range(2):
        node.wait_for_report()
    wait_for_reasons(node, "ovsdb", "vswitchd")
    assert node.wait(link, "ACTIVE")["message"].startswith("packets may not pass: ovs-vswitchd")
    node.host.ovs.start_server()
    wait_for_reasons(node, "vswitchd")
    node.host.ovs.switch.start()
    wait_for_reasons(node)
    node.carries()
    node.check(node.wait(link, "ACTIVE"))


def test_a_bridge_of_a_datapath_that_cannot_be_had(fragile: Node) -> None:
    """As the kernel's without its module: ovs-vswitchd takes the bridge down and leaves all rows as they were."""
    node = fragile
    link = node.plug(*ENDS)
    indexes = node.indexes(link)
    node.host.vsctl("--no-wait", "set", "bridge", "br-eth1", "datapath_type=none")
    wait_for_reasons(node, "vswitchd")
    assert "br-eth1 without a device" in node.wait(link, "ACTIVE")["message"]
    node.host.vsctl("--no-wait", "set", "bridge", "br-eth1", "datapath_type=netdev")
    wait_for_reasons(node)
    node.carries()
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == indexes


def test_a_port_that_is_wanted_again_before_the_switch_has_let_it_go(fragile: Node) -> None:
    """On a userspace datapath it would carry nothing if the switch saw both changes at once."""
    node = fragile
    link = node.plug(*ENDS)
    with stopped(node.host.ovs.switch):
        node.api.delete(link["id"])
        node.api.wait_until_gone(link["id"])
        again = node.create(*ENDS)
        node.wait(again, "DOWN", "OVSDB_UNAVAILABLE")
        assert SECOND not in node.host.vsctl("--no-wait", "list-ports", "br-eth1").split()
    node.check(node.wait(again, "ACTIVE"))
    node.carries()


@pytest.mark.parametrize("in_order", [True, False], ids=["ended", "killed"])
def test_so_it_is_with_an_agent_that_is_started_meanwhile(fragile: Node, *, in_order: bool) -> None:
    """It does not know what the one before it has taken out."""
    node = fragile
    link = node.plug(*ENDS)
    with stopped(node.host.ovs.switch):
        node.api.delete(link["id"])
        node.api.wait_until_gone(link["id"])
        if in_order:
            assert node.allinone.stop() == 0
        else:
            node.crash()
        node.start()
        again = node.create(*ENDS)
        node.wait(again, "DOWN", "OVSDB_UNAVAILABLE")
        node.check(node.plug("br1", "br2"))
        assert SECOND not in node.host.vsctl("--no-wait", "list-ports", "br-eth1").split()
    node.check(node.wait(again, "ACTIVE"))
    node.carries()


def test_both_are_restarted(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    indexes = node.indexes(link)
    node.host.ovs.switch.kill()
    node.host.ovs.server.kill()
    wait_for_reasons(node, "ovsdb")
    node.host.ovs.start_server()
    node.host.ovs.switch.start()
    wait_for_reasons(node)
    node.carries()
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == indexes


def test_the_database_server_comes_after_the_agent(fragile: Node) -> None:
    node = fragile
    assert node.allinone.stop() == 0
    node.host.ovs.switch.stop()
    node.host.ovs.server.stop()
    node.start()
    waiting = node.create(*ENDS)
    node.check(node.plug("br1", "br2"))
    wait_for_reasons(node, "ovsdb")
    node.wait(waiting, "DOWN", "OVSDB_UNAVAILABLE")
    node.host.ovs.start_server()
    node.host.ovs.switch.start()
    node.check(node.wait(waiting, "ACTIVE"))
    wait_for_reasons(node)
    node.carries()
