"""Would one more link close a ring that goes through physical networks, from host to host? Pure.

On one host the agent sees a loop by itself. That two hosts join the same two networks is seen by none of them.
"""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)


class Port(NamedTuple):
    """Where a way ends; ``tag`` is the VLAN that passes, None is all of them or not known."""

    host: str
    bridge: str
    tag: int | None = None


class Way(NamedTuple):
    """What joins two bridges of one host."""

    first: Port
    second: Port


class _Stand(NamedTuple):
    """How far a search has come: out of a port, and whether it went through a physical network by then."""

    port: Port
    outside: bool


#: Physical networks by host and bridge.
Networks = Mapping[tuple[str, str], str]


def without_dead_ends(networks: Networks, ways: Mapping[K, Way]) -> dict[K, Way]:
    """Return ``ways`` without those that lead to where no other one goes on, which are no pieces of rings.

    Of a network into which thousands of links lead each search for a ring would look at all of them, and one that comes
    back out of a dead end would take that for a way round.
    """
    left = dict(ways)
    nodes = {key: [networks.get(_place(end), _place(end)) for end in way] for key, way in ways.items()}
    at: defaultdict[object, list[K]] = defaultdict(list)
    for key, both in nodes.items():
        for node in both:
            at[node].append(key)
    degrees = {node: len(keys) for node, keys in at.items()}
    ends: list[object] = [node for node, degree in degrees.items() if degree == 1]
    while ends:
        for key in at[ends.pop()]:
            if left.pop(key, None) is None:
                continue
            for node in nodes[key]:
                degrees[node] -= 1
                if degrees[node] == 1:
                    ends.append(node)
    return left


class Rings:
    """Ways of any number of hosts, by where they end."""

    def __init__(self, networks: Networks, ways: Iterable[Way] = ()) -> None:
        self._networks = networks
        self._in_bridge: defaultdict[tuple[str, str], list[Way]] = defaultdict(list)
        self._in_network: defaultdict[str, list[Way]] = defaultdict(list)
        for way in ways:
            self.add(way)

    def add(self, way: Way) -> None:
        """Take in a way; it may be walked in both directions."""
        for each in (way, Way(way.second, way.first)):
            place = (each.first.host, each.first.bridge)
            self._in_bridge[place].append(each)
            if network := self._networks.get(place):
                self._in_network[network].append(each)

    def remove(self, way: Way) -> None:
        """Take out a way that was added."""
        for each in (way, Way(way.second, way.first)):
            place = (each.first.host, each.first.bridge)
            self._in_bridge[place].remove(each)
            if network := self._networks.get(place):
                self._in_network[network].remove(each)

    def networks_behind(self, port: Port) -> set[str]:
        """Return the physical networks that are reached from ``port`` without one in between."""
        seen, queue = {port}, deque([port])
        while queue:
            for way in self._within(queue.popleft()):
                if way.second not in seen:
                    seen.add(way.second)
                    queue.append(way.second)
        places = ((each.host, each.bridge) for each in seen)
        return {network for place in places if (network := self._networks.get(place))}

    def ring(self, way: Way) -> list[str] | None:
        """Return what lies on a way through physical networks from one end of ``way`` to the other, None if none does.

        VLANs of two different tags do not meet; a port without a tag meets all.
        """
        start = _Stand(way.first, outside=False)
        came: dict[_Stand, tuple[_Stand, Port] | None] = {start: None}
        queue = deque([start])
        while queue:
            stand = queue.popleft()
            if self._meets(stand, way.second):
                return self._told(_meetings(came, stand, way.second))
            for entry, following in self._steps(stand):
                if following not in came:
                    came[following] = (stand, entry)
                    queue.append(following)
        return None

    def _meets(self, stand: _Stand, end: Port) -> bool:
        if not _pass(stand.port, end):
            return False
        if _place(stand.port) == _place(end):
            return stand.outside
        network = self._networks.get(_place(end))
        return network is not None and network == self._networks.get(_place(stand.port))

    def _steps(self, stand: _Stand) -> Iterator[tuple[Port, _Stand]]:
        """Yield where the next way is entered, and where it leads to."""
        for way in self._within(stand.port):
            yield way.first, _Stand(way.second, stand.outside)
        network = self._networks.get(_place(stand.port))
        for way in self._in_network.get(network, ()) if network else ():
            if _place(way.first) != _place(stand.port) and _pass(stand.port, way.first):
                yield way.first, _Stand(way.second, outside=True)

    def _within(self, port: Port) -> Iterator[Way]:
        return (way for way in self._in_bridge.get(_place(port), ()) if _pass(port, way.first))

    def _told(self, meetings: Iterable[tuple[Port, Port]]) -> list[str]:
        told: list[str] = []
        for port, other in meetings:
            told.append(f"{port.bridge} of {port.host}")
            if _place(port) != _place(other):
                told += [self._networks[_place(port)], f"{other.bridge} of {other.host}"]
        return told


def _place(port: Port) -> tuple[str, str]:
    return port.host, port.bridge


def _pass(port: Port, other: Port) -> bool:
    return port.tag == other.tag or None in (port.tag, other.tag)


def _meetings(came: Mapping[_Stand, tuple[_Stand, Port] | None], last: _Stand, end: Port) -> list[tuple[Port, Port]]:
    """Return the ports that meet on the way to ``last`` and from there to ``end``, in one bridge or in one network."""
    meetings = [(last.port, end)]
    while (step := came[last]) is not None:
        last, entry = step
        meetings.append((last.port, entry))
    return meetings[::-1]
