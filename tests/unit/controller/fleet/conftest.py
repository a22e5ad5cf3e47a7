import pytest

from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness


@pytest.fixture
def world(database: Database, liveness: Liveness, clock: fakes.Clock) -> World:
    return World(database, liveness, clock)
