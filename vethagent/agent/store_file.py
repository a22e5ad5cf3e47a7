"""What is found of a store's file, and of what SQLite says of it, when it cannot be used as usual."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import tempfile

from vethagent import constants


def inode(path: str) -> int | None:
    """Return which file has a path, None if none has."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def rows(path: str, statement: str, values: tuple[str, ...] = ()) -> list[tuple[object, ...]]:
    """Return what is found in a file that is of no use, as far as it can be read."""
    if not pathlib.Path(path).is_file():
        return []  # to open what somebody has put there, such as a pipe, may take for ever
    try:
        with contextlib.closing(sqlite3.connect(f"{pathlib.Path(path).absolute().as_uri()}?mode=ro", uri=True)) as old:
            return old.execute(statement, values).fetchall()
    except (sqlite3.Error, ValueError):
        return []


def copied(path: str) -> sqlite3.Connection:
    """Return all that a file and its log have, in memory; OSError if they cannot be read, or sqlite3.Error."""
    copy = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    # SQLite reads a log only where it may write beside it.
    with tempfile.TemporaryDirectory(dir=constants.IN_MEMORY) as folder:
        shutil.copyfile(path, f"{folder}/store")
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}-wal", f"{folder}/store-wal")
        with contextlib.closing(sqlite3.connect(f"{folder}/store")) as found:
            found.backup(copy)
    return copy


def is_for_want_of_writing(error: sqlite3.Error) -> bool:
    """Return whether the file may be as it was written, but its disk has no room, or lets nobody write."""
    return _code(error) in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    )


def is_damage(error: Exception) -> bool:
    """Return whether the file is not what was written: of no use, but not because of what is around it."""
    if isinstance(error, sqlite3.ProgrammingError):
        return False  # somebody who comes after the end
    if isinstance(error, sqlite3.Error):
        # The last three are said of our statements only if the tables are not those that were made here.
        return _code(error) in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
            sqlite3.SQLITE_ERROR,
            sqlite3.SQLITE_CONSTRAINT,
            sqlite3.SQLITE_MISMATCH,
        )
    return True


def _code(error: sqlite3.Error) -> int:
    """Return the primary code; what python itself cannot read is corrupt."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)) & 0xFF
