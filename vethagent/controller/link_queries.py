"""Which links a query selects, in which order, and where a page begins; as SQL."""

import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller import labels, paging
from vethagent.controller.db import models
from vethagent.controller.liveness import Recent, judged_status
from vethagent.controller.requests import LINK_SORT_KEYS, LinkQuery

Selected = sqlalchemy.Select[models.BridgeLink, datetime.datetime, list[dict[str, Any]]]


def with_report() -> Selected:
    """Return links, each with the time at which its agent last reported, and the health that it told of."""
    return sqlalchemy.select(models.BridgeLink, models.Agent.reported_at, models.Agent.health).join(
        models.Agent, models.Agent.host == models.BridgeLink.host
    )


def page(session: orm.Session, query: LinkQuery, recent: Recent) -> Selected:
    """Return the links that ``query`` asks for, in its order and after its marker; raise UnknownMarker."""
    statement = _selected(query, recent)
    return paging.page(session, statement, _order(query, recent), query.marker, every=with_report())


def _selected(query: LinkQuery, recent: Recent) -> Selected:
    link = models.BridgeLink
    statement = with_report()
    if query.host is not None:
        statement = statement.where(link.host == query.host)
    if query.name is not None:
        statement = statement.where(link.name == query.name)
    if query.template_id is not None:
        statement = statement.where(link.template_id == query.template_id)
    if query.bridge is not None:
        statement = statement.where(link.ends.any(models.LinkEnd.bridge == query.bridge))
    statement = statement.where(*labels.fitting(link.label_rows, models.LinkLabel, query.label))
    if query.status is not None:
        statement = statement.where(_shown_status(recent) == query.status.value)
    return statement


def _shown_status(recent: Recent) -> sqlalchemy.ColumnElement[str]:
    return judged_status(models.BridgeLink.status, models.Agent.reported_at, recent)


def _order(query: LinkQuery, recent: Recent) -> paging.Order:
    columns = {name: getattr(models.BridgeLink, name) for name in LINK_SORT_KEYS} | {
        "status": _shown_status(recent),
        "name": sqlalchemy.func.coalesce(models.BridgeLink.name, ""),
    }
    return paging.order(query.sort, columns, models.BridgeLink.id)
