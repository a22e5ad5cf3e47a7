"""Which agents a query selects, in which order, and where a page begins; as SQL."""

import datetime

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller import paging
from vethagent.controller.db import models
from vethagent.controller.requests import AGENT_SORT_KEYS, AgentQuery

Selected = sqlalchemy.Select[models.Agent]


def page(session: orm.Session, query: AgentQuery, oldest_alive: datetime.datetime) -> Selected:
    """Return the agents that ``query`` asks for, in its order and after its marker; raise UnknownMarker."""
    columns = {name: getattr(models.Agent, name) for name in AGENT_SORT_KEYS}
    by = paging.order(query.sort, columns, models.Agent.host)
    every = sqlalchemy.select(models.Agent)
    return paging.page(session, _selected(query, oldest_alive), by, query.marker, every=every)


def _selected(query: AgentQuery, oldest_alive: datetime.datetime) -> Selected:
    agent = models.Agent
    statement = sqlalchemy.select(agent)
    if query.host is not None:
        statement = statement.where(agent.host == query.host)
    if query.mode is not None:
        statement = statement.where(agent.mode == query.mode.value)
    if query.alive is not None:
        # The same rule as Liveness.is_alive.
        alive = agent.reported_at >= oldest_alive
        statement = statement.where(alive if query.alive else ~alive)
    return statement
