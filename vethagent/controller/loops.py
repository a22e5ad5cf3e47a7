"""Loops that are to be seen before an agent is asked: in what it last told of its host and of the links there.

Something may have changed since, so it looks again before it plugs.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller import inventories
from vethagent.controller.db import models
from vethagent.controller.db.pieces import pieces
from vethagent.controller.errors import Loop
from vethagent.controller.inventories import Topology
from vethagent.controller.new_links import Wanted
from vethagent.model import Status

#: The two ends of a link.
_Observed = Sequence[dict[str, Any]]


class _Inventory:
    """A host as it was last seen: which bridges are joined, by links or otherwise, and which run STP or RSTP."""

    def __init__(self, topology: Topology, links: Iterable[_Observed]) -> None:
        """``links`` are those that are there, as they were observed."""
        self.joined: dict[str, set[str]] = {}
        self.stp: dict[str, bool | None] = dict(topology.stp)
        for first, second, _patch in topology.ways:
            self._join(first, second)
        for observed in links:
            self._add(observed)

    def _join(self, first: str, second: str) -> None:
        self.joined.setdefault(first, set()).add(second)
        self.joined.setdefault(second, set()).add(first)

    def _add(self, observed: _Observed) -> None:
        """Take in the two ends of a link, if both are in their bridges."""
        bridges = [str(end["bridge"]) for end in observed if end["attached_to"] == end["bridge"]]
        if len(bridges) == 2:
            self._join(*bridges)
            for bridge, end in zip(bridges, observed, strict=True):
                stp = end.get("stp")
                if isinstance(stp, bool):
                    self.stp[bridge] = stp

    def loop(self, first: str, second: str) -> list[str]:
        """Return the bridges on the way from one to the other, none if there is none or STP may make it harmless.

        Where nobody has told of STP, as agents of older releases do not, it is left to the agent.
        """
        stp = [self.stp.get(bridge) for bridge in (first, second)]
        if None in stp or all(stp):
            return []
        came_from = {first: first}
        queue = deque([first])
        while queue and second not in came_from:
            bridge = queue.popleft()
            for neighbour in sorted(self.joined.get(bridge, set()) - came_from.keys()):
                came_from[neighbour] = bridge
                queue.append(neighbour)
        path = [second] if second in came_from else []
        while path and path[-1] != first:
            path.append(came_from[path[-1]])
        return path[::-1]


def check(session: orm.Session, rows: Sequence[Wanted], where: Sequence[str] = ("",), *, field: str = "ends") -> None:
    """Raise Loop if one of ``rows``, which need not be stored yet, would close one with links that are plugged.

    ``where`` is the beginning of the field of each in the request, ``field`` the rest. With ``admin_state_up`` they are
    only set up, and as an agent has it links that are down do not count.
    """
    up_only = field == "admin_state_up"
    own = {row.id for row in rows}
    told = inventories.read(session, {row.host for row in rows})
    for host in sorted({row.host for row in rows}):
        asked = [(row, prefix) for row, prefix in zip(rows, where, strict=True) if row.host == host]
        asked = [(row, prefix) for row, prefix in asked if not row.allow_loop]
        topology = told.get(host, Topology())
        # Most bridges have their first link: then the others need not be read.
        used = _used(session, host, sorted({end.bridge for row, _ in asked for end in row.ends}))
        used.update(bridge for way in topology.ways for bridge in way[:2])
        asked = [(row, prefix) for row, prefix in asked if all(end.bridge in used for end in row.ends)]
        if not asked:
            continue
        links = _read(session, host, own, up_only=up_only)
        inventory = _Inventory(topology, links)
        for row, prefix in asked:
            first, second = (end.bridge for end in row.ends)
            path = inventory.loop(first, second)
            if path and row.adopt:
                path = _Inventory(topology.without(first, second), links).loop(first, second)
            if path:
                text = f"{first} and {second} of {host} are joined already: {' - '.join(path)}"
                raise Loop(f"{prefix}{field}", text, [host])


def beside(session: orm.Session, link_id: str) -> str | None:
    """Return another way between the bridges of a link that is up, None if there is none or somebody has allowed it."""
    row = session.get(models.BridgeLink, link_id)
    if row is None or row.allow_loop or row.status != Status.ACTIVE:
        return None
    links = models.BridgeLink
    allowed = session.scalars(sqlalchemy.select(links.id).where(links.host == row.host, links.allow_loop))
    topology = inventories.read(session, {row.host}).get(row.host, Topology())
    others = _Inventory(topology, _read(session, row.host, {row.id, *allowed}, up_only=True))
    return " - ".join(others.loop(*(end.bridge for end in row.ends))) or None


def _used(session: orm.Session, host: str, bridges: Sequence[str]) -> set[str]:
    ends = models.LinkEnd
    found: set[str] = set()
    for piece in pieces(bridges):
        found.update(
            session.scalars(sqlalchemy.select(ends.bridge).where(ends.host == host, ends.bridge.in_(piece)).distinct())
        )
    return found


def _read(session: orm.Session, host: str, own: set[str], *, up_only: bool) -> Sequence[_Observed]:
    """Return the links that are there, but for those that are asked to go, or with ``up_only`` to be down.

    What is asked for next is acted on after that, and by an agent that looks again.
    """
    links, ends = models.BridgeLink, models.LinkEnd
    changed = (
        sqlalchemy.select(links.id, ends.bridge)
        .join(ends, ends.link_id == links.id)
        .where(links.host == host, links.observed_generation < links.generation)
    )
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for link_id, bridge in session.execute(changed):
        asked[link_id].add(bridge)
    statement = sqlalchemy.select(links.id, links.observed).where(
        links.host == host, links.status != Status.PENDING_DELETE
    )
    if up_only:
        statement = statement.where(links.admin_state_up)
    return [
        observed
        for link_id, observed in session.execute(statement)
        if link_id not in own
        and not (link_id in asked and any(end["bridge"] not in asked[link_id] for end in observed))
        and not (up_only and any(end.get("up") is False for end in observed))
    ]
