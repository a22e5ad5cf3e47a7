"""Operations on port events: taking them in, once each, and listing them."""

import datetime
import logging
import math
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller import views
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import EventQuery
from vethagent.model import EventKind, Status

LOG = logging.getLogger(__name__)

_MAX_MESSAGE = 4096
_CHUNK = 1000


def unseen(batch: model.PortEvents, stream: str | None, seq: int) -> list[model.PortEvent]:
    """Return the events of ``batch`` that are not in the database yet, which has ``stream`` up to ``seq``; pure."""
    last = seq if stream == batch.stream else -1
    fresh = []
    for event in sorted(batch.events, key=lambda event: event.seq):
        if event.seq > last:
            fresh.append(event)
            last = event.seq
    return fresh


class Events:
    """Stores what agents say, and answers what they said."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness

    @retried
    def store(self, batch: model.PortEvents) -> int:
        """Take in a batch in one transaction and return how many of its events were new; a repeat changes nothing."""
        with self._database.writer() as session:
            return self._store(session, batch)

    def list(self, query: EventQuery) -> list[views.Event]:
        """Return events by rising id: the first ones after ``query.after``, without it the newest ones."""
        table = models.PortEvent
        statement = sqlalchemy.select(table).limit(query.limit)
        if query.host is not None:
            statement = statement.where(table.host == query.host)
        if query.link_id is not None:
            statement = statement.where(table.link_id == query.link_id)
        if query.kind is not None:
            statement = statement.where(table.kind == query.kind.value)
        if query.after is None:
            statement = statement.order_by(table.id.desc())
        else:
            statement = statement.where(table.id > query.after).order_by(table.id)
        with self._database.reader() as session:
            rows = session.scalars(statement).all()
        return [views.event_of(row) for row in (reversed(rows) if query.after is None else rows)]

    def purge(self, days: float) -> int:
        """Delete the events that are older than ``days`` and return how many; in pieces, to lock nobody out."""
        oldest = self._liveness.now() - datetime.timedelta(days=days)
        purged = 0
        while count := self._purge_some(oldest):
            purged += count
        return purged

    @retried
    def _purge_some(self, oldest: datetime.datetime) -> int:
        table = models.PortEvent
        with self._database.writer() as session:
            old = session.scalars(sqlalchemy.select(table.id).where(table.received_at < oldest).limit(_CHUNK)).all()
            session.execute(sqlalchemy.delete(table).where(table.id.in_(old)))
        return len(old)

    def _store(self, session: orm.Session, batch: model.PortEvents) -> int:
        position = session.get(models.EventStream, batch.host, with_for_update=True)
        if position is None:
            position = models.EventStream(host=batch.host, stream=batch.stream, seq=-1)
            session.add(position)
        fresh = unseen(batch, position.stream, position.seq)
        if not fresh:
            return 0
        position.stream, position.seq = batch.stream, fresh[-1].seq
        now = self._liveness.now()
        links = _lock_links(session, batch.host, fresh)
        rows = [_row(batch.host, event, links, now) for event in fresh]
        for event in fresh:
            link = links.get(event.state.link_id)
            if link is not None and link not in session.deleted:
                _apply(session, link, event, now)
        session.flush()
        for number, row in enumerate(rows, _reserve(session, len(rows))):
            row["id"] = number
        session.execute(sqlalchemy.insert(models.PortEvent), rows)
        return len(fresh)


def _reserve(session: orm.Session, count: int) -> int:
    """Return the first of ``count`` ids. They are seen in their order, as all others wait here for the commit.

    So this is the last thing that a transaction locks.
    """
    counter = models.Counter
    ours = counter.name == models.PortEvent.__tablename__
    session.execute(sqlalchemy.update(counter).where(ours).values(value=counter.value + count))
    return session.scalars(sqlalchemy.select(counter.value).where(ours)).one() - count + 1


def _lock_links(session: orm.Session, host: str, events: Sequence[model.PortEvent]) -> dict[str, models.BridgeLink]:
    ids = sorted({event.state.link_id for event in events})
    links: dict[str, models.BridgeLink] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = (
            sqlalchemy.select(models.BridgeLink)
            .options(orm.lazyload(models.BridgeLink.ends))
            .where(models.BridgeLink.id.in_(ids[start : start + _CHUNK]), models.BridgeLink.host == host)
            .order_by(models.BridgeLink.id)
            .with_for_update()
        )
        links |= {link.id: link for link in session.scalars(statement)}
    return links


def _row(
    host: str, event: model.PortEvent, links: dict[str, models.BridgeLink], now: datetime.datetime
) -> dict[str, Any]:
    state = event.state
    plain = event.model_dump(mode="json", include={"repaired": True, "state": {"differences", "ends"}})
    link = links.get(state.link_id)
    return {
        "host": host,
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
    }


def _apply(session: orm.Session, link: models.BridgeLink, event: model.PortEvent, now: datetime.datetime) -> None:
    """Let ``link`` be what ``event`` says, as far as the event is not older than what is wanted or already known."""
    state = event.state
    if state.generation < (link.observed_generation or 0):
        return
    current = state.generation >= link.generation
    going = link.status == Status.PENDING_DELETE
    if going and current and event.kind == EventKind.UNPLUGGED:
        LOG.info("%s: link %s of %s is gone", event.request_id, link.id, link.host)
        session.delete(link)
        return
    plain = state.model_dump(mode="json", include={"ends", "differences"})
    link.observed_generation = state.generation
    link.reported_status, link.reported_reason = state.status, state.reason
    link.observed, link.differences = plain["ends"], plain["differences"]
    if not current:
        return
    status = Status.PENDING_DELETE.value if going else state.status
    if (link.status, link.reason) != (status, state.reason):
        link.status_changed_at = now
    link.status, link.reason, link.message = status, state.reason, _clean(state.message)


def _clean(text: str) -> str:
    # PostgreSQL takes no NUL, MySQL's TEXT no more than 64 KiB.
    return text.replace("\0", "")[:_MAX_MESSAGE]
