"""Bringing the tables to what this version of the program wants, and telling whether they are."""

import contextlib
import logging
import os
from collections.abc import Callable
from importlib import resources
from typing import Any

import alembic.command
import alembic.config
import alembic.script
import oslo_db.exception
import sqlalchemy
from alembic.runtime.migration import MigrationContext

from vethagent import exceptions
from vethagent.controller.db import models
from vethagent.controller.db.database import Database

LOG = logging.getLogger(__name__)

#: What MariaDB says of a change that is there: a table, a column, an index that was made or has gone, a foreign key.
_DONE = frozenset({1050, 1051, 1060, 1061, 1091, 1826})
_CANNOT_CREATE, _FOREIGN_KEY_IS_THERE, _DUPLICATE_ROW = 1005, "errno: 121", 1062

#: Has all wait who move the tables of one database, until the first one has ended his transaction or has gone. A SQLite
#: file has one writer at a time by itself. Seconds are those of a day.
_WAIT_FOR_OTHERS = {
    "mysql": "SELECT GET_LOCK(CONCAT('vethagent-', MD5(DATABASE())), 86400)",
    "postgresql": f"SELECT pg_advisory_xact_lock({0x76657468})",
}

_ADVICE = "run 'vethagent-manage db upgrade'"


class SchemaMismatch(exceptions.VethagentError):
    """The tables are not what this version of the program wants; the text says what to do."""

    code = "SCHEMA_MISMATCH"


def upgrade(connection: str, revision: str = "head") -> str:
    """Bring the database that the URL ``connection`` names up to ``revision`` and return the newest one.

    Everything happens in one transaction where the database can do that (SQLite and PostgreSQL). In MariaDB what was
    changed stays if it is cut off, and the next time only the rest is done. The folder of a SQLite file is made if it
    is not there. Who does so at the same time waits, and finds nothing left to do. Raise SchemaMismatch if a newer
    program has made the tables, or if one of them is missing.
    """
    _move(connection, alembic.command.upgrade, revision)
    if revision == "head":
        with contextlib.closing(Database(connection)) as database:
            check(database)
    return newest()


def downgrade(connection: str, revision: str) -> None:
    """Take the database down to ``revision``, "base" for no tables; what newer ones have added is lost.

    Raise SchemaMismatch if there is no such revision below, or if a newer program has made the tables.
    """
    known = [*revisions(), "base"]
    if revision not in known:
        raise SchemaMismatch(f"there is no revision {revision}, only {', '.join(revisions())}")
    with contextlib.closing(Database(connection, limits=None)) as database:
        found = current(database) or "base"
    if found in known and known.index(found) > known.index(revision):
        raise SchemaMismatch(f"the tables have revision {found}, which is older than {revision}")
    _move(connection, alembic.command.downgrade, revision)


def _move(connection: str, command: Callable[[alembic.config.Config, str], None], revision: str) -> None:
    # For SQLite a table is changed by making it anew, and the end of the old one would take with it what refers to it.
    database = Database(connection, foreign_keys=False, limits=None)  # to change a great table takes its time
    if database.file and (folder := os.path.dirname(database.file)):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise exceptions.DatabaseUnavailable(f"{folder}: {error.strerror}") from error
    config = _config()
    try:
        with database.connection() as transaction:
            _wait_for_others(transaction)
            if (found := MigrationContext.configure(transaction).get_current_revision()) not in (None, *revisions()):
                raise SchemaMismatch(f"{_newer(found)}: only the newer one can change them")
            if found is not None and transaction.dialect.name in {"mysql", "mariadb"}:
                _leave_out_what_is_done(transaction.engine)
            config.attributes["connection"] = transaction
            command(config, revision)
    finally:
        database.close()


def _wait_for_others(transaction: sqlalchemy.Connection) -> None:
    """Several machines may be told at once to bring the tables up."""
    statement = _WAIT_FOR_OTHERS.get(transaction.dialect.name.replace("mariadb", "mysql"))
    if statement is not None:
        try:
            transaction.exec_driver_sql(statement)
        except oslo_db.exception.DBError as error:  # as in the strict mode of Percona's Galera
            LOG.warning("whether others move the tables is not known: %s", exceptions.one_line(error))


def _leave_out_what_is_done(engine: sqlalchemy.Engine) -> None:
    """Go on where a migration was cut off. Only for tables that are ours, and not those of others by their names."""

    def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        try:
            cursor.execute(statement, parameters)
        except context.dialect.dbapi.Error as error:
            number, text = error.args[0], str(error.args[-1])
            has_row = number == _DUPLICATE_ROW and statement.startswith("INSERT")
            if not (number in _DONE or has_row or (number == _CANNOT_CREATE and _FOREIGN_KEY_IS_THERE in text)):
                raise
            LOG.warning("left out, as a migration that was cut off has done it: %s", text)
        return True

    sqlalchemy.event.listen(engine, "do_execute", execute)


def revisions() -> list[str]:
    """Return all revisions that this version of the program knows, the newest one first."""
    return [script.revision for script in alembic.script.ScriptDirectory.from_config(_config()).walk_revisions()]


def newest() -> str:
    """Return the revision that this version of the program wants."""
    head = alembic.script.ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # nosec B101 - there is at least one migration in the package
    return head


def current(database: Database) -> str | None:
    """Return the revision that ``database`` has, None if there are no tables yet. A missing file is not made."""
    if database.file and not os.path.exists(database.file):
        return None
    with database.reader() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def check(database: Database) -> None:
    """Raise SchemaMismatch unless the tables are what this version of the program wants."""
    found = current(database)
    if found is None:
        raise SchemaMismatch(f"the database has no tables yet: {_ADVICE}")
    if found == newest():
        with database.reader() as session:
            seen = sqlalchemy.inspect(session.connection())
            missing = [name for name in models.Base.metadata.tables if not seen.has_table(name)]
        if missing:
            raise SchemaMismatch(f"tables are missing, restore the whole database: {', '.join(sorted(missing))}")
        return
    if found in revisions():
        raise SchemaMismatch(f"the tables have the old revision {found}, {newest()} is needed: {_ADVICE}")
    raise SchemaMismatch(_newer(found))


def _newer(found: str | None) -> str:
    return f"the tables have revision {found}, which is newer than this program ({newest()})"


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    folder = str(resources.files("vethagent.controller.db") / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config
