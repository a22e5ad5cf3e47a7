"""MariaDB and PostgreSQL for the whole run, one database in each; a test finds it with empty tables."""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest
import sqlalchemy

from tests.support import databases, namespaces
from tests.unit.controller.conftest import (
    agent_api,
    agents,
    clock,
    events,
    inventories,
    known,
    links,
    liveness,
    reports,
    rollouts,
    templates,
)
from tests.unit.controller.fleet.conftest import world
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database

__all__ = [
    "agent_api",
    "agents",
    "clock",
    "events",
    "inventories",
    "known",
    "links",
    "liveness",
    "reports",
    "rollouts",
    "templates",
    "world",
]

SERVERS = {"mariadb": databases.MariaDB, "postgresql": databases.PostgreSQL}


@pytest.fixture(scope="session")
def _servers(_machine: None) -> Iterator[dict[str, databases.DatabaseServer]]:
    with contextlib.ExitStack() as cleanup:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{namespaces.PREFIX}-databases-"))
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        namespace = cleanup.enter_context(namespaces.Namespace("databases"))
        servers = {name: kind(namespace, folder / name) for name, kind in SERVERS.items()}
        for server in servers.values():
            server.start()
        yield servers


@pytest.fixture(scope="session", params=SERVERS)
def server(request: pytest.FixtureRequest, _servers: dict[str, databases.DatabaseServer]) -> databases.DatabaseServer:
    """A server; what is done to it has to be undone."""
    return _servers[request.param]


@pytest.fixture(scope="session")
def _migrated(server: databases.DatabaseServer) -> str:
    url = server.create()
    migration.upgrade(url)
    return url


@pytest.fixture
def url(_migrated: str) -> Iterator[str]:
    """Where the database is; its tables are as a migration leaves them."""
    yield _migrated
    database = Database(_migrated)
    with database.connection() as connection:
        for table in reversed(models.Base.metadata.sorted_tables):
            if table.name != "counters":  # what a counter has given it never gives again
                connection.execute(sqlalchemy.delete(table))
    database.close()


@pytest.fixture
def empty_url(server: databases.DatabaseServer) -> str:
    """Where there are no tables yet."""
    return server.create()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The same, to work with."""
    database = Database(url)
    yield database
    database.close()
