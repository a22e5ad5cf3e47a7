"""Bringing the tables to what this version of the program wants, and telling whether they are."""

import os
from importlib import resources

import alembic.command
import alembic.config
import alembic.script
from alembic.runtime.migration import MigrationContext

from vethagent import exceptions
from vethagent.controller.db.database import Database

_ADVICE = "run 'vethagent-manage db upgrade'"


class SchemaMismatch(exceptions.VethagentError):
    """The tables are not what this version of the program wants; the text says what to do."""

    code = "SCHEMA_MISMATCH"


def upgrade(connection: str) -> str:
    """Bring the database that the URL ``connection`` names to the newest revision and return it.

    Everything happens in one transaction where the database can do that (SQLite and PostgreSQL); the folder of a
    SQLite file is made if it is not there.
    """
    database = Database(connection)
    if database.file and (folder := os.path.dirname(database.file)):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise exceptions.DatabaseUnavailable(f"{folder}: {error.strerror}") from error
    config = _config()
    try:
        with database.connection() as transaction:
            config.attributes["connection"] = transaction
            alembic.command.upgrade(config, "head")
    finally:
        database.close()
    return newest()


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
        return
    known = {script.revision for script in alembic.script.ScriptDirectory.from_config(_config()).walk_revisions()}
    if found in known:
        raise SchemaMismatch(f"the tables have the old revision {found}, {newest()} is needed: {_ADVICE}")
    raise SchemaMismatch(f"the tables have revision {found}, which is newer than this program ({newest()})")


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    folder = str(resources.files("vethagent.controller.db") / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config
