"""What a link is wanted to be changes: it converges, and nothing of before is left over."""

from typing import Any

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.support import traffic

CONCURRENCY = ("threading",)

FROM: list[dict[str, Any]] = [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}]
TO: dict[str, list[dict[str, Any]]] = {
    "first device": [{"bridge": "br1", "device": "new"}, {"bridge": "br-eth1", "device": SECOND}],
    "second device": [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": "new"}],
    "devices change places": [{"bridge": "br1", "device": SECOND}, {"bridge": "br-eth1", "device": FIRST}],
    "derived devices": [{"bridge": "br1"}, {"bridge": "br-eth1"}],
    "another Linux bridge": [{"bridge": "br2", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}],
    "another OVS bridge": [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth2", "device": SECOND}],
    "both Linux": [{"bridge": "br1", "device": FIRST}, {"bridge": "br2", "device": SECOND}],
    "both OVS": [{"bridge": "br-eth2", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}],
    "ends change places": [{"bridge": "br-eth1", "device": SECOND}, {"bridge": "br1", "device": FIRST}],
    "everything": [{"bridge": "br-eth2", "device": "new-a", "tag": 9}, {"bridge": "br2", "device": "new-b"}],
    "tag": [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND, "tag": 42}],
    "address": [{"bridge": "br1", "device": FIRST, "mac": "fe:00:00:00:00:01"}, FROM[1]],
}


@pytest.mark.parametrize("ends", TO.values(), ids=TO.keys())
def test_ends(node: Node, ends: list[dict[str, Any]]) -> None:
    before = node.picture()
    link = node.plug_usual()
    changed = node.wait(node.patch(link, ends=ends), "ACTIVE")
    node.check(changed)
    names = sorted(end["device"] for end in changed["observed"])
    assert sorted(set(node.host.devices()) - set(before)) == names
    assert [event for event in node.events(link) if event["kind"] in ("failed", "repaired")] == []
    if not any(end.get("tag") for end in ends):
        node.carries(*(end["bridge"] for end in ends))
    node.check(node.wait(node.patch(link, ends=FROM), "ACTIVE"))
    node.carries()
    node.unplug(link)
    assert node.picture() == before


def test_mtu_there_and_back(node: Node) -> None:
    bridges = {name: node.mtu(name) for name in ("br1", "br-eth1")}
    link = node.plug_usual()
    for mtu, wanted in ((1300, 1300), (9000, 9000), (None, 1500)):
        changed = node.wait(node.patch(link, mtu=mtu), "ACTIVE")
        node.check(changed)
        assert [end["mtu"] for end in changed["observed"]] == [wanted, wanted]
        assert {name: node.mtu(name) for name in bridges} == bridges
    node.carries()


def test_a_name_changes_nothing_on_the_host(node: Node) -> None:
    link = node.plug_usual()
    before = node.picture()
    with traffic.Pings(node.guests["br1"], node.guests["br-eth1"].address, interval=0.01) as pings:
        node.wait(node.patch(link, name="seed"), "ACTIVE")
        pings.wait_for_answers(5)
    assert pings.lost() == []
    assert node.picture() == before


def test_administratively_down_and_up(node: Node) -> None:
    link = node.plug_usual()
    down = node.wait(node.patch(link, admin_state_up=False), "DOWN", "ADMIN_DOWN")
    assert [end["up"] for end in down["observed"]] == [False, False]
    assert not traffic.can_ping(node.guests["br1"], node.guests["br-eth1"].address, timeout=0.3)
    before = node.last_event(link)
    node.host.ip("link", "set", FIRST, "up")
    assert [found["code"] for found in node.wait_for_event(link, "repaired", before)["repaired"]] == ["ADMIN_STATE"]
    node.wait(link, "DOWN", "ADMIN_DOWN")
    node.check(node.wait(node.patch(link, admin_state_up=True), "ACTIVE"))
    node.carries()


def test_made_down(node: Node) -> None:
    link = node.create(*FROM, admin_state_up=False)
    node.wait(link, "DOWN", "ADMIN_DOWN")
    for name in (FIRST, SECOND):
        device = node.host.device(name)
        assert device is not None
        assert "UP" not in device["flags"]


def test_changes_in_quick_succession(node: Node) -> None:
    link = node.plug_usual()
    for number in range(20):
        node.patch(link, mtu=1400 + number, name=f"name-{number}")
    last = node.wait(link, "ACTIVE")
    node.check(last)
    assert [end["mtu"] for end in last["observed"]] == [1419, 1419]
