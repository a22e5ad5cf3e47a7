"""Names that links of one host cannot share: their own, and those of their devices."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller.db import models
from vethagent.controller.db.pieces import pieces
from vethagent.controller.errors import NameConflict
from vethagent.controller.new_links import Wanted

Taken = dict[tuple[str, str], str]


def check(session: orm.Session, rows: Sequence[Wanted], where: Sequence[str] = ("",)) -> None:
    """Raise NameConflict if one of ``rows``, which need not be stored yet, has a name that another link has.

    ``where`` is the beginning of the field of each in the request.
    """
    own = {row.id for row in rows}
    links, ends = models.BridgeLink, models.LinkEnd
    wanted = [(row.host, row.name) for row in rows if row.name is not None]
    names = _taken(session, (links.host, links.name, links.id), wanted, own)
    used = [(row.host, end.device) for row in rows for end in row.ends if end.device is not None]
    devices = _taken(session, (ends.host, ends.device, ends.link_id), used, own)
    for row, prefix in zip(rows, where, strict=True):
        if row.name is not None and (other := names.setdefault((row.host, row.name), row.id)) != row.id:
            raise NameConflict(f"{prefix}name: {row.name!r} is the name of link {other} on {row.host}", f"{prefix}name")
        own_ends: Sequence[models.LinkEnd | model.LinkEnd] = row.ends
        for position, end in enumerate(own_ends):
            if end.device is not None and (other := devices.setdefault((row.host, end.device), row.id)) != row.id:
                field = f"{prefix}ends.{position}.device"
                raise NameConflict(f"{field}: {end.device!r} is a device of link {other} on {row.host}", field)


def _taken(session: orm.Session, columns: Any, wanted: Sequence[tuple[str, str]], own: set[str]) -> Taken:
    """Return who has which of the (host, name) pairs, without the links ``own``."""
    by_host: dict[str, list[str]] = {}
    for host, name in wanted:
        by_host.setdefault(host, []).append(name)
    taken: Taken = {}
    for host, names in by_host.items():
        for piece in pieces(names):
            statement = sqlalchemy.select(*columns).where(columns[0] == host, columns[1].in_(piece))
            taken |= {(host, name): link_id for host, name, link_id in session.execute(statement) if link_id not in own}
    return taken
