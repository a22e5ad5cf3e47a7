"""What is stored of a link, as it is created, changed and deleted."""

import datetime
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import orm

from vethagent import model
from vethagent.controller import loops, names, physical, views
from vethagent.controller.db import models
from vethagent.controller.errors import IdConflict, PendingDelete, PreconditionFailed, TemplateLink
from vethagent.model import Reason, Status
from vethagent.rpc import transport as bus

_PLAIN = ("name", "mtu", "adopt", "allow_loop", "admin_state_up", "confirm")

#: What can make a link join other networks than before.
JOINING = frozenset({"ends", "allow_loop", "admin_state_up"})


def new_row(context: bus.Context, body: model.BridgeLinkCreate, now: datetime.datetime) -> models.BridgeLink:
    """Return what is stored of a link that is created."""
    row = models.BridgeLink(
        id=body.id or str(uuid.uuid4()), host=body.host, observed=[], differences=[], created_at=now, generation=0
    )
    for name in _PLAIN:
        setattr(row, name, getattr(body, name))
    row.ends = _ends_of(body.host, body.ends)
    row.label_rows = {name: models.LinkLabel(name=name, value=value) for name, value in body.labels.items()}
    renew(row, context, now)
    return row


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
        if changes.keys() & {"ends", "allow_loop"}:
            loops.check(session, [row])
        if changes.keys() & JOINING:
            physical.check(session, [row], claimed=claimed)


def check_same(row: models.BridgeLink, body: model.BridgeLinkCreate, prefix: str) -> None:
    """Raise IdConflict unless ``row`` is what ``body`` wants, PendingDelete if it is going."""
    field = f"{prefix}id"
    held = model.BridgeLinkCreate.model_validate(views.wanted_of(row) | {"id": row.id, "labels": dict(row.labels)})
    if held != body:
        raise IdConflict(f"{field}: there is another link {row.id}, on {row.host}", field)
    if row.status == Status.PENDING_DELETE:
        raise PendingDelete(f"{field}: link {row.id} is being deleted", field)


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
