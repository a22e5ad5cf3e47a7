"""A process whose own clock is wrong goes by that of the database."""

import datetime
import time

import pytest

from tests.support import databases
from tests.unit.controller import fakes
from vethagent.controller.db.clock import Clock
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports

DAY = 86400.0


@pytest.mark.parametrize("wrong", [-DAY, DAY])
def test_a_wrong_clock_makes_nobody_dead(server: databases.DatabaseServer, url: str, wrong: float) -> None:
    taking, asking = Database(url), Database(url)
    dialect = "postgresql" if isinstance(server, databases.PostgreSQL) else "mysql"
    asking.clock = Clock(dialect, wall=lambda: time.time() + wrong)
    judges = [Liveness(75, each.clock.now, each.clock.unmoved) for each in (taking, asking)]
    for database in (taking, asking):
        database.ping()
    Reports(taking, judges[0]).take(fakes.report("h1"))
    reported_at = judges[0].now()
    assert all(judge.is_alive(reported_at) for judge in judges)
    true = datetime.datetime.now(datetime.UTC)
    assert all(abs(judge.now() - true) < datetime.timedelta(minutes=5) for judge in judges)
    for database in (taking, asking):
        database.close()
