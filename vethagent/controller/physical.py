"""Links that would join physical networks a second time, whichever hosts the others are on, are refused.

No agent sees that, so what is wanted counts and not only what is plugged: also a link that is going, until it is gone.
A link that is wanted down joins nothing. Nor do patch ports of others: those of an integration bridge are there on
every host of OpenStack, and its flows keep the networks apart.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller import inventories
from vethagent.controller.db import models, turns
from vethagent.controller.db.pieces import pieces
from vethagent.controller.errors import PhysicalLoop
from vethagent.controller.inventories import Topology
from vethagent.controller.new_links import Wanted
from vethagent.controller.rings import Networks, Port, Rings, Way, without_dead_ends

T = TypeVar("T")

#: A link by its id, or what others have joined on a host.
Key = str | tuple[str, int]

#: A ring leaves a host by one network and comes back by another one.
_RING = 2


class Unclaimed(Exception):
    """A link joins networks, and the transaction has not said that it might."""


def in_turn(run: Callable[[bool], T]) -> T:
    """Return what ``run`` returns, which is called again with True, for its ``claim``, if a link joins networks.

    Whoever joins networks waits for all others who do. It has to begin with that: what MySQL has read before it waits
    is all that it sees afterwards.
    """
    try:
        return run(False)
    except Unclaimed:
        return run(True)


def claim(session: orm.Session, hosts: Collection[str], *, every: bool) -> set[str]:
    """Begin a transaction that changes links of ``hosts``; with ``every`` links may join networks.

    Return those of them that are in several networks. Nobody else changes links of these at once.
    """
    if every:
        turns.take(session, models.PhysicalNetwork)
    table, names = models.HostInventory, sorted(hosts)
    found: set[str] = set()
    for piece in pieces(names):
        several = table.host.in_(piece) & (table.networks >= _RING)
        found.update(
            session.scalars(sqlalchemy.select(table.host).where(several).order_by(table.host).with_for_update())
        )
    return found


def check(
    session: orm.Session,
    rows: Sequence[Wanted],
    where: Sequence[str] = ("",),
    *,
    field: str = "ends",
    claimed: bool = True,
) -> None:
    """Raise PhysicalLoop if one of ``rows``, which need not be stored yet, would close a ring with any other link.

    ``where`` is the beginning of the field of each in the request, ``field`` the rest. Raise Unclaimed unless
    ``claimed`` if one of them joins networks.
    """
    up = [(row, prefix) for row, prefix in zip(rows, where, strict=True) if row.admin_state_up]
    if all(row.allow_loop for row, _ in up):
        return  # nor need others who are asked now know of them: it is as if they came later
    known = inventories.read(session, {row.host for row, _ in up})
    known = {host: topology for host, topology in known.items() if len(topology.networks) >= _RING}
    asked = [(row, prefix) for row, prefix in up if row.host in known]
    own = {row.id for row in rows}
    wanted: dict[Key, Way] = {row.id: _way_of(row) for row, _ in asked}
    if not asked or not _joins(Rings(networks_of(known), ways(session, known, own).values()), wanted.values()):
        return
    if not claimed:
        raise Unclaimed
    known = inventories.read(session, joining_hosts(session) | known.keys())
    networks = networks_of(known)
    left = without_dead_ends(networks, ways(session, known, own) | wanted)
    rings = Rings(networks, (way for key, way in left.items() if key not in wanted))
    for row, prefix in asked:
        if row.id not in left:
            continue
        way = wanted[row.id]
        if not row.allow_loop and (path := rings.ring(way)):
            text = f"{way.first.bridge} and {way.second.bridge} of {row.host} are joined already: {' - '.join(path)}"
            raise PhysicalLoop(f"{prefix}{field}", text, {place.partition(" of ")[2] for place in path} - {""})
        rings.add(way)


def _joins(rings: Rings, wanted: Collection[Way]) -> bool:
    """Return whether one of ``wanted`` joins two physical networks."""
    for way in wanted:
        rings.add(way)
    return any(len(rings.networks_behind(way.first)) >= _RING for way in wanted)


def joining_hosts(session: orm.Session) -> set[str]:
    """Return the hosts that may join two physical networks; all others have dead ends only.

    It takes a way of others, a link from one to the other, or a bridge in none of them with several links.
    """
    network, ends = models.PhysicalNetwork, models.LinkEnd
    here = (network.host == ends.host) & (network.bridge == ends.bridge)
    several = sqlalchemy.func.count() > 1
    hosts = sqlalchemy.select(network.host).group_by(network.host).having(several)
    across = sqlalchemy.select(ends.host).join(network, here).group_by(ends.link_id, ends.host).having(several)
    between = (
        sqlalchemy.select(ends.host)
        .join(network, here, isouter=True)
        .where(network.host.is_(None), ends.host.in_(hosts))
        .group_by(ends.host, ends.bridge)
        .having(several)
    )
    return set(session.scalars(sqlalchemy.union(hosts.where(network.joined), across, between)))


def networks_of(known: dict[str, Topology]) -> Networks:
    """Return the physical networks of the hosts in ``known``."""
    return {(host, bridge): name for host, each in known.items() for bridge, name in each.networks.items()}


def ways(session: orm.Session, known: dict[str, Topology], but: set[str]) -> dict[Key, Way]:
    """Return all ways of the hosts in ``known``, those of links by their ids, without the links ``but``."""
    found: dict[Key, Way] = dict(_links(session, sorted(known), but))
    for host, topology in known.items():
        for number, (first, second, patch) in enumerate(topology.ways):
            if not patch:
                found[host, number] = Way(Port(host, first), Port(host, second))
    return found


def _links(session: orm.Session, hosts: Sequence[str], but: set[str]) -> Iterable[tuple[str, Way]]:
    """Yield the links of ``hosts`` that are wanted up by their ids, without the links ``but``."""
    link, first, second = models.BridgeLink, orm.aliased(models.LinkEnd), orm.aliased(models.LinkEnd)
    columns = (link.id, link.host, first.bridge, first.tag, second.bridge, second.tag)
    statement = (
        sqlalchemy.select(*columns)
        .join(first, (first.link_id == link.id) & (first.position == 0))
        .join(second, (second.link_id == link.id) & (second.position == 1))
        .where(link.admin_state_up)
    )
    for piece in pieces(hosts):
        for row in session.execute(statement.where(link.host.in_(piece))):
            link_id, host, bridge, tag, far_bridge, far_tag = row
            if link_id not in but:
                yield link_id, Way(Port(host, bridge, tag), Port(host, far_bridge, far_tag))


def _way_of(row: Wanted) -> Way:
    first, second = (Port(row.host, end.bridge, end.tag) for end in row.ends)
    return Way(first, second)
