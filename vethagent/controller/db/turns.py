"""Turns: of all transactions that take the same one goes on, and the next sees what it has done.

A row of ``counters`` is written and not only locked: nodes of Galera tell each other what is written, and with a lock
alone each of them would let one go on. So what is committed second is refused there, as after a deadlock, and retried.
"""

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db import models

_COUNTER = models.Counter
_TAKE = (
    sqlalchemy.update(_COUNTER).where(_COUNTER.name == sqlalchemy.bindparam("of_name")).values(value=_COUNTER.value + 1)
)


def take(session: orm.Session, kind: type[models.Base]) -> None:
    """Wait for the turn that is named after the table of ``kind``, and have it until the end of the transaction."""
    session.connection().execute(_TAKE, {"of_name": kind.__tablename__})
