"""A new revision of a template, and the roll-out that brings it to the hosts; or what that would be."""

import datetime
import uuid

from sqlalchemy import orm

from vethagent import model
from vethagent.controller import history
from vethagent.controller.db import models
from vethagent.controller.fleet import advancing, joining, showing
from vethagent.controller.fleet.deciding import OPEN, RolloutState
from vethagent.rpc import transport as bus


def start(
    session: orm.Session,
    template: models.LinkTemplate,
    *,
    link: model.TemplateLink,
    selector: model.Selector,
    context: bus.Context,
    now: datetime.datetime,
) -> models.Rollout:
    """Let ``template`` have a new revision with a roll-out, which takes the place of an open one.

    The lock of all templates is held, as agents are looked at; ``template`` itself may be new.
    """
    by, request_id = history.user_of(context), context.get("request_id")
    before = session.get(models.Rollout, template.rollout_id) if template.rollout_id else None
    rollout = models.Rollout(id=str(uuid.uuid4()), template_id=template.id, policy=template.policy, message="")
    template.revision += 1
    template.rollout_id, template.look_at = rollout.id, now
    session.add(template)
    session.flush()
    revision = models.TemplateRevision(template_id=template.id, number=template.revision)
    revision.link, revision.selector = link.model_dump(mode="json"), selector.model_dump(mode="json")
    revision.created_by, revision.request_id, revision.created_at = by, request_id, now
    rollout.revision, rollout.request_id = template.revision, request_id
    rollout.created_at = rollout.state_changed_at = now
    rollout.state, rollout.batches = RolloutState.RUNNING, 0
    rollout.counts = dict.fromkeys(showing.Counts.model_fields, 0)
    session.add_all([revision, rollout])
    if before is not None and before.state in OPEN:
        text = f"revision {template.revision} takes its place"
        advancing.enter(session, before, RolloutState.SUPERSEDED, text, by=by, request_id=request_id, now=now)
    session.flush()
    begun = f"revision {template.revision}"
    advancing.enter(session, rollout, RolloutState.RUNNING, begun, by=by, request_id=request_id, now=now)
    joining.enrol(session, template, rollout, [agent.host for agent in joining.selected(session, selector)])
    session.flush()
    return rollout
