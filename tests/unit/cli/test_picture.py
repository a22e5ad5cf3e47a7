"""Bridges and links drawn with characters."""

import re
from typing import Any, cast

from vethagent.cli import picture
from vethagent.client.types import HostDescription, Link

HOST = cast(
    HostDescription,
    {
        "host": "h1",
        "bridges": [
            {"name": "br1", "kind": "linux", "mtu": 1500, "stp": True, "ports": [{"device": "tap1"}]},
            {"name": "br-eth1", "kind": "ovs", "mtu": None, "stp": False, "ports": [{"device": "eth1-br1"}]},
        ],
        "pairs": [
            {"devices": ["phy-br1", "eth1-br1"], "bridges": ["br1", "br-eth1"], "link_id": "1"},
            {"devices": ["a", "b"], "bridges": ["br1", "br2"], "link_id": None},
        ],
    },
)


def link(name: str | None, status: str, reason: str = "", **second: Any) -> Link:
    ends = [{"bridge": "br1", "device": "phy-br1", "tag": None}, {"bridge": "br-eth1", "device": None, "tag": None}]
    ends[1] |= second
    observed = [{"device": end["device"] or "eth1-br1", "mtu": 1500} for end in ends]
    wanted = {"id": "0123456789", "name": name, "ends": ends, "differences": []}
    return cast(Link, wanted | {"status": status, "reason": reason, "observed": observed})


def drawn(*links: Link, colour: bool = False) -> str:
    return "\n".join(picture.draw(HOST, links, colour=colour))


def test_a_link_joins_two_boxes() -> None:
    wire = next(line for line in drawn(link("s", "ACTIVE", tag=7)).splitlines() if "eth1-br1" in line)
    assert re.fullmatch(r"\| +\| eth1-br1 \+-+ s ACTIVE tag 7 MTU 1500 -+\+ phy-br1 \| +\|", wire)


def test_all_lines_of_a_box_are_of_one_length() -> None:
    for made in ([link("seed", "ACTIVE"), link(None, "DOWN", "DRIFT", device="vax3yheuwfh2zra")], [link("s", "BUILD")]):
        boxes = [line for line in drawn(*made).splitlines() if line.startswith(("+", "|"))]
        first = boxes[: boxes.index(boxes[0], 1) + 1]
        assert len({len(line) for line in first}) == 1, first


def test_a_line_is_broken_and_says_why() -> None:
    text = drawn(link(None, "DOWN", "DRIFT"))
    assert "- 01234567 DOWN DRIFT  -" in text.replace("  01234567", " 01234567")
    assert "bridge (not there)" in drawn(link("s", "ERROR", "BRIDGE_NOT_FOUND", bridge="br-none", device="x"))


def test_what_is_not_ours_is_told_too() -> None:
    text = drawn(link("s", "ACTIVE"))
    assert "| a +---- not ours ----+ b |" in text
    assert text.endswith("br1: linux, MTU 1500, STP, further ports: tap1\nbr-eth1: ovs")


def test_a_narrow_terminal_has_shorter_words() -> None:
    made = link("link-of-the-storage-network", "ACTIVE")
    lines = list(picture.draw(HOST, [made], width=60))
    assert max(len(line) for line in lines if line.startswith(("+", "|"))) <= 60
    assert any("-- ACTIVE --" in line for line in lines)
    assert any("link-of-the-storage-network ACTIVE MTU 1500" in line for line in picture.draw(HOST, [made], width=100))


def test_a_ring_is_told_first() -> None:
    ring = {"link_id": "0123456789", "path": "br1 of h1 - physnet1 - br1 of h2"}
    described = cast(HostDescription, {**HOST, "rings": [ring]})
    lines = list(picture.draw(described, [link("seed", "ACTIVE")]))
    assert lines[:2] == ["h1", f"RING: link seed closes one through physical networks: {ring['path']}"]
    assert any("-- seed ACTIVE RING MTU 1500 --" in line for line in lines), lines


def test_colours_are_for_terminals() -> None:
    assert "\033[32m" in drawn(link("s", "ACTIVE"), colour=True)
    assert "\033[33m" in drawn(link("s", "DOWN", "DRIFT"), colour=True)
    assert "\033" not in drawn(link("s", "ACTIVE"))
