"""A host without Open vSwitch, which its configuration says."""

from collections.abc import Iterator

import pytest

from tests.functional.agent.node import HOST, LINUX, OVS, Node

CONCURRENCY = ("threading",)


@pytest.fixture
def node(fragile: Node) -> Iterator[Node]:
    """A node whose agent knows of no Open vSwitch, though there is one."""
    usual = fragile.allinone.configuration.read_text()
    assert fragile.allinone.stop() == 0
    try:
        fragile.allinone.configuration.write_text(f"{usual}[agent]\novsdb_connection = none\n")
        fragile.start()
        yield fragile
        fragile.clean()
    finally:
        fragile.allinone.configuration.write_text(usual)
        fragile.allinone.stop()


def test_nothing_is_missed_on_a_host_without_open_vswitch(node: Node) -> None:
    node.plug(*LINUX)
    node.wait_for_report()
    assert node.api.get(f"/v1/agents/{HOST}")["health"] == []
    node.unplug(node.wait(node.create(LINUX[0], OVS[0]), "ERROR", "BRIDGE_NOT_FOUND"))
