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
        assert told.result(60)
