"""The unit tests of the same name, on MariaDB and PostgreSQL, and migrations that are cut off."""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.support import databases
from tests.unit.controller.test_migrations import *
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database

#: What changes something; the rest only looks.
CHANGES = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "UPDATE")
#: The last one is never reached.
_FEW = (1, 4, 1000)


class CutOff(BaseException):
    """As Ctrl-C and SIGKILL do: nothing more is done, and the server undoes what it can."""


@contextlib.contextmanager
def cut_off(after: int) -> Iterator[None]:
    """Raise CutOff after so many changes."""
    changes = itertools.count(1)

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(CHANGES) and next(changes) == after:
            raise CutOff

    sqlalchemy.event.listen(sqlalchemy.Engine, "after_cursor_execute", look)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "after_cursor_execute", look)


def _cut_off_after_each(numbers: Iterable[int], move: Callable[[], object]) -> None:
    for after in numbers:
        try:
            with cut_off(after):
                move()
        except CutOff:
            continue
        return


def test_a_migration_that_was_cut_off_is_done_again(
    first: Database, empty_url: str, server: databases.DatabaseServer
) -> None:
    """Cut off after every other change, most of which MariaDB does not undo; others undo all, and a few will do."""
    ways = migration.revisions()
    up, down = ways[-2::-1], ways[1:]
    many: Iterable[int] = range(1, 1000, 2)
    if not isinstance(server, databases.MariaDB):
        up, down, many = up[-1:], down[-1:], _FEW
    for revision in up:
        _cut_off_after_each(many, functools.partial(migration.upgrade, empty_url, revision))
        assert migration.current(first) == revision
    with first.connection() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []
    for revision in down:
        _cut_off_after_each(_FEW, functools.partial(migration.downgrade, empty_url, revision))
        assert migration.current(first) == revision
    assert migration.upgrade(empty_url) == migration.newest()


def test_a_table_of_others_is_no_half_of_a_migration(empty_url: str) -> None:
    with contextlib.closing(Database(empty_url)) as database:
        with database.connection() as connection:
            connection.exec_driver_sql("CREATE TABLE agents (id INTEGER)")
        for _ in range(2):
            with pytest.raises(Exception, match="already exists"):
                migration.upgrade(empty_url)
        with database.connection() as connection:
            assert [column["name"] for column in sqlalchemy.inspect(connection).get_columns("agents")] == ["id"]
