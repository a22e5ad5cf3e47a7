"""Which agents are here: they would act on what they are told now."""

import sqlalchemy

from vethagent.controller.db import models
from vethagent.controller.liveness import Recent, reports
from vethagent.model import Mode


def here(recent: Recent) -> sqlalchemy.ColumnElement[bool]:
    """Return the condition on ``models.Agent``; who has not reported in ``recent`` is not here."""
    agent = models.Agent
    return reports(agent.reported_at, recent) & (agent.mode == Mode.ENFORCE) & agent.deleted_at.is_(None)
