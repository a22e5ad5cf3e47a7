"""How many links there are, as they are shown; the database counts them."""

from collections.abc import Callable, Collection

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db import models
from vethagent.controller.liveness import judged


def shown(
    session: orm.Session, is_alive: Callable[[str], bool], hosts: Collection[str] | None = None
) -> dict[tuple[str, str, str], int]:
    """Return numbers by (host, status, reason) on ``hosts``, None is all; those of a silent agent are AGENT_DOWN."""
    link = models.BridgeLink
    statement = sqlalchemy.select(link.host, link.status, link.reason, sqlalchemy.func.count())
    if hosts is not None:
        statement = statement.where(link.host.in_(hosts))
    counts: dict[tuple[str, str, str], int] = {}
    grouped = statement.group_by(link.host, link.status, link.reason).order_by(link.host)
    for host, status, reason, count in session.execute(grouped):
        key = (host, *judged(status, reason, alive=is_alive(host)))
        counts[key] = counts.get(key, 0) + count
    return counts
