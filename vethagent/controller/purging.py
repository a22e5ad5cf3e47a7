"""Deleting what is remembered of long ago."""

import datetime
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db import models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.liveness import Liveness

_CHUNK = 1000


class Purged(NamedTuple):
    """How many rows were deleted; roll-outs with their history."""

    events: int
    link_changes: int
    agent_changes: int
    rollouts: int
    revisions: int


def purge(database: Database, liveness: Liveness, days: float) -> Purged:
    """Delete what is older than ``days``: events, changes of agents and of links that are gone, roll-outs, revisions.

    The history of a link that is there is whole. A template keeps its newest roll-out, its newest revision, the one
    before, which ``undo`` goes back to, and those that hosts still have. In pieces, to lock nobody out.
    """
    oldest = liveness.now() - datetime.timedelta(days=days)
    event, change, agent_change = models.PortEvent, models.LinkChange, models.AgentChange
    there = sqlalchemy.exists().where(models.BridgeLink.id == change.link_id)
    return Purged(
        events=_all(database, (event.id,), event.received_at < oldest),
        link_changes=_all(database, (change.id,), (change.changed_at < oldest) & ~there),
        agent_changes=_all(database, (agent_change.id,), agent_change.changed_at < oldest),
        rollouts=_all(database, (models.Rollout.id,), _rollouts_before(oldest)),
        revisions=_all(
            database, (models.TemplateRevision.template_id, models.TemplateRevision.number), _revisions_before(oldest)
        ),
    )


def _rollouts_before(oldest: datetime.datetime) -> sqlalchemy.ColumnElement[bool]:
    rollout, template, member = models.Rollout, models.LinkTemplate, models.TemplateMember
    newest = sqlalchemy.exists().where(template.rollout_id == rollout.id)
    named = sqlalchemy.exists().where(member.rollout_id == rollout.id)
    return (rollout.state_changed_at < oldest) & ~newest & ~named


def _revisions_before(oldest: datetime.datetime) -> sqlalchemy.ColumnElement[bool]:
    revision, template, member, rollout = (
        models.TemplateRevision,
        models.LinkTemplate,
        models.TemplateMember,
        models.Rollout,
    )
    later = orm.aliased(revision)
    replaced = sqlalchemy.exists().where(
        later.template_id == revision.template_id, later.number > revision.number, later.created_at < oldest
    )
    newest = sqlalchemy.exists().where(template.id == revision.template_id, template.revision - 1 <= revision.number)
    had = sqlalchemy.exists().where(member.template_id == revision.template_id, member.revision == revision.number)
    told = sqlalchemy.exists().where(rollout.template_id == revision.template_id, rollout.revision == revision.number)
    return replaced & ~newest & ~had & ~told


def _all(database: Database, key: tuple[Any, ...], old: sqlalchemy.ColumnElement[bool]) -> int:
    purged = 0
    while count := _some(database, key, old):
        purged += count
    return purged


@retried
def _some(database: Database, key: tuple[Any, ...], old: sqlalchemy.ColumnElement[bool]) -> int:
    with database.writer() as session:
        found = session.execute(sqlalchemy.select(*key).where(old).limit(_CHUNK)).all()
        if found:
            which = sqlalchemy.tuple_(*key).in_([tuple(row) for row in found])
            session.execute(sqlalchemy.delete(key[0].class_).where(which))
    return len(found)
