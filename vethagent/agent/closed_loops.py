"""Loops that somebody has closed beside a link: by another way, or as STP was turned off. Pure.

No link is taken down for that. Which way is the one too many only a person can tell, who has to hear of it.
"""

from collections.abc import Callable, Collection, Hashable, Sequence

from vethagent import model
from vethagent.agent.desired import Desired
from vethagent.plumbing.loops import Ring, Topology
from vethagent.plumbing.observed import Observed
from vethagent.privileged.ifinfo import Device

#: The links, and of the first of them what other way there is.
_Found = tuple[Sequence[str], str]


class ClosedLoops:
    """Looks at what is wanted and what is there, if that has changed; the consumer asks."""

    def __init__(self, observed: Observed, desired: Desired) -> None:
        self._observed, self._desired = observed, desired
        self._known: Hashable = None
        self._found: _Found = (), ""

    def find(self) -> _Found:
        """Return the links that are up, are not allowed to close a loop and do, and the other way of the first."""
        links = [link for link_id in sorted(self._desired.ids()) if (link := self._desired.link(link_id))]
        known = self._observed.revision, tuple((link.id, link.generation) for link in links)
        if self._known != known:
            self._known = known
            self._found = self._closed(links) if self._observed.ovs_known else ((), "")
        return self._found

    def _closed(self, links: list[model.BridgeLink]) -> _Found:
        """Return what ``find`` does; links that are allowed, or down, are no way."""
        topology, down = Topology(self._observed), self._observed.owned_and_down()
        allowed = (device for link in links if link.allow_loop for device in self._observed.owned_devices(link.id))
        passed = down.union(device.name for device in allowed)
        if (ring := topology.rings(without=passed)) is None:
            return (), ""
        found = [link for link in links if not link.allow_loop and self._closes(link, topology, ring, passed)]
        if not found:
            return (), ""
        first, second = (end.bridge for end in found[0].ends)
        way = self._way(found[0], topology, passed)
        return [link.id for link in found], f"{first} and {second} are joined otherwise too: {way}"

    def _closes(
        self,
        link: model.BridgeLink,
        topology: Topology,
        ring: Callable[[str, str], Ring | None],
        passed: Collection[str],
    ) -> bool:
        pair = self._observed.owned_devices(link.id)
        first, second = (end.bridge for end in link.ends)
        bridges = [self._observed.bridge_of(device) for device in pair]
        if any(device.name in passed for device in pair) or set(bridges) != {first, second}:
            return False
        if self._is_one_way(pair):
            found = ring(first, second)
            if found is None:
                return False
            if found.clear:
                return found.deaf or not (topology.spans_tree(first) and topology.spans_tree(second))
        return bool(self._way(link, topology, passed))

    def _is_one_way(self, pair: Sequence[Device]) -> bool:
        """Return whether marked devices are a single way between the bridges that they are in."""
        leads = [list(self._observed.across(device)) for device in pair]
        names = [device.name for device in pair]
        bridges = [self._observed.bridge_of(device) for device in pair]
        return leads == [[way] for way in zip(names, reversed(bridges), strict=True)] and len(pair) == 2

    def _way(self, link: model.BridgeLink, topology: Topology, passed: Collection[str]) -> str:
        first, second = (end.bridge for end in link.ends)
        own = {device.name for device in self._observed.owned_devices(link.id)}
        return topology.way(first, second, without=own.union(passed))
