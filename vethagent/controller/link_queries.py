"""Which links a query selects, in which order, and where a page begins; as SQL."""

import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db import models
from vethagent.controller.errors import UnknownMarker
from vethagent.controller.requests import LinkQuery, parse_labels, parse_sort
from vethagent.model import Status

Selected = sqlalchemy.Select[models.BridgeLink, datetime.datetime]


def with_report() -> Selected:
    """Return links, each with the time at which its agent last reported."""
    return sqlalchemy.select(models.BridgeLink, models.Agent.reported_at).join(
        models.Agent, models.Agent.host == models.BridgeLink.host
    )


def page(session: orm.Session, query: LinkQuery, oldest_alive: datetime.datetime) -> Selected:
    """Return the links that ``query`` asks for, in its order and after its marker; raise UnknownMarker."""
    statement = _selected(query, oldest_alive)
    columns = _columns(query, oldest_alive)
    statement = statement.order_by(*(column.desc() if down else column for column, down in columns))
    if query.marker is None:
        return statement
    if query.sort is None:
        return statement.where(models.BridgeLink.id > query.marker)
    last = session.execute(
        with_report().with_only_columns(*(column for column, _ in columns)).where(models.BridgeLink.id == query.marker)
    ).one_or_none()
    if last is None:
        raise UnknownMarker(f"marker: there is no link {query.marker} any more; begin again", "marker")
    return statement.where(_after(columns, tuple(last)))


def _selected(query: LinkQuery, oldest_alive: datetime.datetime) -> Selected:
    link = models.BridgeLink
    statement = with_report()
    if query.host is not None:
        statement = statement.where(link.host == query.host)
    if query.name is not None:
        statement = statement.where(link.name == query.name)
    if query.bridge is not None:
        statement = statement.where(link.ends.any(models.LinkEnd.bridge == query.bridge))
    for name, value in parse_labels(query.label) if query.label is not None else ():
        fits = models.LinkLabel.name == name
        statement = statement.where(
            link.label_rows.any(fits if value is None else fits & (models.LinkLabel.value == value))
        )
    if query.status is not None:
        statement = statement.where(_shown_status(oldest_alive) == query.status.value)
    return statement


def _shown_status(oldest_alive: datetime.datetime) -> sqlalchemy.ColumnElement[str]:
    # The same rule as Liveness.shown, where the database can count and page by it.
    held = models.BridgeLink.status
    return sqlalchemy.case(
        (held == Status.PENDING_DELETE, held),
        (models.Agent.reported_at < oldest_alive, Status.DOWN.value),
        else_=held,
    )


def _columns(query: LinkQuery, oldest_alive: datetime.datetime) -> list[tuple[Any, bool]]:
    """Return what is sorted by, and whether downwards; the id is the last, so that no two links are equal."""
    special = {
        "status": _shown_status(oldest_alive),
        "name": sqlalchemy.func.coalesce(models.BridgeLink.name, ""),
    }
    keys = parse_sort(query.sort) if query.sort is not None else []
    columns = [(special.get(name, getattr(models.BridgeLink, name)), down) for name, down in keys]
    return [*columns, (models.BridgeLink.id, False)]


def _after(columns: list[tuple[Any, bool]], last: tuple[Any, ...]) -> sqlalchemy.ColumnElement[bool]:
    """Return what holds for all that comes after ``last``: equal in the first columns, and beyond it in the next."""
    ways = []
    for index, ((column, down), value) in enumerate(zip(columns, last, strict=True)):
        equal = [earlier == known for (earlier, _), known in zip(columns[:index], last, strict=False)]
        ways.append(sqlalchemy.and_(*equal, column < value if down else column > value))
    return sqlalchemy.or_(*ways)
