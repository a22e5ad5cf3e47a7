"""Which state the links of each host are in, as a number that rises with every change of one."""

from collections.abc import Collection

import sqlalchemy
from sqlalchemy import event, orm

from vethagent.controller.db import models

_DIGESTS = models.HostDigests
#: Built once: that takes longer than the database does.
_RAISE = (
    sqlalchemy.update(_DIGESTS)
    .where(_DIGESTS.host.in_(sqlalchemy.bindparam("hosts", expanding=True)))
    .values(revision=_DIGESTS.revision + 1)
)


class WritingSession(orm.Session):
    """A session that raises the revision of a host in the transaction that changes one of its links.

    It sees what is added, changed and deleted as an object. Who changes links by a statement calls ``raised``.
    """


def raised(session: orm.Session, hosts: Collection[str]) -> None:
    """Raise the revisions of ``hosts``.

    This comes after the links are written, so that all lock in the same order.
    """
    if hosts:
        session.connection().execute(_RAISE, {"hosts": sorted(hosts)})


@event.listens_for(WritingSession, "after_flush")
def _after_flush(session: orm.Session, _context: object) -> None:
    changed = [row for row in session.dirty if session.is_modified(row, include_collections=False)]
    rows = (*session.new, *changed, *session.deleted)
    raised(session, {row.host for row in rows if isinstance(row, models.BridgeLink)})
