"""Operations on agents: what they report, what they are to hold, and how they are shown."""

import logging
import math
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import exceptions, logs, model
from vethagent.controller import (
    agent_changes,
    agent_queries,
    casts,
    damping,
    digests,
    history,
    labels,
    link_counts,
    views,
    watch,
)
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.digests import HeldLink
from vethagent.controller.errors import AgentAlive, NotFound
from vethagent.controller.fleet import joining, placing
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import AgentQuery, AgentUpdate
from vethagent.model import Mode, Status
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)

#: Changes of one agent that are told, the newest ones.
MAX_HISTORY = 1000


class Reports:
    """What the agents themselves ask for, over the bus."""

    def __init__(
        self, database: Database, liveness: Liveness, heard: Callable[[Collection[str]], None] = lambda _: None
    ) -> None:
        """``heard`` is told which link templates a host that came, or came back, has a part in."""
        self._database = database
        self._liveness = liveness
        self._heard = heard

    def take(self, report: model.StateReport) -> model.ReportAnswer:
        """Store a state report, the first one of a host makes its agent known; tell what is held for the host."""
        mode, incarnation, inventory, held, templates = self._store(report)
        if templates:
            self._heard(templates)
        return model.ReportAnswer(
            desired_digest=digests.desired(held),
            observed_digest=digests.observed(held),
            mode=Mode(mode),
            wants_inventory=report.inventory_digest not in (None, inventory),
            incarnation=incarnation,
        )

    def host_state(self, host: str) -> model.HostState:
        """Return everything that is wanted on ``host``, also of one that never reported."""
        with self._database.reader() as session:
            mode = session.scalar(sqlalchemy.select(models.Agent.mode).where(models.Agent.host == host))
            rows = session.scalars(sqlalchemy.select(models.BridgeLink).where(models.BridgeLink.host == host)).all()
        going = {row.id for row in rows if row.status == Status.PENDING_DELETE}
        return model.HostState(
            host=host,
            links=tuple(views.message_of(row) for row in rows if row.id not in going),
            deleted=tuple(views.ref_of(row) for row in rows if row.id in going),
            mode=Mode(mode or Mode.ENFORCE),
        )

    @retried
    def _store(self, report: model.StateReport) -> tuple[str, str, str | None, list[HeldLink], set[str]]:
        values = _columns(report)
        now = values["reported_at"] = self._liveness.now()
        with self._database.writer() as session:
            without_labels = [orm.lazyload(models.Agent.label_rows)]
            agent = session.get(models.Agent, report.host, options=without_labels, with_for_update=True)
            joins = revived = False
            if agent is None:
                joins = True
                new = {"mode": Mode.ENFORCE.value, "incarnation": str(uuid.uuid4())}
                agent = models.Agent(host=report.host, **new, **values)
                session.add(agent)
                session.flush()
                LOG.info("the agent of %s reported for the first time", report.host)
                told = [("NEW", f"version {agent.agent_version}, mode {agent.reported_mode}")]
            else:
                told = list(agent_changes.told(agent, values))
                if agent.deleted_at is not None or not self._liveness.is_alive(agent.reported_at):
                    LOG.info(
                        "the agent of %s is REVIVED: it was DOWN since its report of %s", report.host, agent.reported_at
                    )
                    told.insert(0, ("REVIVED", "deleted before" if agent.deleted_at else "it reports again"))
                    if not agent.noted_down and agent.deleted_at is None:
                        history.record_agents(session, watch.note_down(agent, values["reported_at"], self._liveness))
                    joins, revived = agent.deleted_at is not None, True
                    agent.deleted_at, agent.noted_down = None, False
                for name, value in values.items():
                    setattr(agent, name, value)
            self._tell(session, agent, told)
            templates = joining.unsettled(session, report.host) if revived else set()
            if joins:
                templates |= joining.settle(session, agent, {}, now).templates
            held = list(_held(session, [report.host])[report.host])
            return agent.mode, agent.incarnation, agent.inventory_digest, held, templates

    def _tell(self, session: orm.Session, agent: models.Agent, told: Sequence[tuple[str, str]]) -> None:
        if not told:
            return
        now, by = agent.reported_at, history.agent_of(agent.host)
        rows = [history.agent_change(agent.host, kind, now, by=by, message=message) for kind, message in told]
        history.record_agents(session, history.damped(agent, rows, now, limit=damping.AGENT_LIMIT, word="kind"))


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
        oldest = self._liveness.oldest_alive()
        with self._database.reader() as session:
            statement = agent_queries.page(session, query, oldest).limit(query.limit + 1)
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
            row = _get(session, host, lock=True)
            if self._liveness.is_alive(row.reported_at):
                raise AgentAlive(f"the agent of {host} is alive: stop it, and delete it once it is shown as dead")
            shown = self._views(session, [row])[0]
            joined = self._settle(session, context, row, deleted=True)
            row.mode, row.description, row.deleted_at = Mode.ENFORCE.value, None, self._liveness.now()
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
        table = models.AgentChange
        newest = sqlalchemy.select(table).where(table.host == host).order_by(table.id.desc()).limit(MAX_HISTORY)
        with self._database.reader() as session:
            rows = session.scalars(newest).all()
            if not rows:
                _get(session, host)
        return [views.agent_change_of(row) for row in reversed(rows)]

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
        held = _held(session, hosts if in_step else [])
        return [
            views.agent_of(
                row,
                alive=alive[row.host],
                counts=counts[row.host],
                desired_digest=digests.desired(held.get(row.host, ())),
                observed_digest=digests.observed(held.get(row.host, ())),
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


def _held(session: orm.Session, hosts: Iterable[str]) -> dict[str, list[HeldLink]]:
    """Return the links of ``hosts``. Rows of columns, not objects: there may be many."""
    held: dict[str, list[HeldLink]] = {host: [] for host in hosts}
    statement = sqlalchemy.select(models.BridgeLink.host, *views.HELD_COLUMNS).where(models.BridgeLink.host.in_(held))
    for host, *columns in session.execute(statement) if held else ():
        held[host].append(HeldLink(*columns))
    return held


def _columns(report: model.StateReport) -> dict[str, Any]:
    if not math.isfinite(report.report_interval):
        raise exceptions.InvalidMessage("StateReport: report_interval: must be finite")
    plain = report.model_dump(mode="json")
    return {
        "agent_version": report.agent_version[:255],
        "contract_version": report.version,
        "started_at": report.started_at,
        "report_interval": report.report_interval,
        "reported_mode": report.mode,
        "ready": report.health.ready,
        "health": plain["health"]["reasons"],
        "links": plain["links"],
        "counters": plain["counters"],
        "desired_digest": report.desired_digest,
        "observed_digest": report.observed_digest,
    }
