"""Loops that somebody has closed beside a link: by another way, or as STP was turned off. Pure.

No link is taken down for that. Which way is the one too many only a person can tell, who has to hear of it.
"""

from collections.abc import Hashable, Mapping

from vethagent import model
from vethagent.agent.desired import Desired
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import Observed


class ClosedLoops:
    """Looks at what is wanted and what is there, if that has changed; the consumer asks."""

    def __init__(self, observed: Observed, desired: Desired) -> None:
        self._observed, self._desired = observed, desired
        self._known: Hashable = None
        self._found: Mapping[str, str] = {}

    def find(self) -> Mapping[str, str]:
        """Return by link, of those that are up and are not allowed to close a loop, the other way that there is."""
        links = [link for link_id in sorted(self._desired.ids()) if (link := self._desired.link(link_id))]
        allowed = frozenset(link.id for link in links if link.allow_loop)
        known = self._observed.revision, allowed
        if self._known != known:
            self._known, topology = known, Topology(self._observed)
            rings = self._observed.ovs_known and topology.has_rings()
            self._found = self._closed(topology, links, allowed) if rings else {}
        return {link.id: self._found[link.id] for link in links if link.id in self._found}

    def _closed(self, topology: Topology, links: list[model.BridgeLink], allowed: frozenset[str]) -> Mapping[str, str]:
        """Return what ``find`` does; links that are allowed, or down, are no way."""
        down = self._observed.owned_and_down()
        passed = down.union(*(self._devices(link_id) for link_id in allowed))
        found = {}
        for link in links:
            first, second = (end.bridge for end in link.ends)
            own = self._devices(link.id)
            if link.id in allowed or own & down or self._bridges(link.id) != {first, second}:
                continue
            if way := topology.way(first, second, without=own | passed):
                found[link.id] = f"{first} and {second} are joined otherwise too: {way}"
        return found

    def _devices(self, link_id: str) -> set[str]:
        return {device.name for device in self._observed.owned_devices(link_id)}

    def _bridges(self, link_id: str) -> set[str | None]:
        return {self._observed.bridge_of(device) for device in self._observed.owned_devices(link_id)}
