"""The digests over what is held for each host. They are kept, and made anew after a change of one of its links.

That is counted by who makes the change. A controller of an older release does not count, nor does a person with SQL: so
digests that are old are made anew in any case.
"""

import datetime
from collections.abc import Iterable, Mapping

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller import digests, views
from vethagent.controller.db import models
from vethagent.controller.digests import Digests, HeldLink

#: For so long nobody may notice that a cast was lost of a change that was not counted.
MAX_AGE = datetime.timedelta(minutes=10)


def of(session: orm.Session, hosts: Iterable[str]) -> dict[str, Digests]:
    """Return the digests of ``hosts``."""
    table = models.HostDigests
    asked = set(hosts)
    statement = sqlalchemy.select(table.host, table.desired, table.observed).where(
        table.host.in_(asked), table.digested == table.revision
    )
    kept = {row.host: Digests(row.desired or "", row.observed or "") for row in session.execute(statement)}
    return kept | _make(session.connection(), asked - kept.keys())


def begin(connection: sqlalchemy.Connection, hosts: Iterable[str]) -> None:
    """Count the changes of hosts from now on."""
    if rows := [{"host": host, "revision": 0} for host in sorted(hosts)]:
        connection.execute(sqlalchemy.insert(models.HostDigests), rows)


def remake(
    connection: sqlalchemy.Connection, revisions: Mapping[str, int], now: datetime.datetime
) -> dict[str, Digests]:
    """Make the digests of hosts anew and keep them, as those of a revision that was read in this transaction.

    If the links are newer than that, so is the revision by now, and whoever asks next makes the digests anew: nothing
    has to be locked.
    """
    made = _make(connection, revisions.keys())
    if made:
        table = models.HostDigests
        statement = sqlalchemy.update(table).where(table.host == sqlalchemy.bindparam("of_host"))
        connection.execute(
            statement.values(
                {name: sqlalchemy.bindparam(name) for name in ("digested", "digested_at", *Digests._fields)}
            ),
            [
                {"of_host": host, "digested": revisions[host], "digested_at": now, **digests._asdict()}
                for host, digests in sorted(made.items())
            ],
        )
    return made


def _make(connection: sqlalchemy.Connection, hosts: Iterable[str]) -> dict[str, Digests]:
    links: dict[str, list[HeldLink]] = {host: [] for host in hosts}
    if not links:
        return {}
    table = models.BridgeLink
    # Rows of columns, not objects: there may be many.
    statement = sqlalchemy.select(table.host, *views.HELD_COLUMNS).where(table.host.in_(links))
    for host, *columns in connection.execute(statement):
        links[host].append(HeldLink(*columns))
    return {host: digests.over(each) for host, each in links.items()}
