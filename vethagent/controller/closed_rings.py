"""Rings that are there although new links are refused that would close one.

Bridge mappings that changed after the links were made, or what somebody else joins on a host, close them. Nothing is
taken down for that: which link is the one too many only a person can tell.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import sqlalchemy
from pydantic import Field
from sqlalchemy import orm

from vethagent import model
from vethagent.controller import inventories, loops, physical
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.rings import Rings, without_dead_ends


class Ring(NamedTuple):
    """A ring that a link of ``host`` is a piece of; ``path`` begins and ends at the link's bridges."""

    host: str
    path: str


class InRing(model.Model):
    """A link that is a piece of a ring."""

    link_id: model.LinkId
    path: str = Field(description="The way round, from one bridge of the link to the other")


class ClosedRings:
    """Looks at what is wanted and what the hosts were last seen to have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, link_id: str) -> str | None:
        """Return the path of a ring that the link is a piece of, None if there is none."""
        with self._database.reader() as session:
            ring = closed(session).get(link_id)
        return None if ring is None else ring.path

    def loop(self, link_id: str) -> str | None:
        """Return another way between the bridges of the link on its host, None if there is none."""
        with self._database.reader() as session:
            return loops.beside(session, link_id)

    def on(self, host: str) -> tuple[InRing, ...]:
        """Return the links of ``host`` that are pieces of rings, by id."""
        with self._database.reader() as session:
            found = closed(session)
        return tuple(
            InRing(link_id=link_id, path=ring.path) for link_id, ring in sorted(found.items()) if ring.host == host
        )


def closed(session: orm.Session) -> Mapping[str, Ring]:
    """Return the rings by the ids of all links in them; of those that somebody has allowed none."""
    hosts = physical.joining_hosts(session)
    if not hosts:
        return {}
    known = inventories.read(session, hosts)
    allowed = set(session.scalars(sqlalchemy.select(models.BridgeLink.id).where(models.BridgeLink.allow_loop)))
    return dict(_closed(session, known, allowed))


def _closed(
    session: orm.Session, known: dict[str, inventories.Topology], allowed: set[str]
) -> Iterator[tuple[str, Ring]]:
    networks = physical.networks_of(known)
    ways = without_dead_ends(networks, physical.ways(session, known, allowed))
    rings = Rings(networks, ways.values())
    for key, way in ways.items():
        rings.remove(way)
        if isinstance(key, str) and (path := rings.ring(way)):
            yield key, Ring(way.first.host, " - ".join(path))
        rings.add(way)
