"""The picture of a link, drawn from what its agent has seen."""

from typing import Any

_KINDS = {"ovs": "ovs bridge", "linux": "Linux bridge"}
_GAP = 14
# The row of a box that has the device's name, and the wire.
_WIRE_ROW = 4

EndState = dict[str, Any]


def draw(link: dict[str, Any]) -> str:
    """Return two boxes, the bridges that the devices really are in, with the devices at their edges.

    The wire between them is drawn only if the devices' ifindexes say that they are each other's peer.
    """
    one, other = sorted(link["observed"], key=lambda end: str(end["kind"]), reverse=True)
    joined = one["peer_ifindex"] == other["ifindex"] and other["peer_ifindex"] == one["ifindex"]
    height = max(len(_facts(one)), len(_facts(other)))
    lines = []
    # A box has its device at the right edge; the other one is the same, its cells from right to left.
    for number, (left, right) in enumerate(zip(_box(one, height), _box(other, height), strict=True)):
        wire = "-" if joined and number == _WIRE_ROW else " "
        lines.append("".join(left) + wire * _GAP + "".join(reversed(right)))
    return "\n".join(lines)


def _facts(end: EndState) -> list[str]:
    facts = [end["device"], f"ifindex {end['ifindex']}", f"MTU {end['mtu']}", "up" if end["up"] else "down"]
    if end["kind"] == "ovs":
        facts.append(f"ofport {end['ofport']}")
    if end["tag"]:
        facts.append(f"tag {end['tag']}")
    return facts


def _box(end: EndState, height: int) -> list[list[str]]:
    """Return the rows of one bridge, each as its cells and the borders around them."""
    facts = _facts(end)
    names = [_KINDS[end["kind"]], end["attached_to"] or "in no bridge"]
    inner = max(map(len, facts)) + 2
    outer = max(map(len, names)) + 2
    rows = [["+", "-" * (outer + 1 + inner), "+"]]
    rows += [["|", f" {name}".ljust(outer + 1 + inner), "|"] for name in names]
    rows += [["|", " " * outer, "+", "-" * inner, "+"]]
    for number in range(height):
        text = f" {facts[number]}" if number < len(facts) else ""
        rows.append(["|", " " * outer, "|", text.ljust(inner), "+" if number == 0 else "|"])
    rows.append(["+", "-" * outer, "+", "-" * inner, "+"])
    return rows
