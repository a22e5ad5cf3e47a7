"""What a change of a template would mean, without making it."""

from collections.abc import Iterable, Iterator
from typing import Literal

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller.db import models
from vethagent.controller.fleet import joining, presence
from vethagent.controller.fleet.deciding import MemberState
from vethagent.controller.fleet.showing import PlannedHost, TemplatePlan
from vethagent.controller.liveness import Recent

_Change = tuple[str, Literal["create", "change", "remove"]]


def plan(  # noqa: PLR0917 - all of a template, one after the other
    session: orm.Session,
    template: models.LinkTemplate | None,
    link: model.TemplateLink,
    selector: model.Selector,
    policy: model.RolloutPolicy,
    recent: Recent,
) -> TemplatePlan:
    """Return which hosts would get, lose or change their link, in the order and the batches of the roll-out."""
    agents = {agent.host: agent for agent in joining.selected(session, selector)}
    held = _held(session, template)
    changes: list[_Change] = [(host, "create") for host in agents.keys() - held.keys()]
    changes += [(host, "remove") for host in held.keys() - agents.keys()]
    wanted = link.model_dump(mode="json")
    changes += [(host, "change") for host in agents.keys() & held.keys() if held[host] != wanted]
    here = _here(session, [host for host, _ in changes], recent)
    return TemplatePlan(
        hosts=tuple(_in_batches(sorted(changes), here, policy)), unchanged=len(agents.keys() | held) - len(changes)
    )


def _in_batches(changes: list[_Change], here: set[str], policy: model.RolloutPolicy) -> Iterator[PlannedHost]:
    """Yield the hosts in their order: those whose agents are there first, the others in a batch of their own."""
    there = [change for change in changes if change[0] in here]
    first = policy.canary or policy.batch_size
    batch = 0
    for index, (host, action) in enumerate(there):
        batch = 0 if index < first else 1 + (index - first) // policy.batch_size
        yield PlannedHost(host=host, action=action, here=True, batch=batch)
    for host, action in changes:
        if host not in here:
            yield PlannedHost(host=host, action=action, here=False, batch=batch + 1 if there else 0)


def _held(session: orm.Session, template: models.LinkTemplate | None) -> dict[str, object]:
    """Return what each member has, or is about to get; None for one that has had no turn."""
    if template is None:
        return {}
    member, revision = models.TemplateMember, models.TemplateRevision
    statement = (
        sqlalchemy.select(member.host, revision.link)
        .outerjoin(revision, (revision.template_id == member.template_id) & (revision.number == member.revision))
        .where(member.template_id == template.id, ~(member.leaving & (member.state == MemberState.DONE)))
    )
    return {row.host: row.link for row in session.execute(statement)}


def _here(session: orm.Session, hosts: Iterable[str], recent: Recent) -> set[str]:
    agent = models.Agent
    return set(hosts) & set(session.scalars(sqlalchemy.select(agent.host).where(presence.here(recent))))
