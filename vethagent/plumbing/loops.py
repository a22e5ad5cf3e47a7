"""Would one more link close a loop of bridges? Pure.

A loop without STP melts a host: a single broadcast circles for ever, and each further port makes it worse.
"""

from collections import deque
from collections.abc import Collection, Iterator

from vethagent.plumbing.observed import Observed


class Topology:
    """The bridges of a host and the ways between them, those included that are planned but not there yet."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._planned: dict[str, list[str]] = {}

    def join(self, first: str, second: str) -> None:
        """Take in that a link between two bridges will be made."""
        self._planned.setdefault(first, []).append(second)
        self._planned.setdefault(second, []).append(first)

    def path(
        self, first: str, second: str, *, without: Collection[str] = (), past: Collection[str] = ()
    ) -> list[str] | None:
        """Return the bridges on a way from ``first`` to ``second``, both included, None if there is no way.

        Ways through the devices ``without`` do not count: a link is no loop with itself. Nor do those through the
        bridges ``past``.
        """
        if self._observed.degree(first) > self._observed.degree(second):
            # The search goes through the ports of every bridge that it meets: better begin where there are few.
            found = self.path(second, first, without=without, past=past)
            return found and found[::-1]
        came_from: dict[str, str | None] = dict.fromkeys((*past, first))
        queue = deque([first])
        while queue:
            bridge = queue.popleft()
            for neighbour in self._steps(bridge, without):
                if neighbour in came_from:
                    continue
                came_from[neighbour] = bridge
                if neighbour == second:
                    return _trace(came_from, second)
                queue.append(neighbour)
        return None

    def _steps(self, bridge: str, without: Collection[str]) -> Iterator[str]:
        yield from self._planned.get(bridge, ())
        for device, neighbour in self._observed.neighbours(bridge):
            if device not in without:
                yield neighbour

    def way(self, first: str, second: str, *, without: Collection[str] = ()) -> str:
        """Return the bridges on a way that a link between two bridges would close a loop with, '' if there is none."""
        spanned = self.spans_tree(first) and self.spans_tree(second)
        path = (self.unspanned if spanned else self.path)(first, second, without=without)
        why = ", and not all of these pass on what STP tells" if spanned else ""
        return " - ".join(path) + why if path else ""

    def unspanned(self, first: str, second: str, *, without: Collection[str] = ()) -> list[str] | None:
        """Return a way between two bridges with STP on which they do not hear each other, None if there is none.

        An Open vSwitch bridge without STP drops what they tell each other, unless it is told to pass it on
        (``forward-bpdu`` in ovs-vswitchd.conf.db(5)). A Linux bridge without STP passes it on (br_handle_frame in
        net/bridge/br_input.c). The shortest way to such a bridge is tried, and any way from there: of rings within
        rings one may be missed.
        """
        for row in self._observed.bridges.values():
            if row.stp or row.forwards_bpdus or row.name in (first, second):
                continue
            if len(set(self._steps(row.name, without))) < 2:
                continue  # no way leads through it
            for one, other in ((first, second), (second, first)):
                begin = self.path(one, row.name, without=without, past=[other])
                end = begin and self.path(row.name, other, without=without, past=begin[:-1])
                if begin and end:
                    found = begin + end[1:]
                    return found if one == first else found[::-1]
        return None

    def may_join(self, first: str, second: str, *, without: Collection[str] = ()) -> bool:
        """Return whether two Linux bridges may be joined by Open vSwitch, of which nothing is known yet."""
        return not self._observed.ovs_known and all(self._leads_away(bridge, without) for bridge in (first, second))

    def _leads_away(self, bridge: str, without: Collection[str]) -> bool:
        found = [bridge]
        for each in found:
            found += set(self._steps(each, without)).difference(found)
        return any(map(self._observed.leads_away, found))

    def spans_tree(self, bridge: str) -> bool:
        """Return whether STP or RSTP runs on the bridge."""
        if device := self._observed.linux_bridge(bridge):
            return device.stp
        row = self._observed.bridges.get(bridge)
        return row is not None and row.stp


def _trace(came_from: dict[str, str | None], last: str) -> list[str]:
    path: list[str] = []
    bridge: str | None = last
    while bridge is not None:
        path.append(bridge)
        bridge = came_from[bridge]
    return path[::-1]
