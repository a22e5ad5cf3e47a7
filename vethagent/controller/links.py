"""Operations on bridge links."""

import datetime
import logging
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller import casts, views
from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.errors import NameConflict, NotFound, PendingDelete, UnknownHost
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import LinkQuery
from vethagent.model import Reason, Status
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)

_FLAGS = ("name", "mtu", "adopt", "allow_loop", "admin_state_up", "confirm")


class Links:
    """What the API does with links. A change is committed first and cast to the agent afterwards."""

    def __init__(self, database: Database, agent_api: AgentAPI, liveness: Liveness) -> None:
        self._database = database
        self._agent_api = agent_api
        self._liveness = liveness

    def create(self, context: bus.Context, body: model.BridgeLinkCreate) -> views.Link:
        """Store a new link and have it plugged; raise UnknownHost or NameConflict."""
        row, reported_at = self._insert(context, body)
        LOG.info("%s: link %s is made for %s", context.get("request_id"), row.id, row.host)
        self._plug(context, row)
        return views.link_of(row, reported_at, self._liveness)

    def show(self, link_id: str) -> views.Link:
        """Return one link; raise NotFound."""
        with self._database.reader() as session:
            row, reported_at = _get(session, link_id)
            return views.link_of(row, reported_at, self._liveness)

    def list(self, query: LinkQuery) -> tuple[list[views.Link], bool]:
        """Return the links that ``query`` asks for, ordered by id, and whether there are more."""
        statement = _selected(query, self._liveness.oldest_alive())
        with self._database.reader() as session:
            found = session.execute(statement.limit(query.limit + 1)).all()
            shown = [views.link_of(row, reported_at, self._liveness) for row, reported_at in found[: query.limit]]
        return shown, len(found) > query.limit

    def update(self, context: bus.Context, link_id: str, body: model.BridgeLinkUpdate) -> views.Link:
        """Change what ``body`` names and have it plugged so; raise NotFound, NameConflict or PendingDelete.

        The generation rises only if there is a change, but the cast goes out in any case: it does no harm, and brings a
        link that is in ERROR another attempt.
        """
        row, reported_at = self._change(context, link_id, body)
        self._plug(context, row)
        return views.link_of(row, reported_at, self._liveness)

    def delete(self, context: bus.Context, link_id: str, *, force: bool = False) -> views.Link:
        """Have a link unplugged; it is gone when its agent says so, or at once with ``force``. Raise NotFound."""
        row, reported_at = self._mark_deleted(context, link_id, force=force)
        LOG.info("%s: link %s of %s is to go%s", context.get("request_id"), row.id, row.host, ", forced" * force)
        ref = views.ref_of(row)
        casts.attempt(
            context,
            f"the deletion of link {row.id}",
            row.host,
            lambda: self._agent_api.unplug_bridge_link(context, row.host, ref),
        )
        return views.link_of(row, reported_at, self._liveness)

    def _plug(self, context: bus.Context, row: models.BridgeLink) -> None:
        message = views.message_of(row)
        casts.attempt(context, f"link {row.id}", row.host, lambda: self._agent_api.plug_bridge_link(context, message))

    @retried
    def _insert(
        self, context: bus.Context, body: model.BridgeLinkCreate
    ) -> tuple[models.BridgeLink, datetime.datetime]:
        now = self._liveness.now()
        row = models.BridgeLink(
            id=str(uuid.uuid4()), host=body.host, observed=[], differences=[], created_at=now, generation=0
        )
        for name in _FLAGS:
            setattr(row, name, getattr(body, name))
        row.ends = _ends_of(body.host, body.ends)
        _renew(row, context, now)
        with self._database.writer() as session:
            agent = session.get(models.Agent, body.host)
            if agent is None:
                raise UnknownHost(f"host: no agent has ever reported from {body.host!r}", "host")
            _check_names(session, row)
            session.add(row)
        return row, agent.reported_at

    @retried
    def _change(
        self, context: bus.Context, link_id: str, body: model.BridgeLinkUpdate
    ) -> tuple[models.BridgeLink, datetime.datetime]:
        with self._database.writer() as session:
            row, reported_at = _get(session, link_id, lock=True)
            if row.status == Status.PENDING_DELETE:
                raise PendingDelete(f"link {link_id} is being deleted")
            changes = _changes(row, body)
            if not changes:
                return row, reported_at
            if "ends" in changes:
                # Gone before the new ones come, as these may carry the same devices the other way round.
                row.ends = []
                session.flush()
            for name, value in changes.items():
                setattr(row, name, value)
            with session.no_autoflush:
                _check_names(session, row)
            _renew(row, context, self._liveness.now())
        LOG.info("%s: link %s changed: %s", context.get("request_id"), row.id, ", ".join(sorted(changes)))
        return row, reported_at

    @retried
    def _mark_deleted(
        self, context: bus.Context, link_id: str, *, force: bool
    ) -> tuple[models.BridgeLink, datetime.datetime]:
        with self._database.writer() as session:
            row, reported_at = _get(session, link_id, lock=True)
            if row.status != Status.PENDING_DELETE:
                _renew(row, context, self._liveness.now())
                row.status, row.reason = Status.PENDING_DELETE, Reason.UNPLUGGING
            if force:
                session.flush()
                session.expunge(row)
                session.execute(sqlalchemy.delete(models.BridgeLink).where(models.BridgeLink.id == link_id))
        return row, reported_at


def _get(session: orm.Session, link_id: str, *, lock: bool = False) -> tuple[models.BridgeLink, datetime.datetime]:
    statement = _with_report().where(models.BridgeLink.id == link_id)
    if lock:
        statement = statement.with_for_update(of=models.BridgeLink)
    found = session.execute(statement).one_or_none()
    if found is None:
        raise NotFound(f"there is no link {link_id}")
    return found[0], found[1]


def _with_report() -> sqlalchemy.Select[models.BridgeLink, datetime.datetime]:
    return sqlalchemy.select(models.BridgeLink, models.Agent.reported_at).join(
        models.Agent, models.Agent.host == models.BridgeLink.host
    )


def _selected(
    query: LinkQuery, oldest_alive: datetime.datetime
) -> sqlalchemy.Select[models.BridgeLink, datetime.datetime]:
    statement = _with_report().order_by(models.BridgeLink.id)
    if query.host is not None:
        statement = statement.where(models.BridgeLink.host == query.host)
    if query.name is not None:
        statement = statement.where(models.BridgeLink.name == query.name)
    if query.bridge is not None:
        statement = statement.where(models.BridgeLink.ends.any(models.LinkEnd.bridge == query.bridge))
    if query.marker is not None:
        statement = statement.where(models.BridgeLink.id > query.marker)
    if query.status is not None:
        statement = statement.where(_is_shown_as(query.status, oldest_alive))
    return statement


def _is_shown_as(status: Status, oldest_alive: datetime.datetime) -> sqlalchemy.ColumnElement[bool]:
    # The same rule as Liveness.shown, where the database can count and page by it.
    held = models.BridgeLink.status
    shown = sqlalchemy.case(
        (held == Status.PENDING_DELETE, held),
        (models.Agent.reported_at < oldest_alive, Status.DOWN.value),
        else_=held,
    )
    return shown == status.value


def _renew(row: models.BridgeLink, context: bus.Context, now: datetime.datetime) -> None:
    row.generation += 1
    row.request_id = context.get("request_id")
    row.updated_at = row.status_changed_at = now
    row.status, row.reason, row.message = Status.BUILD, Reason.PLUGGING, ""


def _ends_of(host: str, ends: Sequence[model.LinkEnd]) -> list[models.LinkEnd]:
    return [
        models.LinkEnd(
            position=position,
            host=host,
            bridge=end.bridge,
            kind=end.kind.value,
            device=end.device,
            mac=end.mac,
            tag=end.tag,
        )
        for position, end in enumerate(ends)
    ]


def _changes(row: models.BridgeLink, body: model.BridgeLinkUpdate) -> dict[str, Any]:
    now = model.BridgeLinkCreate.model_validate(views.wanted_of(row))
    wanted = {name: getattr(body, name) for name in body.model_fields_set}
    changes = {name: value for name, value in wanted.items() if value != getattr(now, name)}
    if "ends" in changes:
        changes["ends"] = _ends_of(row.host, changes["ends"])
    return changes


def _check_names(session: orm.Session, row: models.BridgeLink) -> None:
    """Raise NameConflict if another link of the host has the name or one of the devices of ``row``."""
    other = models.BridgeLink
    if row.name is not None:
        statement = sqlalchemy.select(other.id).where(
            other.host == row.host, other.name == row.name, other.id != row.id
        )
        if taken := session.scalar(statement):
            raise NameConflict(f"name: {row.name!r} is the name of link {taken} on {row.host}", "name")
    for position, end in enumerate(row.ends):
        if end.device is None:
            continue
        statement = sqlalchemy.select(models.LinkEnd.link_id).where(
            models.LinkEnd.host == row.host, models.LinkEnd.device == end.device, models.LinkEnd.link_id != row.id
        )
        if taken := session.scalar(statement):
            field = f"ends.{position}.device"
            raise NameConflict(f"{field}: {end.device!r} is a device of link {taken} on {row.host}", field)
