"""What the agents themselves ask for, over the bus: they report, and they pull."""

import datetime
import hashlib
import logging
import math
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import orm

from vethagent import exceptions, logs, model
from vethagent.controller import agent_changes, damping, held, history, inventories, views, watch
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.db.pieces import pieces
from vethagent.controller.digests import Digests
from vethagent.controller.fleet import joining
from vethagent.controller.liveness import Liveness
from vethagent.controller.together import Together, first_only
from vethagent.model import Mode, Status

LOG = logging.getLogger(__name__)


class _Known(NamedTuple):
    """Of an agent what the answer to its report needs."""

    mode: str
    incarnation: str
    inventory_digest: str | None
    reported_at: datetime.datetime
    deleted_at: datetime.datetime | None
    report_digest: str | None
    report_digest_at: datetime.datetime | None


class _Kept(NamedTuple):
    """The digests that are kept for a host; the revision is None if its changes were never counted."""

    revision: int | None = None
    digested: int | None = None
    digested_at: datetime.datetime | None = None
    desired: str = ""
    observed: str = ""


class Reports:
    """State reports and pulls. Reports that come at once are stored in one transaction.

    A report that says what the last one said, as most do, costs a share of one SELECT and of one UPDATE of a column.
    """

    def __init__(
        self,
        database: Database,
        liveness: Liveness,
        heard: Callable[[Collection[str]], None] = lambda _: None,
        *,
        pause: float = 0,
    ) -> None:
        """``heard`` is told which link templates a host that came, or came back, has a part in.

        ``pause`` is as in Together.
        """
        self._database = database
        self._liveness = liveness
        self._heard = heard
        self._together = Together(self._take, pause=pause)

    def take(self, report: model.StateReport) -> model.ReportAnswer:
        """Store a state report, the first one of a host makes its agent known; tell what is held for the host."""
        if not math.isfinite(report.report_interval):
            raise exceptions.InvalidMessage("StateReport: report_interval: must be finite")
        answer, templates = self._together(report)
        if templates:
            self._heard(templates)
        return answer

    def host_state(self, host: str) -> model.HostState:
        """Return everything that is wanted on ``host``, also of one that never reported."""
        links = sqlalchemy.select(models.BridgeLink).options(orm.lazyload(models.BridgeLink.label_rows))
        with self._database.reader() as session:
            mode = session.scalar(sqlalchemy.select(models.Agent.mode).where(models.Agent.host == host))
            rows = session.scalars(links.where(models.BridgeLink.host == host)).all()
            strange = inventories.marks(session, host).difference(row.id for row in rows)
            elsewhere = _wanted(session, strange)
        going = {row.id for row in rows if row.status == Status.PENDING_DELETE}
        return model.HostState(
            host=host,
            links=tuple(views.message_of(row) for row in rows if row.id not in going),
            deleted=tuple(views.ref_of(row) for row in rows if row.id in going),
            mode=Mode(mode or Mode.ENFORCE),
            elsewhere=tuple(elsewhere),
        )

    def _take(self, reports: Sequence[model.StateReport]) -> Sequence[tuple[model.ReportAnswer, set[str]]]:
        return first_only(*self._store(reports))

    @retried
    def _store(self, reports: Sequence[model.StateReport]) -> tuple[Sequence[model.ReportAnswer], set[str]]:
        newest = {report.host: report for report in reports}
        now = self._liveness.now()
        templates: set[str] = set()
        with self._database.writer() as session:
            known, kept = _read(session, newest)
            as_before = {host for host, row in known.items() if self._says_nothing_new(newest[host], row)}
            others = [newest[host] for host in sorted(newest.keys() - as_before)]
            for row in self._store_whole(session, others, now, templates):
                known[row.host] = _Known(*(getattr(row, name) for name in _Known._fields))
            _touch(session, as_before, now)
            digests = _digests(session, kept, now)
        return [_answer(report, known[report.host], digests[report.host]) for report in reports], templates

    def _says_nothing_new(self, report: model.StateReport, row: _Known) -> bool:
        lives = row.deleted_at is None and self._liveness.is_alive(row.reported_at)
        # An older release that took a report since has stored what that said, and not its digest.
        ours = row.report_digest_at == row.reported_at
        return lives and ours and row.report_digest == _digest(report)

    def _store_whole(
        self, session: orm.Session, reports: Sequence[model.StateReport], now: datetime.datetime, templates: set[str]
    ) -> Collection[models.Agent]:
        """Store reports of agents that are new, were silent, or say something else than before.

        Add to ``templates`` those that somebody has to look at.
        """
        agent, hosts = models.Agent, [report.host for report in reports]
        if not hosts:
            return []
        statement = sqlalchemy.select(agent).where(agent.host.in_(hosts)).order_by(agent.host).with_for_update()
        rows = {row.host: row for row in session.scalars(statement.options(orm.lazyload(agent.label_rows)))}
        for report in reports:
            values = _columns(report) | {"reported_at": now, "report_digest_at": now}
            row = rows.get(report.host)
            if row is None:
                row = rows[report.host] = _new(session, report, values)
                self._tell(session, row, [("NEW", f"version {row.agent_version}, mode {row.reported_mode}")])
                templates |= joining.settle(session, row, {}, now).templates
            else:
                templates |= self._change(session, row, values)
        session.flush()
        return rows.values()

    def _change(self, session: orm.Session, agent: models.Agent, values: Mapping[str, Any]) -> set[str]:
        now = values["reported_at"]
        told = list(agent_changes.told(agent, values))
        if twice := dict(told).get(agent_changes.TWO_AGENTS):
            LOG.warning("%s: %s", agent.host, twice, extra=logs.about(host=agent.host))
        joins = agent.deleted_at is not None
        revived = joins or not self._liveness.is_alive(agent.reported_at)
        if revived:
            LOG.info(
                "the agent of %s is REVIVED: it was DOWN since its report of %s",
                agent.host,
                agent.reported_at,
                extra=logs.about(host=agent.host),
            )
            told.insert(0, ("REVIVED", "deleted before" if joins else "it reports again"))
            if not agent.noted_down and not joins:
                history.record_agents(session, watch.note_down(agent, now, self._liveness))
            agent.deleted_at, agent.noted_down = None, False
        for name, value in values.items():
            setattr(agent, name, value)
        self._tell(session, agent, told)
        templates = joining.unsettled(session, agent.host) if revived else set()
        if joins:
            templates |= joining.settle(session, agent, {}, now).templates
        return templates

    def _tell(self, session: orm.Session, agent: models.Agent, told: Sequence[tuple[str, str]]) -> None:
        if not told:
            return
        now, by = agent.reported_at, history.agent_of(agent.host)
        rows = [history.agent_change(agent.host, kind, now, by=by, message=message) for kind, message in told]
        history.record_agents(session, history.damped(agent, rows, now, limit=damping.AGENT_LIMIT, word="kind"))


def _read(session: orm.Session, hosts: Collection[str]) -> tuple[dict[str, _Known], dict[str, _Kept]]:
    """Return what is known of agents, of those that have reported before, and the digests that are kept."""
    agent, digests = models.Agent, models.HostDigests
    columns = (
        *(getattr(agent, name) for name in _Known._fields),
        *(getattr(digests, name) for name in _Kept._fields),
    )
    statement = sqlalchemy.select(agent.host, *columns).outerjoin(digests, digests.host == agent.host)
    known, kept = {}, dict.fromkeys(hosts, _Kept())
    # Below the ORM, whose share would be half of all.
    for host, *row in session.connection().execute(statement.where(agent.host.in_(list(hosts)))):
        known[host] = _Known(*row[: len(_Known._fields)])
        kept[host] = _Kept(*row[len(_Known._fields) :])
    return known, kept


def _wanted(session: orm.Session, link_ids: Collection[str]) -> list[str]:
    """Return those of ``link_ids`` that are wanted on some host, and are not to go there."""
    link, asked, found = models.BridgeLink, list(link_ids), list[str]()
    staying = link.status != Status.PENDING_DELETE
    for piece in pieces(asked):
        found += session.scalars(sqlalchemy.select(link.id).where(link.id.in_(piece), staying))
    return sorted(found)


def _new(session: orm.Session, report: model.StateReport, values: Mapping[str, Any]) -> models.Agent:
    row = models.Agent(host=report.host, mode=Mode.ENFORCE.value, incarnation=str(uuid.uuid4()), **values)
    session.add(row)
    session.flush()
    LOG.info("the agent of %s reported for the first time", report.host, extra=logs.about(host=report.host))
    return row


def _touch(session: orm.Session, hosts: Iterable[str], now: datetime.datetime) -> None:
    """Store that the agents of ``hosts`` said what they said before."""
    agent = models.Agent
    if named := sorted(hosts):
        statement = sqlalchemy.update(agent).where(agent.host.in_(named)).values(reported_at=now, report_digest_at=now)
        session.connection().execute(statement)


def _digests(session: orm.Session, kept: Mapping[str, _Kept], now: datetime.datetime) -> dict[str, Digests]:
    """Return the digests over the links of each host; those that do not hold any more are made anew."""
    connection = session.connection()
    held.begin(connection, [host for host, row in kept.items() if row.revision is None])
    changed = {host: row.revision or 0 for host, row in kept.items() if not _holds(row, now)}
    digests = {host: Digests(row.desired, row.observed) for host, row in kept.items()}
    return digests | held.remake(connection, changed, now)


def _holds(row: _Kept, now: datetime.datetime) -> bool:
    """Return whether digests are still those of the links; pure. A clock that was set back makes them old too."""
    if row.digested is None or row.digested_at is None or row.digested != row.revision:
        return False
    return abs(now - row.digested_at) < held.MAX_AGE


def _answer(report: model.StateReport, agent: _Known, digests: Digests) -> model.ReportAnswer:
    return model.ReportAnswer(
        desired_digest=digests.desired,
        observed_digest=digests.observed,
        mode=Mode(agent.mode),
        wants_inventory=report.inventory_digest not in (None, agent.inventory_digest),
        incarnation=agent.incarnation,
    )


def _digest(report: model.StateReport) -> str:
    return hashlib.blake2b(report.model_dump_json().encode(), digest_size=16).hexdigest()


def _columns(report: model.StateReport) -> dict[str, Any]:
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
        "report_digest": _digest(report),
    }
