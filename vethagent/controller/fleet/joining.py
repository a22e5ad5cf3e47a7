"""Which hosts are members of which templates, when something of a host or of a template has changed.

Everything here runs in the transaction that makes the change, so that neither is there without the other.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller.db import models
from vethagent.controller.fleet import placing, selecting
from vethagent.controller.fleet.deciding import OPEN, MemberState
from vethagent.controller.fleet.placing import Placed, Placer
from vethagent.rpc import transport as bus


class Joined(NamedTuple):
    """What is to be done after the commit: casts, and templates that somebody has to look at."""

    placed: Placed
    templates: set[str]


def settle(
    session: orm.Session,
    agent: models.Agent,
    context: bus.Context,
    now: datetime.datetime,
    *,
    deleted: bool = False,
) -> Joined:
    """Let ``agent`` join the templates that select it, and leave the others; with ``deleted`` all of them.

    A host that joins while a roll-out is open waits for its turn in it. Else it has it at the next look, and so has one
    that leaves.
    """
    joined = Joined(Placed(), set())
    templates = placing.locked(session)
    members = _members(session, agent.host) if templates else {}
    for template in templates:
        member = members.get(template.id)
        selector = model.Selector.model_validate(placing.revision_of(session, template, current=True).selector)
        selected = not deleted and selecting.selects(selector, agent.host, agent.labels)
        if deleted and member is not None:
            placer = Placer(session, template, context, now, claimed=False)
            placer.forget(member)
            joined.placed.unplugged.extend(placer.placed.unplugged)
        elif selected and (member is None or member.leaving):
            _join(session, template, member or _new(session, template, agent.host))
        elif member is not None and not selected and not member.leaving:
            member.leaving, member.rollout_id, member.batch = True, None, None
            member.state, member.message = MemberState.WAITING, ""
        elif member is None or member.state == MemberState.DONE:
            continue
        template.look_at = now
        joined.templates.add(template.id)
    return joined


def unsettled(session: orm.Session, host: str) -> set[str]:
    """Return the templates in which ``host`` has not got what it is to get."""
    member = models.TemplateMember
    statement = sqlalchemy.select(member.template_id).where(member.host == host, member.state != MemberState.DONE)
    return set(session.scalars(statement))


def selected(session: orm.Session, selector: model.Selector) -> Sequence[models.Agent]:
    """Return the agents that ``selector`` selects, by host."""
    agent = models.Agent
    statement = sqlalchemy.select(agent).where(agent.deleted_at.is_(None)).order_by(agent.host)
    return [each for each in session.scalars(statement) if selecting.selects(selector, each.host, each.labels)]


def enrol(session: orm.Session, template: models.LinkTemplate, rollout: models.Rollout, hosts: Iterable[str]) -> None:
    """Let exactly ``hosts`` be members; those for whom the newest revision changes something wait for ``rollout``."""
    table = models.TemplateMember
    members = {row.host: row for row in session.scalars(sqlalchemy.select(table).filter_by(template_id=template.id))}
    wanted = set(hosts)
    revisions = _links_of(session, template)
    for host in sorted(wanted - members.keys()):
        members[host] = _new(session, template, host)
    for member in members.values():
        same = member.revision is not None and revisions.get(member.revision) == revisions[template.revision]
        if member.host not in wanted and member.leaving and member.state == MemberState.DONE:
            session.delete(member)
        elif member.host in wanted and same and _is_untouched(member):
            member.revision, member.leaving, member.rollout_id, member.batch = template.revision, False, None, None
            member.state = MemberState.STARTED if member.state == MemberState.WAITING else MemberState.DONE
            member.started_at = rollout.created_at
        else:
            member.leaving, member.rollout_id, member.batch = member.host not in wanted, rollout.id, None
            member.state, member.message = MemberState.WAITING, ""


def _is_untouched(member: models.TemplateMember) -> bool:
    """Return whether the link is as ``member.revision`` wants it, as far as it was brought to its host.

    One that waits had no turn yet: it has what it had before, and only a look is needed to see that it is well.
    """
    return member.state == MemberState.WAITING or (member.state == MemberState.DONE and not member.leaving)


def _join(session: orm.Session, template: models.LinkTemplate, member: models.TemplateMember) -> None:
    rollout = session.get(models.Rollout, template.rollout_id, with_for_update=True)
    member.leaving, member.state, member.message = False, MemberState.WAITING, ""
    member.rollout_id = rollout.id if rollout is not None and rollout.state in OPEN else None
    member.batch = None


def _new(session: orm.Session, template: models.LinkTemplate, host: str) -> models.TemplateMember:
    member = models.TemplateMember(template_id=template.id, host=host, state=MemberState.WAITING, message="")
    member.leaving = False
    session.add(member)
    return member


def _members(session: orm.Session, host: str) -> dict[str, models.TemplateMember]:
    # As revision_of: a report has read something before it comes here.
    statement = sqlalchemy.select(models.TemplateMember).where(models.TemplateMember.host == host).with_for_update()
    return {row.template_id: row for row in session.scalars(statement)}


def _links_of(session: orm.Session, template: models.LinkTemplate) -> Mapping[int, object]:
    table = models.TemplateRevision
    statement = sqlalchemy.select(table.number, table.link).where(table.template_id == template.id)
    return {row.number: row.link for row in session.execute(statement)}
