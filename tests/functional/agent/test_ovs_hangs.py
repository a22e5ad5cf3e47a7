"""Open vSwitch's daemons hang; the agent says so, goes on with all else, and needs no restart."""

from tests.functional.agent.node import FIRST, Node
from tests.functional.agent.outages import ENDS, stopped, wait_for_reasons

CONCURRENCY = ("eventlet", "threading")


def test_the_database_server_hangs(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    indexes, last, pid = node.indexes(link), node.last_event(link), node.allinone.pid
    with stopped(node.host.ovs.server):
        wait_for_reasons(node, "ovsdb")  # though nobody asked it for anything
        waiting = node.create("br2", "br-eth2")
        node.check(node.plug("br1", "br2"))
        node.wait(waiting, "DOWN", "OVSDB_UNAVAILABLE")
    wait_for_reasons(node)
    node.check(node.wait(waiting, "ACTIVE"))
    node.check(node.wait(link, "ACTIVE"))
    assert node.indexes(link) == indexes
    assert [event["kind"] for event in node.events(link, last)] == []
    assert node.allinone.pid == pid
    node.carries()


def test_the_switch_hangs(fragile: Node) -> None:
    """A link that has to wait for it waits alone; that it carries again shows that the switch saw its port go."""
    node = fragile
    link, other = node.plug(*ENDS), node.plug("br2", "br-eth2")
    indexes, last = node.indexes(other), node.last_event(link)
    with stopped(node.host.ovs.switch):
        node.host.ip("link", "delete", FIRST)
        node.wait(link, "DOWN", "OVSDB_UNAVAILABLE")
        node.check(node.plug("br1", "br2"))
        wait_for_reasons(node, "vswitchd")
    node.wait_for_event(link, "repaired", last)
    node.check(node.wait(link, "ACTIVE"))
    wait_for_reasons(node)
    node.carries()
    assert node.indexes(other) == indexes
