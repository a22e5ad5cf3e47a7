"""What carries no mark of ours, or one that only looks like it, is never changed and never deleted."""

from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node

ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}
ID = "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a"


@pytest.fixture
def crowded(fragile: Node) -> Iterator[Node]:
    """The node with foreign devices and ports of all sorts; none of them joins two bridges."""
    host = fragile.host
    for number, alias in enumerate((f"vethagent:{ID}x", "vethagent:", f"vethagent-{ID}", f" vethagent:{ID}", "mine")):
        host.ip("link", "add", f"for-a{number}", "type", "veth", "peer", "name", f"for-b{number}")
        host.ip("link", "set", f"for-a{number}", "alias", alias)
        host.ip("link", "set", f"for-a{number}", "master", "br1", "up")
    host.ip("tuntap", "add", "name", "for-tap", "mode", "tap")
    host.ip("link", "set", "for-tap", "alias", f"vethagent:{ID}x", "group", "7")
    for number, mark in enumerate((f"vethagent-link-id={ID}x", f"vethagent-link={ID}", f"link-id={ID}")):
        host.ip("link", "add", f"for-c{number}", "type", "veth", "peer", "name", f"for-d{number}")
        host.vsctl(
            "add-port", "br-eth1", f"for-c{number}", "--", "set", "Port", f"for-c{number}", f"external_ids:{mark}"
        )
    yield fragile


def test_through_the_life_of_a_link(crowded: Node) -> None:
    node = crowded
    before = node.picture()
    link = node.plug(*ENDS)
    node.host.ip("link", "delete", FIRST)
    node.wait_for_event(link, "repaired", 0)
    node.check(node.wait(link, "ACTIVE"))
    changed = node.wait(node.patch(link, ends=[{"bridge": "br2"}, {"bridge": "br-eth1", "tag": 7}]), "ACTIVE")
    node.check(changed)
    assert node.allinone.stop() == 0
    node.start()
    node.wait_for_report()
    node.unplug(link)
    assert node.picture() == before


def test_through_the_end_of_many_links(crowded: Node) -> None:
    node = crowded
    before = node.picture()
    made = [node.plug("br1", "br-eth1"), node.plug("br2", "br-eth2"), node.plug("br2", "br-eth1")]
    for link in made:
        node.api.delete(link["id"])
    for link in made:
        node.api.wait_until_gone(link["id"])
    assert node.picture() == before


def test_a_device_of_another_kind_with_a_whole_mark_is_left_alone(fragile: Node) -> None:
    node = fragile
    node.host.ip("link", "add", "name", "for-br", "alias", f"vethagent:{ID}", "type", "bridge")
    node.host.ip("tuntap", "add", "name", "for-tap", "mode", "tap")
    node.host.ip("link", "set", "for-tap", "alias", f"vethagent:{ID}")
    before = node.picture()
    # The first look after a start finds the mark suspicious, the second one would have it removed.
    node.allinone.stop()
    node.start()
    for _ in range(2):
        node.wait_for_report()
    assert node.picture() == before
    for device in ("for-br", "for-tap"):
        node.host.ip("link", "set", device, "alias", "")


def test_a_pair_that_no_link_wants_any_more_is_removed(fragile: Node) -> None:
    node = fragile
    link = node.plug(*ENDS)
    assert node.allinone.stop() == 0
    answer = node.allinone.folder / "agent.sqlite"
    answer.unlink()
    node.start()
    node.check(node.wait(link, "ACTIVE"))
    node.api.request("DELETE", f"/v1/bridge-links/{link['id']}?force=true")
    for _ in range(3):
        node.wait_for_report()
    assert {FIRST, SECOND}.isdisjoint(node.host.devices())
    assert SECOND not in node.host.ovs_ports("br-eth1")
