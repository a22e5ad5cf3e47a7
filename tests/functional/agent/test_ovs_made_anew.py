"""The database of Open vSwitch, or all that is in it, is lost and made anew; nobody restarts the agent."""

import json
from collections.abc import Callable

import pytest

from tests.functional.agent.node import FIRST, OVS, SECOND, Node

CONCURRENCY = ("threading",)


def _lose_the_file(node: Node) -> None:
    """As if the disk had been changed; both daemons start with an empty database."""
    node.host.ovs.lose_database()


def _lose_the_root(node: Node) -> None:
    """All rows hang from it, and go with it."""
    operations = [
        {"op": "delete", "table": "Open_vSwitch", "where": []},
        {"op": "insert", "table": "Open_vSwitch", "row": {}},
    ]
    node.host.run("ovsdb-client", "transact", node.host.ovsdb, json.dumps(["Open_vSwitch", *operations]))


@pytest.mark.parametrize("lose", [_lose_the_file, _lose_the_root])
def test_all_is_lost_and_the_bridges_are_made_again(fragile: Node, lose: Callable[[Node], None]) -> None:
    node = fragile
    assert node.allinone.stop() == 0
    node.host.vsctl("set", "Open_vSwitch", ".", "next_cfg=5000")  # as on a host of some age
    node.start()
    link = node.plug({"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND})
    lose(node)
    node.wait(link, "ERROR", "BRIDGE_NOT_FOUND")
    for bridge in OVS:
        node.host.ovs_bridge(bridge)
        node.host.vsctl("add-port", bridge, node.guests[bridge].device)
    node.check_repaired(link)
    node.carries()
