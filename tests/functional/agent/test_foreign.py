"""What carries no mark of ours, or one that only looks like it, is never changed and never deleted."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.agent import foreign, sabotage
from tests.functional.agent.foreign import ID
from tests.functional.agent.node import FIRST, SECOND, Node, condition

ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}
TABLES = ("Bridge", "Port", "Interface")
HARMS = (
    "first end deleted",
    "put into another bridge",
    "OVS port deleted",
    "first end renamed",
    "both marks removed",
    "moved to another OVS bridge without its marks",
)


@pytest.fixture
def crowded(fragile: Node) -> Iterator[Node]:
    """The node with foreign devices and ports of all sorts."""
    foreign.crowd(fragile.host)
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


def test_through_sabotage(crowded: Node) -> None:
    """Names as the agent makes them, and all that people do to a link, beside look-alikes of it."""
    node = crowded
    link = node.plug(*ENDS)
    derived = node.plug("br2", "br-eth2")["observed"][0]["device"]
    node.host.ip("link", "add", f"{derived[:-1]}x", "type", "veth", "peer", "name", f"{derived[:-1]}y")
    node.host.ip("link", "set", f"{derived[:-1]}x", "alias", f"vethagent:{link['id']}x", "master", "br2")
    before = node.picture()
    for harm in sabotage.ALL:
        if harm.name in HARMS:
            with node.repaired(link, *harm.codes, passing=harm.passing):
                harm.act(node)
    node.crash()
    node.start()
    node.set_mode("observe")
    node.set_mode("enforce")
    after = node.picture()
    ours = {FIRST, SECOND}
    assert {name: shown for name, shown in after.items() if name not in ours and name not in TABLES} == {
        name: shown for name, shown in before.items() if name not in ours and name not in TABLES
    }
    for table in TABLES:
        assert _foreign(after[table]) == _foreign(before[table])


def _foreign(rows: list[Any]) -> list[Any]:
    """Return the rows without those of the link; what is left of a bridge's ports are its own and those of others."""
    return [row[:1] if str(row[0]).startswith("br-") else row for row in rows if row[0] not in (FIRST, SECOND)]


def test_a_pair_that_lost_both_marks_goes_with_its_link(fragile: Node) -> None:
    node = fragile
    before = node.picture()
    link = node.plug(*ENDS)
    node.set_mode("paused")
    node.batch(f'link set {FIRST} alias ""', f'link set {SECOND} alias ""')
    node.api.delete(link["id"])
    node.set_mode("enforce")
    node.api.wait_until_gone(link["id"])
    assert node.picture() == before


def test_a_pair_that_took_the_place_of_ours_between_linux_bridges_stays(fragile: Node) -> None:
    """Without a mark anywhere nothing tells whose it is."""
    node = fragile
    link = node.plug({"bridge": "br1", "device": FIRST}, {"bridge": "br2", "device": SECOND})
    node.set_mode("paused")
    node.batch(f"link delete {FIRST}", f"link add {FIRST} type veth peer name {SECOND}")
    node.api.delete(link["id"])
    before = node.picture()
    node.set_mode("enforce")
    node.api.wait_until_gone(link["id"])
    assert node.picture() == before


def test_an_orphan_is_removed_at_the_second_sight(fragile: Node) -> None:
    node = fragile
    before = node.picture()
    assert node.allinone.stop() == 0
    _make_orphan(node)
    node.start()
    assert "orphan-a" in node.host.devices()  # the agent is in step after its first look
    condition(lambda: "orphan-a" in node.host.devices(), False, "the orphan")
    condition(node.picture, before, "the host as before")


def test_an_orphan_that_comes_while_the_agent_runs_is_removed(fragile: Node) -> None:
    """As if an older copy of the database of Open vSwitch was put back."""
    before = fragile.picture()
    _make_orphan(fragile, ID.replace("0a", "0b"))  # one that was removed before would be left alone
    condition(fragile.picture, before, "the host as before")


def _make_orphan(node: Node, link_id: str = ID) -> None:
    node.host.ip("link", "add", "orphan-a", "type", "veth", "peer", "name", "orphan-b")
    for device in ("orphan-a", "orphan-b"):
        node.host.ip("link", "set", device, "alias", f"vethagent:{link_id}")
    node.host.ip("link", "set", "orphan-a", "master", "br1")
    mark = f"external_ids:vethagent-link-id={link_id}"
    node.host.vsctl("add-port", "br-eth1", "orphan-b", "--", "set", "Port", "orphan-b", mark)


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


def test_ports_of_no_veth_with_a_whole_mark_are_left_alone(fragile: Node) -> None:
    """The mark of a link that nobody wants, and that of one that is there."""
    node = fragile
    link = node.plug(*ENDS)
    marked = [
        port for number, link_id in enumerate((ID, link["id"])) for port in _ports_of_no_veth(node, number, link_id)
    ]
    before = node.picture()
    _make_orphan(node, ID.replace("0a", "0d"))
    condition(lambda: "orphan-a" in node.host.devices(), False, "the orphan")
    node.wait_for_report()
    condition(node.picture, before, "all as before")
    node.check(node.wait(link, "ACTIVE"))
    for table, port in marked:
        node.host.vsctl("remove", table, port, "external_ids", "vethagent-link-id")


def _ports_of_no_veth(node: Node, number: int, link_id: str) -> Iterator[tuple[str, str]]:
    """Make ports of all sorts with a mark; yield in which rows it is."""
    host = node.host
    host.ovs_bridge(f"ob-own{number}")
    host.ip("tuntap", "add", "name", f"card{number}", "mode", "tap")
    host.vsctl("add-port", "br-eth1", f"card{number}")
    for port, options in (("inner", "type=internal"), ("patch", "type=patch options:peer=other")):
        name = f"{port}{number}"
        host.vsctl("add-port", "br-eth1", name, "--", "set", "Interface", name, *options.split())
    host.vsctl("--no-wait", "add-bond", "br-eth1", f"bond{number}", f"bonded-a{number}", f"bonded-b{number}")
    for name in ("ob-own", "card", "inner", "patch", "bond"):
        host.vsctl("--no-wait", "set", "Port", f"{name}{number}", f"external_ids:vethagent-link-id={link_id}")
        yield "Port", f"{name}{number}"
    for name in ("ob-own", "card"):
        host.vsctl("--no-wait", "set", "Interface", f"{name}{number}", f"external_ids:vethagent-link-id={link_id}")
        yield "Interface", f"{name}{number}"


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
