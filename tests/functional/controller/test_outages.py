"""A database server that ends, or has no room, is told as what it is; and all goes on when it is back."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.support import databases
from tests.unit.controller import fakes
from vethagent import exceptions
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.links import Links


@pytest.fixture
def ended(server: databases.DatabaseServer, database: Database, known: str) -> Iterator[databases.DatabaseServer]:
    """A server that was killed while a connection to it was in the pool; it is started again in the end."""
    database.ping()
    server.kill()
    yield server
    if not server.daemon.running:
        server.start()


def test_a_server_that_was_killed(ended: databases.DatabaseServer, database: Database, links: Links) -> None:
    for _ in range(2):  # by a connection that was there, and without one
        with pytest.raises(exceptions.DatabaseUnavailable):
            database.ping()
        with pytest.raises(exceptions.DatabaseUnavailable):
            links.create(fakes.CONTEXT, fakes.body())
    ended.start()
    link = links.create(fakes.CONTEXT, fakes.body())
    assert links.show(link.id) == link


def test_a_server_that_is_killed_in_a_transaction(
    server: databases.DatabaseServer, database: Database, events: Events
) -> None:
    with (
        contextlib.ExitStack() as cleanup,
        pytest.raises(exceptions.DatabaseUnavailable),
        database.writer() as session,
    ):
        events._store(session, [fakes.batch([fakes.event(fakes.STREAM, 1)])])
        cleanup.callback(server.start)
        server.kill()
    assert len(events.store(fakes.batch([fakes.event(fakes.STREAM, 1)]))) == 1
