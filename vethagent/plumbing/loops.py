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

    def path(self, first: str, second: str, *, without: Collection[str] = ()) -> list[str] | None:
        """Return the bridges on a way from ``first`` to ``second``, both included, None if there is no way.

        Ways through the devices ``without`` do not count: a link is no loop with itself.
        """
        if self._observed.degree(first) > self._observed.degree(second):
            # The search goes through the ports of every bridge that it meets: better begin where there are few.
            found = self.path(second, first, without=without)
            return found and found[::-1]
        came_from: dict[str, str | None] = {first: None}
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
