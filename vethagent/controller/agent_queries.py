"""Which agents a query selects, in which order, and where a page begins; as SQL."""

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller import labels, paging
from vethagent.controller.db import models
from vethagent.controller.db.bytewise import Bytewise
from vethagent.controller.liveness import Recent, reports
from vethagent.controller.requests import AGENT_SORT_KEYS, AgentQuery

Selected = sqlalchemy.Select[models.Agent]


def page(session: orm.Session, query: AgentQuery, recent: Recent) -> Selected:
    """Return the agents that ``query`` asks for, in its order and after its marker; raise UnknownMarker."""
    columns = {name: getattr(models.Agent, name) for name in AGENT_SORT_KEYS}
    by = paging.order(query.sort, columns, Bytewise(models.Agent.host))
    return paging.page(session, _selected(query, recent), by, query.marker, every=_known())


def known(session: orm.Session, host: str, *, lock: bool = False) -> models.Agent | None:
    """Return the agent of ``host``, None if it never reported or was deleted."""
    statement = _known().where(models.Agent.host == host)
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def _known() -> Selected:
    return sqlalchemy.select(models.Agent).where(models.Agent.deleted_at.is_(None))


def _selected(query: AgentQuery, recent: Recent) -> Selected:
    agent = models.Agent
    statement = _known().where(*labels.fitting(agent.label_rows, models.AgentLabel, query.label))
    if query.host is not None:
        statement = statement.where(agent.host == query.host)
    if query.mode is not None:
        statement = statement.where(agent.mode == query.mode.value)
    if query.alive is not None:
        alive = reports(agent.reported_at, recent)
        statement = statement.where(alive if query.alive else ~alive)
    return statement
