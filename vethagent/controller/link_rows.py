"""What is stored of a link, as it is changed and deleted."""

import datetime
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller import loops, names, physical, views
from vethagent.controller.db import models, revisions
from vethagent.controller.errors import IdConflict, PendingDelete, PreconditionFailed, TemplateLink
from vethagent.controller.new_links import NewLink
from vethagent.model import Reason, Status
from vethagent.rpc import transport as bus

#: What ``renew`` sets, beside the generation.
_RENEWED = ("request_id", "updated_at", "status_changed_at", "status", "reason", "message")

#: What can make a link join what it did not before; the first of them that is changed is to blame if it must not.
JOINING = ("ends", "allow_loop", "admin_state_up")


def renew(row: models.BridgeLink, context: bus.Context, now: datetime.datetime) -> None:
    """Make ``row`` a new generation, of which the agent has not spoken yet."""
    row.generation += 1
    row.request_id = context.get("request_id")
    row.updated_at = row.status_changed_at = now
    row.status, row.reason, row.message = Status.BUILD, Reason.PLUGGING, ""


def mark_deleted(row: models.BridgeLink, context: bus.Context, now: datetime.datetime) -> None:
    """Let ``row`` be going; it is gone when its agent says so."""
    renew(row, context, now)
    row.status, row.reason = Status.PENDING_DELETE, Reason.UNPLUGGING


def mark_all_deleted(
    session: orm.Session, rows: Sequence[models.BridgeLink], context: bus.Context, now: datetime.datetime
) -> None:
    """Do the same with many, which the session does not hold, and store it by one statement."""
    for row in rows:
        mark_deleted(row, context, now)
    if rows:
        link = models.BridgeLink
        same = {name: getattr(rows[0], name) for name in _RENEWED}
        statement = sqlalchemy.update(link).where(link.id.in_([row.id for row in rows]))
        session.connection().execute(statement.values(generation=link.generation + 1, **same))
        revisions.raised(session, {row.host for row in rows})


def changes_of(row: models.BridgeLink, body: model.BridgeLinkUpdate) -> dict[str, Any]:
    """Return the columns of ``row`` that ``body`` changes, with their new values; labels are none of them."""
    now = model.BridgeLinkSpec.model_validate(views.wanted_of(row))
    wanted = {name: getattr(body, name) for name in body.model_fields_set - {"labels"}}
    changes = {name: value for name, value in wanted.items() if value != getattr(now, name)}
    if "ends" in changes:
        changes["ends"] = _ends_of(row.host, changes["ends"])
    return changes


def apply_changes(session: orm.Session, row: models.BridgeLink, changes: dict[str, Any], *, claimed: bool) -> None:
    """Let ``row`` have the values of ``changes_of``; raise NameConflict, Loop, PhysicalLoop or Unclaimed."""
    if "ends" in changes:
        # Gone before the new ones come, as these may carry the same devices the other way round.
        row.ends = []
        session.flush()
    for name, value in changes.items():
        setattr(row, name, value)
    with session.no_autoflush:
        names.check(session, [row])
        for field in [name for name in JOINING if name in changes][:1]:
            if field != "admin_state_up" or row.admin_state_up:
                loops.check(session, [row], field=field)
            physical.check(session, [row], field=field, claimed=claimed)


def check_same(held: models.BridgeLink | NewLink, body: model.BridgeLinkCreate, prefix: str) -> None:
    """Raise IdConflict unless ``held`` is what ``body`` wants, PendingDelete if it is going."""
    field = f"{prefix}id"
    link = held.message if isinstance(held, NewLink) else views.message_of(held)
    wanted = {name: getattr(link, name) for name in ("id", *model.BridgeLinkSpec.model_fields)}
    if model.BridgeLinkCreate(**wanted, labels=dict(held.labels)) != body:
        raise IdConflict(f"{field}: there is another link {link.id}, on {link.host}", field)
    if not isinstance(held, NewLink) and held.status == Status.PENDING_DELETE:
        raise PendingDelete(f"{field}: link {link.id} is being deleted", field)


def check_generation(row: models.BridgeLink, generations: Collection[int] | None) -> None:
    """Raise PreconditionFailed unless ``row`` has one of ``generations``, if there are any."""
    if generations is not None and row.generation not in generations:
        raise PreconditionFailed(
            f"link {row.id} was changed meanwhile: it has generation {row.generation}, not the one of If-Match"
        )


def check_plain(row: models.BridgeLink) -> None:
    """Raise TemplateLink if ``row`` belongs to a template."""
    if row.template_id is not None:
        raise TemplateLink(
            f"link {row.id} is made by the link template {row.template_id}: change the template, or take {row.host} "
            "out of its selector"
        )


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
