"""What Prometheus is told of templates; the database counts."""

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db import models
from vethagent.controller.fleet.deciding import RolloutState


def rollouts(session: orm.Session) -> dict[tuple[str], int]:
    """Return how many templates have a newest roll-out in each state, 0 too."""
    rollout, template = models.Rollout, models.LinkTemplate
    statement = sqlalchemy.select(rollout.state, sqlalchemy.func.count()).join(
        template, template.rollout_id == rollout.id
    )
    found = {row[0]: row[1] for row in session.execute(statement.group_by(rollout.state))}
    return {(state.value,): found.get(state, 0) for state in RolloutState}


def hosts(session: orm.Session) -> dict[tuple[str, str], int]:
    """Return how many hosts of each template, by its name, are in each state."""
    member, template = models.TemplateMember, models.LinkTemplate
    statement = (
        sqlalchemy.select(template.name, member.state, sqlalchemy.func.count())
        .join(template, template.id == member.template_id)
        .group_by(template.name, member.state)
        .order_by(template.name)
    )
    return {(name, state): count for name, state, count in session.execute(statement)}
