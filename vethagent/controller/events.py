"""Operations on port events: taking them in, once each, and listing them."""

import datetime
import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import logs, model
from vethagent.controller import damping, history, silences, views
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.db.pieces import pieces
from vethagent.controller.errors import NotFound
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import EventQuery
from vethagent.controller.timing import happened_at
from vethagent.controller.together import Together, first_only
from vethagent.model import EventKind, Status

LOG = logging.getLogger(__name__)

_MAX_MESSAGE = 4096

#: Changes of one link that are told, the newest ones.
MAX_HISTORY = 1000

#: Events of each batch that were new, and the templates of their links.
_Taken = tuple[Sequence[Sequence[model.PortEvent]], set[str]]

# Statements are built once: with an event or two in a transaction that takes longer than the database does. What needs
# no objects goes below the ORM.
_STREAM, _COUNTER = models.EventStream, models.Counter
_STREAMS = (
    sqlalchemy.select(_STREAM.host, _STREAM.earlier_stream, _STREAM.earlier_seq, _STREAM.stream, _STREAM.seq)
    .where(_STREAM.host.in_(sqlalchemy.bindparam("hosts", expanding=True)))
    .order_by(_STREAM.host)
    .with_for_update()
)
_PLACE: dict[str, Any] = {
    name: sqlalchemy.bindparam(f"to_{name}") for name in ("earlier_stream", "earlier_seq", "stream", "seq")
}
_OF_HOST: Any = sqlalchemy.bindparam("of_host")
_BEGIN = sqlalchemy.insert(_STREAM).values(host=_OF_HOST, **_PLACE)
_GO_ON = sqlalchemy.update(_STREAM).where(_STREAM.host == _OF_HOST).values(**_PLACE)
_LINKS = (
    sqlalchemy.select(models.BridgeLink)
    .options(orm.lazyload(models.BridgeLink.ends), orm.lazyload(models.BridgeLink.label_rows))
    .where(models.BridgeLink.id.in_(sqlalchemy.bindparam("ids", expanding=True)))
    .order_by(models.BridgeLink.id)
    .with_for_update()
)
_OURS = _COUNTER.name == models.PortEvent.__tablename__
_COUNT_ON = sqlalchemy.update(_COUNTER).where(_OURS).values(value=_COUNTER.value + sqlalchemy.bindparam("more"))
_COUNTED = sqlalchemy.select(_COUNTER.value).where(_OURS)
_INSERT_EVENTS = sqlalchemy.insert(models.PortEvent)
_STORED = sqlalchemy.select(models.PortEvent.link_id, models.PortEvent.seq, models.PortEvent.observed_at).where(
    models.PortEvent.link_id.in_(sqlalchemy.bindparam("ids", expanding=True)),
    models.PortEvent.host == sqlalchemy.bindparam("of_host"),
    models.PortEvent.observed_at >= sqlalchemy.bindparam("since"),
)


def unseen(batch: model.PortEvents, last: int) -> list[model.PortEvent]:
    """Return the events of ``batch`` that are not in the database yet, which has its stream up to ``last``; pure."""
    fresh = []
    for event in sorted(batch.events, key=lambda event: event.seq):
        if event.seq > last:
            fresh.append(event)
            last = event.seq
    return fresh


class Events:
    """Stores what agents say, and answers what they said."""

    def __init__(
        self, database: Database, liveness: Liveness, heard: Callable[[Collection[str]], None] = lambda _: None
    ) -> None:
        """``heard`` is told of which link templates there were events, after they are stored."""
        self._database = database
        self._liveness = liveness
        self._heard = heard
        self._together = Together(self._take)

    def store(self, batch: model.PortEvents) -> Sequence[model.PortEvent]:
        """Take in a batch in one transaction and return those of its events that were new; a repeat changes nothing.

        Batches that come at once are taken in by one transaction.
        """
        fresh, templates = self._together(batch)
        if templates:
            self._heard(templates)
        return fresh

    def _take(self, batches: Sequence[model.PortEvents]) -> Sequence[tuple[Sequence[model.PortEvent], set[str]]]:
        return first_only(*self._store_all(batches))

    @retried
    def _store_all(self, batches: Sequence[model.PortEvents]) -> _Taken:
        with self._database.writer() as session:
            return self._store(session, batches)

    def list(self, query: EventQuery) -> list[views.Event]:
        """Return events by rising id: the first ones after ``query.after``, without it the newest ones."""
        table = models.PortEvent
        statement = sqlalchemy.select(table).limit(query.limit)
        if query.host is not None:
            statement = statement.where(table.host == query.host)
        if query.link_id is not None:
            statement = statement.where(table.link_id == query.link_id)
        if query.status is not None:
            statement = statement.where(table.status == query.status.value)
        if query.request_id is not None:
            statement = statement.where(table.request_id == query.request_id)
        if query.kind is not None:
            statement = statement.where(table.kind == query.kind.value)
        if query.after is None:
            statement = statement.order_by(table.id.desc())
        else:
            statement = statement.where(table.id > query.after).order_by(table.id)
        with self._database.reader() as session:
            rows = session.scalars(statement).all()
        return [views.event_of(row) for row in (reversed(rows) if query.after is None else rows)]

    def history(self, link_id: str) -> Sequence[views.Change]:
        """Return what became of a link, also of one that is gone, the oldest first; raise NotFound if nothing did."""
        table = models.LinkChange
        newest = sqlalchemy.select(table).where(table.link_id == link_id).order_by(table.id.desc()).limit(MAX_HISTORY)
        with self._database.reader() as session:
            rows = session.scalars(newest).all()
            if not rows:
                raise NotFound(f"there is no link {link_id}, and none is remembered")
            of_agent = session.scalars(_silences(rows[0].host, rows[-1].changed_at)).all()
        changes = [views.change_of(row) for row in reversed(rows)]
        return silences.merged(changes, [views.agent_change_of(row) for row in of_agent])

    def _store(self, session: orm.Session, batches: Sequence[model.PortEvents]) -> _Taken:
        fresh = _take_new(session, batches)
        heard = [(batch, event) for batch, events in zip(batches, fresh, strict=True) for event in events]
        if not heard:
            return fresh, set()
        now = self._liveness.now()
        links = _lock_links(session, {event.state.link_id for _, event in heard})
        changes: list[dict[str, Any]] = []
        rows = []
        for batch, event in heard:
            link = links.get(event.state.link_id)
            if link is not None and link.host != batch.host:
                link = None
            rows.append(_row(batch, event, link, now))
            if link is not None and link not in session.deleted:
                seen = happened_at(event.observed_at, batch.sent_at, now)
                changes += _apply(session, link, event, now, seen=seen)
        session.flush()
        history.record(session, changes)
        for number, row in enumerate(rows, _reserve(session, len(rows))):
            row["id"] = number
        session.connection().execute(_INSERT_EVENTS, rows)
        return fresh, {link.template_id for link in links.values() if link.template_id is not None}


def _silences(host: str, since: datetime.datetime) -> sqlalchemy.Select[models.AgentChange]:
    table = models.AgentChange
    of_host = (table.host == host) & table.kind.in_(silences.KINDS) & (table.changed_at >= since)
    return sqlalchemy.select(table).where(of_host).order_by(table.id.desc()).limit(MAX_HISTORY)


def _take_new(session: orm.Session, batches: Sequence[model.PortEvents]) -> Sequence[Sequence[model.PortEvent]]:
    """Return the events of each of ``batches`` that were never taken in, and count them as taken.

    Two streams of a host are known, in the order in which they began: what an agent has sent last may be heard after
    the first words of the next one, as when a controller that had taken it stood still. The first events of any other
    stream are looked up, for they may be the last ones of an earlier agent still.
    """
    connection = session.connection()
    found = connection.execute(_STREAMS, {"hosts": sorted({batch.host for batch in batches})})
    taken: dict[str, dict[str, int]] = {}
    for row in found:
        if row.earlier_stream is not None:
            taken[row.host] = {row.earlier_stream: row.earlier_seq}
        taken.setdefault(row.host, {})[row.stream] = row.seq
    known, moved = set(taken), set()
    fresh = []
    for batch in batches:
        of_host = taken.setdefault(batch.host, {})
        new = unseen(batch, of_host.get(batch.stream, -1))
        if of_host and batch.stream not in of_host:
            new = _not_stored(connection, batch.host, new)
        if new:
            of_host[batch.stream] = new[-1].seq
            moved.add(batch.host)
        fresh.append(new)
    for host in sorted(moved):
        *before, (stream, seq) = taken[host].items()
        earlier, earlier_seq = before[-1] if before else (None, None)
        now = {"to_earlier_stream": earlier, "to_earlier_seq": earlier_seq, "to_stream": stream, "to_seq": seq}
        connection.execute(_GO_ON if host in known else _BEGIN, {"of_host": host, **now})
    return fresh


def _not_stored(
    connection: sqlalchemy.Connection, host: str, events: Sequence[model.PortEvent]
) -> list[model.PortEvent]:
    """Return those of ``events`` that are not in the database, by link, number and time: no two are alike in these."""
    since = min((event.observed_at for event in events), default=None)
    stored: set[tuple[str, int, datetime.datetime]] = set()
    for piece in pieces(sorted({event.state.link_id for event in events})):
        rows = connection.execute(_STORED, {"ids": piece, "of_host": host, "since": since})
        stored.update((row.link_id, row.seq, row.observed_at) for row in rows)
    return [event for event in events if (event.state.link_id, event.seq, event.observed_at) not in stored]


def _reserve(session: orm.Session, count: int) -> int:
    """Return the first of ``count`` ids. They are seen in their order, as all others wait here for the commit.

    So this is the last thing that a transaction locks.
    """
    connection = session.connection()
    connection.execute(_COUNT_ON, {"more": count})
    last: int = connection.execute(_COUNTED).scalar_one()
    return last - count + 1


def _lock_links(session: orm.Session, link_ids: Collection[str]) -> dict[str, models.BridgeLink]:
    ids = sorted(link_ids)
    links: dict[str, models.BridgeLink] = {}
    for piece in pieces(ids):
        links |= {link.id: link for link in session.scalars(_LINKS, {"ids": piece})}
    return links


def _row(
    batch: model.PortEvents, event: model.PortEvent, link: models.BridgeLink | None, now: datetime.datetime
) -> dict[str, Any]:
    state = event.state
    timing = event.timing and event.timing.model_copy(update={"sent_at": batch.sent_at})
    plain = event.model_dump(mode="json", include={"repaired": True, "state": {"differences", "ends"}})
    return {
        "host": batch.host,
        "link_id": state.link_id,
        "link_name": link.name if link else None,
        "seq": event.seq,
        "kind": event.kind,
        "generation": state.generation,
        "status": state.status,
        "reason": state.reason,
        "message": _clean(state.message),
        "repaired": plain["repaired"],
        "differences": plain["state"]["differences"],
        "ends": plain["state"]["ends"],
        "took_ms": event.took_ms if event.took_ms is not None and math.isfinite(event.took_ms) else None,
        "observed_at": event.observed_at,
        "received_at": now,
        "request_id": event.request_id,
        "timing": timing.model_dump(mode="json") if timing else None,
    }


def _apply(
    session: orm.Session,
    link: models.BridgeLink,
    event: model.PortEvent,
    now: datetime.datetime,
    *,
    seen: datetime.datetime,
) -> list[dict[str, Any]]:
    """Let ``link`` be what ``event``, seen then, says, unless that is older than what is wanted or already known.

    Return what history has to tell of it.
    """
    state = event.state
    by, request_id = history.agent_of(link.host), event.request_id
    # What was told of a generation that an older copy of the database does not have yet is over.
    if state.generation < min(link.observed_generation or 0, link.generation):
        return []
    current = state.generation >= link.generation
    going = link.status == Status.PENDING_DELETE
    if going and current and event.kind == EventKind.UNPLUGGED:
        about = logs.about(request_id=request_id, links=[link.id], host=link.host)
        LOG.info("%slink %s of %s is gone", logs.before(request_id), link.id, link.host, extra=about)
        session.delete(link)
        gone = {"status": history.DELETED, "reason": str(state.reason), "message": _clean(state.message)}
        return [history.change(link, now, by=by, request_id=request_id, **gone)]
    plain = state.model_dump(mode="json", include={"ends", "differences"})
    link.observed_generation = state.generation
    link.reported_status, link.reported_reason = state.status, state.reason
    link.observed = plain["ends"]
    link.differences = since_when(link.differences, plain["differences"], seen)
    if not current:
        return []
    status = Status.PENDING_DELETE.value if going else state.status
    changed = (link.status, link.reason) != (status, state.reason)
    link.status, link.reason, link.message = status, state.reason, _clean(state.message)
    if not changed:
        return []
    link.status_changed_at = now
    told = history.change(link, now, by=by, request_id=request_id)
    return history.damped(link, [told], now, limit=damping.LINK_LIMIT, word="status")


def since_when(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], at: datetime.datetime
) -> list[dict[str, Any]]:
    """Return the differences of ``now``, each with when there was first one of its code at its device; pure."""
    known = {(each["code"], each["device"]): each.get("since") for each in before}
    return [{**each, "since": known.get((each["code"], each["device"]), at.isoformat())} for each in now]


def _clean(text: str) -> str:
    # PostgreSQL takes no NUL, MySQL's TEXT no more than 64 KiB.
    return text.replace("\0", "")[:_MAX_MESSAGE]
