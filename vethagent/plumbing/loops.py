"""Would one more link close a loop of bridges? Pure.

A loop without STP melts a host: a single broadcast circles for ever, and each further port makes it worse.
"""

import dataclasses
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from vethagent import model
from vethagent.plumbing.observed import UPPERS, Observed

#: A bridge, and the port by which a search has come to it and by which it does not go on, if there is one.
_Place = tuple[str, str | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Ring:
    """Bridges that are joined by more ways than one; ``deaf``: one of them drops what STP tells.

    Unless it is ``clear`` some of these ways may not lead on to others, and only a search can tell whether they do.
    """

    clear: bool
    deaf: bool


class Topology:
    """The bridges of a host and the ways between them, those included that are planned but not there yet."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        #: Bridges, by link that will be made.
        self.joined: dict[str, tuple[str, str]] = {}
        #: Bridge -> (link, bridge): of links that will be made, and of those that were there and that nobody sees
        #: before OVSDB has told its rows.
        self._unseen: dict[str, list[tuple[str, str]]] = {}
        for link_id, ends in () if observed.ovs_known else observed.awaited.items():
            self._add(link_id, *ends)

    def join(self, link_id: str, first: str, second: str) -> None:
        """Take in that a link between two bridges will be made."""
        self.joined[link_id] = first, second
        self._add(link_id, first, second)

    def wait_for(self, link: model.BridgeLink) -> None:
        """Take in that a link was there; until the rows of OVSDB are known no other one is to take its place."""
        if link.id not in self._observed.awaited:
            first, second = link.ends
            self._observed.awaited[link.id] = first.bridge, second.bridge
            self._add(link.id, first.bridge, second.bridge)

    def _add(self, link_id: str, first: str, second: str) -> None:
        self._unseen.setdefault(first, []).append((link_id, second))
        self._unseen.setdefault(second, []).append((link_id, first))

    def path(self, first: str, second: str, *, without: Collection[str] = ()) -> list[str] | None:
        """Return the bridges on a way from ``first`` to ``second``, both included, None if there is no way.

        Ways through devices or links ``without`` do not count: a link is no loop with itself.
        """
        if self._observed.degree(first) > self._observed.degree(second):
            # The search goes through the ports of every bridge that it meets: better begin where there are few.
            found = self.path(second, first, without=without)
            return found and found[::-1]
        begin: _Place = (first, None)
        came_from: dict[_Place, _Place | None] = {begin: None}
        entries: dict[str, str | None] = {}
        queue = deque([begin])
        while queue:
            place = bridge, entry = queue.popleft()
            for way, neighbour in self._ways(bridge, without):
                if (entry is not None and way == entry) or (neighbour, None) in came_from:
                    continue
                port = self._entry(neighbour, place, way, without)
                # One that is reached by two of its ports is left by each.
                reached = neighbour, port if entries.setdefault(neighbour, port) == port else None
                if reached in came_from:
                    continue
                came_from[reached] = place
                if neighbour == second:
                    return _trace(came_from, reached)
                queue.append(reached)
        return None

    def _steps(self, bridge: str, without: Collection[str]) -> Iterator[str]:
        return (neighbour for _, neighbour in self._ways(bridge, without))

    def _ways(self, bridge: str, without: Collection[str]) -> Iterator[tuple[str, str]]:
        found = itertools.chain(self._unseen.get(bridge, ()), self._observed.neighbours(bridge))
        return ((way, neighbour) for way, neighbour in found if way not in without)

    def _entry(self, bridge: str, before: _Place, way: str, without: Collection[str]) -> str | None:
        """Return the port of ``bridge`` by which a search does not go on that comes from ``before`` by a ``way``.

        One that may not leave a bridge by some port does not turn round behind another one either.
        """
        came_from, entry = before
        port = shared_port(self._observed, bridge, came_from, way)
        if port is not None and not any(neighbour == came_from for _, neighbour in self._unseen.get(bridge, ())):
            return port
        ports = [] if entry is None else [port for port, other in self._ways(bridge, without) if other == came_from]
        return ports[0] if len(ports) == 1 else None

    def way(self, first: str, second: str, *, without: Collection[str] = ()) -> str:
        """Return the bridges on a way that a link between two bridges would close a loop with, '' if there is none."""
        if self.spans_tree(first) and self.spans_tree(second):
            deaf = self.unspanned(first, second, without=without)
            return f"through {', '.join(deaf)}, and what STP tells does not pass there" if deaf else ""
        return " - ".join(self.path(first, second, without=without) or ())

    def unspanned(self, first: str, second: str, *, without: Collection[str] = ()) -> list[str]:
        """Return the bridges on ways between two with STP on which these do not hear each other, by name.

        An Open vSwitch bridge without STP drops what they tell each other, unless it is told to pass it on
        (``forward-bpdu`` in ovs-vswitchd.conf.db(5)). A Linux bridge without STP passes it on (br_handle_frame in
        net/bridge/br_input.c).
        """
        deaf = self._deaf()
        if not any(self._observed.degree(name) > 1 for name in deaf):  # no way leads through one
            return []
        if self._observed.degree(first) < self._observed.degree(second):
            first, second = second, first  # the search goes through the ports of all bridges but the first
        return sorted(self._between(first, second, without) & deaf)

    def _deaf(self) -> set[str]:
        return {row.name for row in self._observed.bridges.values() if not (row.stp or row.forwards_bpdus)}

    def _between(self, first: str, second: str, without: Collection[str]) -> set[str]:
        """Return both bridges and all on ways between them that pass no bridge twice.

        With a link between the two these are what no single bridge cuts off from it.
        """

        def steps(bridge: str) -> Iterable[str]:
            return [second] if bridge == first else self._steps(bridge, without)

        *_, last = _blocks(first, steps, {})
        return last

    def rings(self, *, without: Collection[str] = ()) -> Callable[[str, str], Ring | None] | None:
        """Return what tells of two joined bridges whether other ways join them too; None if there are no rings.

        All of them are found by one look at each port.
        """
        ways: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        unclear: set[tuple[str, str]] = set()
        for bridge in self._observed.bridge_names():
            for way, neighbour in self._ways(bridge, without):
                ways[bridge][neighbour] += 1
                ways[neighbour][bridge] += 0
                if self._observed.stacked and not _is_plain(self._observed, bridge, way):
                    unclear.add((bridge, neighbour))
        # What a device or a row tells of a way need not be told by its other end yet.
        unclear |= {(one, other) for one in ways for other in ways[one] if ways[one][other] != ways[other][one]}
        deaf, numbers = self._deaf(), dict[str, int]()
        found: list[Ring] = []
        parts: defaultdict[str, set[int]] = defaultdict(set)
        for begin in list(ways):
            for block in _blocks(begin, ways.__getitem__, numbers) if begin not in numbers else ():
                one, other, *more = block
                if more or max(ways[one][other], ways[other][one]) > 1:
                    for bridge in block:
                        parts[bridge].add(len(found))
                    found.append(Ring(True, not deaf.isdisjoint(block)))
        for one, other in unclear:
            for number in parts[one] & parts[other]:
                found[number] = dataclasses.replace(found[number], clear=False)

        def ring(first: str, second: str) -> Ring | None:
            return next((found[number] for number in parts[first] & parts[second]), None)

        return ring if found else None

    def may_join(self, first: str, second: str, *, without: Collection[str] = ()) -> bool:
        """Return whether two Linux bridges may be joined by Open vSwitch, of which nothing is known yet."""
        return not self._observed.ovs_known and all(self._leads_away(bridge, without) for bridge in (first, second))

    def _leads_away(self, bridge: str, without: Collection[str]) -> bool:
        seen, found = {bridge}, [bridge]
        for each in found:
            if self._observed.leads_away(each):
                return True
            new = set(self._steps(each, without)) - seen
            seen |= new
            found += new
        return False

    def spans_tree(self, bridge: str) -> bool:
        """Return whether STP or RSTP runs on the bridge."""
        if device := self._observed.linux_bridge(bridge):
            return device.stp
        row = self._observed.bridges.get(bridge)
        return row is not None and row.stp


def _blocks(begin: str, steps: Callable[[str], Iterable[str]], numbers: dict[str, int]) -> Iterator[set[str]]:
    """Yield the biconnected components of what ``steps`` reach from ``begin``, all of whose bridges get ``numbers``.

    That is the search of Hopcroft and Tarjan (Algorithm 447). Two of them share a bridge at most.
    """
    numbers[begin] = len(numbers)
    lowest, found = {begin: numbers[begin]}, [begin]
    walk = [(begin, iter(steps(begin)))]
    while walk:
        bridge, following = walk[-1]
        for neighbour in following:
            if neighbour not in numbers:
                numbers[neighbour] = lowest[neighbour] = len(numbers)
                found.append(neighbour)
                walk.append((neighbour, iter(steps(neighbour))))
                break
            lowest[bridge] = min(lowest[bridge], numbers[neighbour])
        else:
            walk.pop()
            if walk and lowest[bridge] >= numbers[walk[-1][0]]:  # behind a bridge that all ways there lead through
                block = {walk[-1][0]}
                while bridge not in block:
                    block.add(found.pop())
                yield block
            elif walk:
                lowest[walk[-1][0]] = min(lowest[walk[-1][0]], lowest[bridge])


def shared_port(observed: Observed, bridge: str, before: str, way: str) -> str | None:
    """Return the port of ``bridge`` by which comes in what VLAN devices in ``before`` send, if others are behind it.

    A bridge sends nothing back by the port by which it came. So it joins no two that have VLAN devices of one device in
    them, as ``br0.100`` and ``br0.200``, or macvlans, whatever else it joins these with. ``way`` is the one that is
    looked at, of those between the two: one that none of them makes tells without a look at all ports, which may be
    many.
    """
    if not observed.stacked or _is_plain(observed, before, way):
        return None
    ways = [other for _, other in observed.neighbours(before)]
    members = filter(None, map(observed.device, observed.ports_of(before)))
    sent = [other for member in members if member.kind in UPPERS for _, other in observed.across(member)]
    if ways.count(bridge) != sent.count(bridge):
        return None
    behind: dict[str, set[str]] = {}
    for device, other in observed.neighbours(bridge):
        behind.setdefault(device, set()).add(other)
    ports = [device for device, others in behind.items() if before in others]
    return ports[0] if len(ports) == 1 and len(behind[ports[0]]) > 1 else None


def _is_plain(observed: Observed, before: str, way: str) -> bool:
    """Return whether a way leaves ``before`` by a port of its own, or by the bridge's device, so by no VLAN device."""
    device = observed.device(way)
    if device is None or way == before:
        return True
    ends = device, observed.peer(device) if device.kind == "veth" else None
    return any(end is not None and observed.bridge_of(end) == before for end in ends)


def _trace(came_from: Mapping[_Place, _Place | None], last: _Place) -> list[str]:
    path: list[str] = []
    place: _Place | None = last
    while place is not None:
        path.append(place[0])
        place = came_from[place]
    return path[::-1]
