"""Which agents are here: they would act on what they are told now."""

import datetime

import sqlalchemy

from vethagent.controller.db import models
from vethagent.controller.liveness import reports
from vethagent.model import Mode


def here(oldest_alive: datetime.datetime) -> sqlalchemy.ColumnElement[bool]:
    """Return the condition on ``models.Agent``; who has not reported since ``oldest_alive`` is not here."""
    agent = models.Agent
    return reports(agent.reported_at, oldest_alive) & (agent.mode == Mode.ENFORCE) & agent.deleted_at.is_(None)
