"""What became of each link: one row for each change, written by the transaction that changes it."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db import models
from vethagent.rpc import transport as bus

#: The last that is told of a link.
DELETED = "DELETED"


def user_of(context: bus.Context) -> str:
    """Return who asked, as history has it."""
    user = context.get("user")
    return f"user {user}"[:300] if user else "anonymous"


def agent_of(host: str) -> str:
    """Return the agent of ``host``, as history has it."""
    return f"agent {host}"


def change(
    link: models.BridgeLink, now: datetime.datetime, *, by: str, request_id: str | None, **instead: str
) -> dict[str, Any]:
    """Return the row that says that ``link`` is now as it is, but for what ``instead`` names."""
    return {
        "link_id": link.id,
        "host": link.host,
        "link_name": link.name,
        "generation": link.generation,
        "status": str(link.status),
        "reason": str(link.reason),
        "message": link.message,
        "changed_by": by,
        "request_id": request_id,
        "changed_at": now,
    } | instead


def record(session: orm.Session, changes: Sequence[dict[str, Any]]) -> None:
    """Store rows of ``change``."""
    if changes:
        session.execute(sqlalchemy.insert(models.LinkChange), list(changes))
