"""An inventory that comes while links of its host are made, on MariaDB and PostgreSQL."""

from concurrent import futures

import sqlalchemy

from tests.support import commands
from tests.unit.controller.test_inventories import inventory
from vethagent.controller import physical
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.inventories import Inventories

#: How many transactions wait for locks. MariaDB tells something new each tenth of a second, if it is not asked sooner.
WAITING = {
    "mysql": "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
}


def waiting(database: Database) -> int:
    with database.reader() as session:
        return int(session.scalar(sqlalchemy.text(WAITING[session.get_bind().dialect.name])) or 0)


def test_it_holds_nothing_that_a_link_needs(database: Database, inventories: Inventories, known: str) -> None:
    """Else each waits for the other. A new link locks its host's inventory first, and then its agent's row."""
    inventories.store(inventory(br1="physnet1", br2="physnet2"))
    agent = sqlalchemy.select(models.Agent.host).where(models.Agent.host == known)
    with futures.ThreadPoolExecutor(1) as pool:
        with database.writer() as session:
            physical.claim(session, {known}, every=False)
            told = pool.submit(inventories.store, inventory(br1="physnet1"))
            commands.wait_until(lambda: waiting(database), what="an inventory that waits", interval=0.2)
            session.execute(agent.with_for_update(nowait=True))
        told.result(60)


def test_nothing_is_locked_that_is_not_there_yet(inventories: Inventories, known: str) -> None:
    """MariaDB would lock the gap, and each of many hosts that are new would wait for the others."""
    locked: list[str] = []

    def look(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "FOR UPDATE" in statement:
            locked.append("host_inventories" if "FROM host_inventories" in " ".join(statement.split()) else "agents")

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", look)
    try:
        for wanted in (["agents"], ["host_inventories", "agents"]):
            inventories.store(inventory(br1="physnet1"))
            assert locked == wanted
            locked.clear()
            inventories.store(inventory(br1="physnet2"))
            locked.clear()
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", look)
