"""Copies of databases in SQLite."""

import contextlib
import pathlib
import sqlite3


def take(path: pathlib.Path) -> bytes:
    """Return a copy of a database that may be in use."""
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as database:
        return database.serialize()


def put_back(path: pathlib.Path, copy: bytes | None) -> None:
    """Let a database that nobody has open be ``copy``, or none."""
    for part in ("", "-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    if copy is not None:
        path.write_bytes(copy)
