"""What the API does with agents."""

import logging
from collections.abc import Iterable, Sequence

import sqlalchemy
from sqlalchemy import orm

from vethagent import logs
from vethagent.controller import (
    agent_changes,
    agent_queries,
    casts,
    held,
    history,
    inventories,
    labels,
    link_counts,
    views,
)
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.errors import AgentAlive, NotFound
from vethagent.controller.fleet import joining, placing
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import AgentQuery, AgentUpdate
from vethagent.model import Mode
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)

#: Changes of one agent that are told, the newest ones.
MAX_HISTORY = 1000


class Agents:
    """What the API does with agents."""

    def __init__(self, database: Database, agent_api: AgentAPI, liveness: Liveness) -> None:
        self._database = database
        self._agent_api = agent_api
        self._liveness = liveness
        self._fleet = Fleet(database, agent_api, liveness)

    def list(self, query: AgentQuery) -> tuple[Sequence[views.Agent], bool]:
        """Return the agents that ``query`` asks for, and whether there are more; raise UnknownMarker.

        Whether they are in step takes a look at each of their links; nobody who leaves that out waits for it.
        """
        recent = self._liveness.recent()
        with self._database.reader() as session:
            statement = agent_queries.page(session, query, recent).limit(query.limit + 1)
            rows = session.scalars(statement).all()
            page = rows[: query.limit]
            found = self._views(session, page, in_step=query.fields is None or "in_step" in query.fields)
        return found, len(rows) > query.limit

    def show(self, host: str, *, deleted: bool = False) -> views.Agent:
        """Return the agent of ``host``, with ``deleted`` also one that was; raise NotFound."""
        with self._database.reader() as session:
            row = session.get(models.Agent, host) if deleted else None
            return self._views(session, [row or _get(session, host)])[0]

    def delete(self, context: bus.Context, host: str) -> views.Agent:
        """Forget an agent that is dead, until it reports again; raise NotFound or AgentAlive.

        Its links stay, but for those of link templates: for them its host is no member any more.
        """
        shown, joined = self._delete(context, host)
        LOG.info("the agent of %s is deleted", host, extra=_about(context, host))
        self._follow(context, joined)
        return shown

    @retried
    def _delete(self, context: bus.Context, host: str) -> tuple[views.Agent, joining.Joined]:
        with self._database.writer() as session:
            placing.locked(session)
            inventories.forget_ways(session, host)  # before the agent is locked, as whoever takes one in
            row = _get(session, host, lock=True)
            if self._liveness.is_alive(row.reported_at):
                raise AgentAlive(f"the agent of {host} is alive: stop it, and delete it once it is shown as dead")
            shown = self._views(session, [row])[0]
            joined = self._settle(session, context, row, deleted=True)
            row.mode, row.description, row.deleted_at = Mode.ENFORCE.value, None, self._liveness.now()
            row.inventory_digest = None
            row.labels.clear()
            row.noted_down = False
            self._record(session, context, host, [("DELETED", "forgotten until it reports again")])
        return shown, joined

    def update(self, context: bus.Context, host: str, body: AgentUpdate) -> views.Agent:
        """Change mode, description or labels and tell the agent its mode; raise NotFound."""
        row, joined = self._change(context, host, body)
        if body.mode is not None:
            mode, about = body.mode, _about(context, host)
            LOG.info("the agent of %s is to be in mode %s", host, mode.value, extra=about)
            casts.attempt(
                f"mode {mode.value}", host, lambda: self._agent_api.set_mode(context, host, mode), about=about
            )
        self._follow(context, joined)
        with self._database.reader() as session:
            return self._views(session, [row])[0]

    @retried
    def _change(self, context: bus.Context, host: str, body: AgentUpdate) -> tuple[models.Agent, joining.Joined | None]:
        counts = body.mode is not None or body.labels is not None
        with self._database.writer() as session:
            if counts:
                placing.locked(session)
            row = _get(session, host, lock=True)
            before = (row.mode, row.description, dict(row.labels))
            if body.mode is not None:
                row.mode = body.mode.value
            if "description" in body.model_fields_set:
                row.description = body.description
            labels.merge(row.labels, body.labels or {})
            now = (row.mode, row.description, dict(row.labels))
            self._record(session, context, host, agent_changes.wanted(before, now))
            return row, self._settle(session, context, row) if counts else None

    def _settle(
        self, session: orm.Session, context: bus.Context, row: models.Agent, *, deleted: bool = False
    ) -> joining.Joined:
        return joining.settle(session, row, context, self._liveness.now(), deleted=deleted)

    def _follow(self, context: bus.Context, joined: joining.Joined | None) -> None:
        """Do what is left to do after a commit that let a host join or leave templates."""
        if joined is not None:
            self._fleet.cast(context, joined.placed)
            for template_id in sorted(joined.templates):
                self._fleet.advance(template_id)

    def history(self, host: str) -> Sequence[views.AgentChange]:
        """Return what happened to the agent of ``host``, the oldest first; raise NotFound if nothing did."""
        if not (found := self.changes(host)):
            self.show(host)
        return found[::-1]

    def changes(self, host: str) -> Sequence[views.AgentChange]:
        """Return what is known to have happened to the agent of ``host``, the newest first."""
        table = models.AgentChange
        newest = sqlalchemy.select(table).where(table.host == host).order_by(table.id.desc()).limit(MAX_HISTORY)
        with self._database.reader() as session:
            return [views.agent_change_of(row) for row in session.scalars(newest)]

    def _record(self, session: orm.Session, context: bus.Context, host: str, told: Iterable[tuple[str, str]]) -> None:
        now, by, request_id = self._liveness.now(), history.user_of(context), context.get("request_id")
        rows = [
            history.agent_change(host, kind, now, by=by, message=message, request_id=request_id)
            for kind, message in told
        ]
        history.record_agents(session, rows)

    def _views(
        self, session: orm.Session, rows: Sequence[models.Agent], *, in_step: bool = True
    ) -> Sequence[views.Agent]:
        """Return ``rows`` as they are shown; without ``in_step`` those two fields mean nothing."""
        hosts = [row.host for row in rows]
        alive = {row.host: self._liveness.is_alive(row.reported_at) for row in rows}
        counts: dict[str, dict[tuple[str, str], int]] = {host: {} for host in hosts}
        for (host, status, reason), count in link_counts.shown(session, alive.__getitem__, hosts).items():
            counts[host][status, reason] = count
        digests = held.of(session, hosts) if in_step else {}
        return [
            views.agent_of(
                row,
                alive=alive[row.host],
                counts=counts[row.host],
                held=digests.get(row.host),
            )
            for row in rows
        ]


def _about(context: bus.Context, host: str) -> casts.About:
    return logs.about(request_id=context.get("request_id"), host=host)


def _get(session: orm.Session, host: str, *, lock: bool = False) -> models.Agent:
    row = agent_queries.known(session, host, lock=lock)
    if row is None:
        raise NotFound(f"no agent has ever reported from {host!r}")
    return row
