import pathlib
from collections.abc import Iterator

import pytest
import sqlalchemy

from tests.unit.controller import fakes
from vethagent.controller.agents import Agents
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.fleet.rollouts import Rollouts
from vethagent.controller.fleet.templates import Templates
from vethagent.controller.inventories import Inventories
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports


@pytest.fixture
def url(template: pathlib.Path, tmp_path: pathlib.Path) -> str:
    path = tmp_path / "controller.sqlite"
    path.write_bytes(template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def empty_url(tmp_path: pathlib.Path) -> str:
    """Where there are no tables yet."""
    return f"sqlite:///{tmp_path}/empty.sqlite"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def clock() -> fakes.Clock:
    return fakes.Clock()


@pytest.fixture
def liveness(clock: fakes.Clock) -> Liveness:
    return Liveness(75, clock)


@pytest.fixture
def agent_api() -> fakes.AgentApi:
    return fakes.AgentApi()


@pytest.fixture
def links(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> Links:
    return Links(database, agent_api, liveness)  # type: ignore[arg-type]


@pytest.fixture
def agents(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> Agents:
    return Agents(database, agent_api, liveness)  # type: ignore[arg-type]


@pytest.fixture
def reports(database: Database, liveness: Liveness) -> Reports:
    return Reports(database, liveness)


@pytest.fixture
def events(database: Database, liveness: Liveness) -> Events:
    return Events(database, liveness)


@pytest.fixture
def inventories(database: Database, liveness: Liveness) -> Inventories:
    return Inventories(database, liveness)


@pytest.fixture
def known(reports: Reports) -> str:
    """A host whose agent has reported."""
    reports.take(fakes.report("h1"))
    return "h1"


@pytest.fixture
def templates(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> Templates:
    return Templates(database, agent_api, liveness)  # type: ignore[arg-type]


@pytest.fixture
def rollouts(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> Rollouts:
    return Rollouts(database, agent_api, liveness)  # type: ignore[arg-type]


def count(database: Database, table: type) -> int:
    with database.reader() as session:
        return session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)) or 0
