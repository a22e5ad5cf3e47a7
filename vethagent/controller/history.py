"""What became of links and agents: a row for each change, written by the transaction that changes it.

What changes over and over is damped (see ``damping``).
"""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.damping import Flaps
from vethagent.controller.db import models
from vethagent.controller.db.database import Committed, tell
from vethagent.controller.db.pieces import pieces
from vethagent.controller.new_links import BEGINNING, NewLink, Wanted
from vethagent.rpc import transport as bus

#: The last that is told of a link.
DELETED = "DELETED"

#: Changes are only counted from now on, and: they are told again.
FLAPPING, STEADY = "FLAPPING", "STEADY"

#: Who notices that an agent is silent, or that something has come to rest.
CONTROLLER = "controller"

_DAMPED = "it changes over and over: changes are only counted until there was none for 10 minutes"

_MAX_MESSAGE = 4096

_LINK_ROWS, _AGENT_ROWS = sqlalchemy.insert(models.LinkChange), sqlalchemy.insert(models.AgentChange)


def user_of(context: bus.Context) -> str:
    """Return who asked, as history has it."""
    user = context.get("user")
    return f"user {user}"[:300] if user else "anonymous"


def agent_of(host: str) -> str:
    """Return the agent of ``host``, as history has it."""
    return f"agent {host}"


def template_of(name: str) -> str:
    """Return the link template ``name``, as history has it."""
    return f"template {name}"[:300]


def change(
    link: models.BridgeLink, now: datetime.datetime, *, by: str, request_id: str | None, **instead: str
) -> dict[str, Any]:
    """Return the row that says that ``link`` is now as it is, but for what ``instead`` names."""
    shown = {"status": str(link.status), "reason": str(link.reason), "message": link.message}
    return _of(link, now, by, request_id) | shown | instead


def creation(link: NewLink, *, by: str) -> dict[str, Any]:
    """Return the row that says that ``link`` was created by the request that it names."""
    return _of(link.message, link.now, by, link.message.request_id) | BEGINNING


def generations(session: orm.Session, link_ids: Sequence[str]) -> dict[str, int]:
    """Return the last generation of each of these links that is told of, also of those that are gone."""
    table = models.LinkChange
    found: dict[str, int] = {}
    for piece in pieces(link_ids):
        last = sqlalchemy.func.max(table.generation).label("last")
        statement = sqlalchemy.select(table.link_id, last).where(table.link_id.in_(piece)).group_by(table.link_id)
        found |= {row.link_id: row.last for row in session.execute(statement)}
    return found


def _of(link: Wanted, now: datetime.datetime, by: str, request_id: str | None) -> dict[str, Any]:
    return {
        "link_id": link.id,
        "host": link.host,
        "link_name": link.name,
        "generation": link.generation,
        "changed_by": by,
        "request_id": request_id,
        "changed_at": now,
    }


def agent_change(
    host: str, kind: str, now: datetime.datetime, *, by: str, message: str, request_id: str | None = None
) -> dict[str, Any]:
    """Return the row that says what happened to the agent of ``host``."""
    return {
        "host": host,
        "kind": kind,
        "message": message.replace("\0", "")[:_MAX_MESSAGE],
        "changed_by": by,
        "request_id": request_id,
        "changed_at": now,
    }


def damped(
    thing: models.Flapping, rows: Sequence[dict[str, Any]], now: datetime.datetime, *, limit: float, word: str
) -> list[dict[str, Any]]:
    """Return what is told of one change of ``thing`` that ``rows`` say: they, or nothing if it changes all the time.

    ``word`` is the field that has the word for what happened.
    """
    flaps = thing.flaps.changed(now, limit=limit)
    thing.keep(flaps)
    if flaps.untold is None:
        return list(rows)
    if flaps.untold:
        return []
    return [*rows, rows[-1] | {word: FLAPPING, "message": _DAMPED}]


def steady(thing: models.Flapping, row: dict[str, Any], *, word: str) -> dict[str, Any]:
    """Return ``row``, which says how ``thing`` is, as the one that says that it has come to rest so."""
    untold = thing.flaps.untold or 0
    thing.keep(Flaps())
    return row | {word: STEADY, "message": f"{untold} changes were not told; now: {row['message'] or row[word]}"}


def record(session: orm.Session, changes: Sequence[dict[str, Any]]) -> None:
    """Store rows of ``change``, and have them told once they are committed."""
    if changes:
        session.connection().execute(_LINK_ROWS, list(changes))
        tell(session, [Committed("bridge_link", each) for each in changes])


def record_agents(session: orm.Session, changes: Sequence[dict[str, Any]]) -> None:
    """Do the same with rows of ``agent_change``."""
    if changes:
        session.connection().execute(_AGENT_ROWS, list(changes))
        tell(session, [Committed("agent", each) for each in changes])
