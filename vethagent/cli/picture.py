"""The bridges of a host and what joins them, as a picture of characters."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from vethagent.cli import resolve
from vethagent.client.types import Bridge, HostDescription, Link, VethPair

_KINDS = {"ovs": "ovs bridge", "linux": "Linux bridge"}
#: Codes of terminals (ECMA-48) for what a link is; what is not here has none.
_COLOURS = {"ACTIVE": 32, "BUILD": 36, "DOWN": 33, "ERROR": 31, "PENDING_DELETE": 35}
_INDENT = 7
_LEAST_GAP = 14

#: Bridge and device of one end.
_End = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class _Wire:
    """What joins two bridges; ``status`` is empty for a pair that is nobody's link."""

    ends: tuple[_End, _End]
    label: str
    status: str = ""
    short: str = ""

    @property
    def whole(self) -> bool:
        return self.status in ("", "ACTIVE")

    def between(self) -> tuple[str, str]:
        return self.ends[0][0], self.ends[1][0]


def draw(
    host: HostDescription, links: Sequence[Link], *, colour: bool = False, width: int | None = None
) -> Iterator[str]:
    """Yield lines: bridges as boxes with the devices of ``links`` and of others' pairs at their edges.

    Two bridges that are joined are drawn side by side, each such two by themselves. A line is broken where a link is
    not ACTIVE. ``colour`` is for a terminal; one of ``width`` columns has shorter words if the others are too long.
    """
    kinds = {bridge["name"]: bridge["kind"] for bridge in host["bridges"]}
    rings = {ring["link_id"]: ring["path"] for ring in host.get("rings", ())}
    wires = [_ordered(wire, kinds) for wire in (*_links(links, rings), *_foreign(host["pairs"]))]
    yield host["host"] + _since(host)
    yield from _rings(links, rings)
    for two in dict.fromkeys(wire.between() for wire in wires):
        yield ""
        chosen = [wire for wire in wires if wire.between() == two]
        lines = list(_boxes(two, kinds, chosen, colour=colour))
        if width and len(lines[0]) > width:
            chosen = [dataclasses.replace(wire, label=wire.short) for wire in chosen]
            lines = list(_boxes(two, kinds, chosen, colour=colour))
        yield from lines
    drawn = {device for wire in wires for _, device in wire.ends}
    yield from _others(host["bridges"], drawn)
    loose = [pair for pair in host["pairs"] if None in pair["bridges"] and not drawn & set(pair["devices"])]
    if loose:
        yield ""
        yield "veth pairs with an end in no bridge:"
        yield from (f"  {' <-> '.join(_end(pair, number) for number in (0, 1))}{_owner(pair)}" for pair in loose)


def _since(host: HostDescription) -> str:
    if host.get("live", True):
        return ""
    return f", as its agent told it at {host['reported_at'][:19]}Z; it cannot be asked now"


def _rings(links: Sequence[Link], rings: Mapping[str, str]) -> Iterator[str]:
    """Yield what is worse than any link that is not there: frames that go round and round."""
    for link in links:
        if path := rings.get(link["id"]):
            yield f"RING: link {_called(link)} closes one through physical networks: {path}"


def _called(link: Link) -> str:
    return resolve.shown_as(link["name"], link["id"], short=True)


def _links(links: Sequence[Link], rings: Mapping[str, str]) -> Iterator[_Wire]:
    for link in links:
        observed = link["observed"]
        devices = [end["device"] for end in (observed or link["ends"])]
        first, second = ((end["bridge"], device or "?") for end, device in zip(link["ends"], devices, strict=True))
        words = [_called(link), link["status"], link["reason"], "RING" if link["id"] in rings else ""]
        words += [f"tag {end['tag']}" for end in link["ends"] if end["tag"] is not None]
        words += [f"MTU {observed[0]['mtu']}"] if link["status"] == "ACTIVE" and observed[0]["mtu"] else []
        words += ["drift"] if link["differences"] and link["reason"] != "DRIFT" else []
        yield _Wire((first, second), " ".join(filter(None, words)), link["status"], link["status"])


def _foreign(pairs: Sequence[VethPair]) -> Iterator[_Wire]:
    for pair in pairs:
        first, second = pair["bridges"]
        if not pair["link_id"] and first is not None and second is not None:
            yield _Wire(((first, pair["devices"][0]), (second, pair["devices"][1])), "not ours", short="not ours")


def _ordered(wire: _Wire, kinds: dict[str, str]) -> _Wire:
    """Return ``wire`` with an OVS bridge on the left if it has one, else by name."""
    first, second = sorted(wire.ends, key=lambda end: (kinds.get(end[0]) != "ovs", end))
    return dataclasses.replace(wire, ends=(first, second))


def _boxes(two: tuple[str, str], kinds: dict[str, str], wires: Sequence[_Wire], *, colour: bool) -> Iterator[str]:
    ports = [max(len(wire.ends[side][1]) for wire in wires) + 2 for side in (0, 1)]
    names = [[_KINDS.get(kinds.get(name, ""), "bridge (not there)"), name] for name in two]
    sizes = [
        max(port + _INDENT + 1, *(len(text) + 4 for text in texts)) for port, texts in zip(ports, names, strict=True)
    ]
    gap = max(_LEAST_GAP, *(len(wire.label) + 10 for wire in wires))
    edge = _row([f"+{'-' * size}+" for size in sizes], " " * gap)
    yield edge
    for left, right in zip(*names, strict=True):
        yield _row([f"|  {left}".ljust(sizes[0] + 1) + "|", "|" + f"{right}  |".rjust(sizes[1] + 1)], " " * gap)
    rims = [f"+{'-' * port}+" for port in ports]
    between = _row(_framed(rims, sizes), " " * gap)
    for wire in wires:
        yield between
        cells = [f"| {wire.ends[0][1].ljust(ports[0] - 1)}+", f"+ {wire.ends[1][1].ljust(ports[1] - 1)}|"]
        line = f" {wire.label} ".center(gap, "-") if wire.whole else _broken(wire.label, gap)
        yield _row(_framed(cells, sizes), _painted(line, wire.status) if colour else line)
    yield between
    yield edge


def _broken(label: str, gap: int) -> str:
    room = gap - len(label) - 2
    left = room // 2
    return f"{('- ' * left)[:left]} {label} {(' -' * room)[-(room - left) :]}"


def _framed(cells: Sequence[str], sizes: Sequence[int]) -> list[str]:
    """Return the cell of each side at the inner edge of its box, whose side it stands in for."""
    left, right = cells
    return ["|" + " " * (sizes[0] + 1 - len(left)) + left, right + " " * (sizes[1] + 1 - len(right)) + "|"]


def _row(sides: Sequence[str], middle: str) -> str:
    return f"{sides[0]}{middle}{sides[1]}"


def _painted(line: str, status: str) -> str:
    code = _COLOURS.get(status)
    return line if code is None else f"\033[{code}m{line}\033[0m"


def _others(bridges: Sequence[Bridge], drawn: set[str]) -> Iterator[str]:
    if bridges:
        yield ""
    for bridge in bridges:
        facts = [bridge["kind"], f"MTU {bridge['mtu']}" if bridge["mtu"] else "", "STP" if bridge["stp"] else ""]
        if network := bridge.get("physical_network"):
            facts.append(f"physical network {network}")
        ports = [port["device"] for port in bridge["ports"] if port["device"] not in drawn]
        more = f", further ports: {', '.join(ports)}" if ports else ""
        yield f"{bridge['name']}: {', '.join(filter(None, facts))}{more}"


def _end(pair: VethPair, number: int) -> str:
    bridge, device = pair["bridges"][number], pair["devices"][number]
    return f"{device} in {bridge}" if bridge else device


def _owner(pair: VethPair) -> str:
    return f"  [link {pair['link_id']}]" if pair["link_id"] else ""
