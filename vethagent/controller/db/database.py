"""Transactions, and what makes SQLite safe for several threads and processes."""

import contextlib
import dataclasses
import functools
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import oslo_db.api
import oslo_db.exception
import sqlalchemy
from oslo_db.sqlalchemy import engines, exc_filters
from sqlalchemy import event, orm

from vethagent import exceptions
from vethagent.controller.db import patience
from vethagent.controller.db.clock import Clock
from vethagent.controller.db.patience import USUAL, Limits
from vethagent.controller.db.revisions import WritingSession
from vethagent.controller.db.standing import Standing

LOG = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds for which somebody else's lock on a file is waited for, and the longest pause between two tries.
_LOCKED, _PAUSE = 10.0, 0.05
#: Milliseconds for which SQLite itself waits, for what others do within a moment: all of an all-in-one may wait then.
_BUSY_MS = 1000
_SQLITE_BEGIN = "vethagent_sqlite_begin"
_TOLD = "vethagent_told"

#: What drivers raise when a server is not there, ends, lets nobody in, or has trouble of its own: no room for a
#: temporary file, say.
_AWAY = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.InternalError)


@dataclasses.dataclass(frozen=True)
class Committed:
    """A change that is there for good: of what (``bridge_link`` or ``agent``), and its row of history."""

    what: str
    row: Mapping[str, Any]


def tell(session: orm.Session, changes: Sequence[Committed]) -> None:
    """Have ``changes`` told once the transaction of ``session`` is committed."""
    session.info.setdefault(_TOLD, []).extend(changes)


class Database:
    """The engine with its two kinds of transactions.

    Nothing is connected before the first transaction; after one, ``close`` comes before a fork. Only a migration does
    without ``foreign_keys`` of SQLite.
    """

    def __init__(
        self,
        connection: str,
        *,
        foreign_keys: bool = True,
        connection_recycle_time: int = 3600,
        wsrep_sync_wait: int | None = None,
        max_pool_size: int | None = None,
        max_overflow: int | None = None,
        pool_timeout: int | None = None,
        limits: Limits | None = USUAL,
    ) -> None:
        """Without ``limits`` a server is waited for as long as it takes; ``wsrep_sync_wait`` is Galera's."""
        self._write_turn: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if sqlalchemy.make_url(connection).get_backend_name() == "sqlite":
            # SQLite has one writer at a time. Waiting here is fair and wakes at once.
            self._write_turn = turn = _Turn()
            self._engine = _sqlite_engine(connection, turn, foreign_keys=foreign_keys)
        else:
            self._engine = engines.create_engine(
                connection,
                mysql_sql_mode="TRADITIONAL",
                mysql_wsrep_sync_wait=wsrep_sync_wait,
                max_retries=0,
                connection_recycle_time=connection_recycle_time,
                max_pool_size=max_pool_size,
                max_overflow=max_overflow,
                pool_timeout=pool_timeout,
            )
            _see_what_is_committed(self._engine)
            patience.leave_read_only(self._engine)
            if limits is not None:
                patience.limit(self._engine, limits)
                patience.look_for_another(self._engine, limits.read_only)
        #: What all who write down times go by.
        self.clock = Clock(self._engine.dialect.name)
        self._reading = self._engine
        if self._engine.dialect.name == "postgresql":
            # A link and its ends are read one after the other; by itself PostgreSQL looks anew each time.
            self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._reads, self._writes = Standing("read"), Standing("changed")
        #: Called by whoever has committed them, outside of the transaction.
        self.committed: Callable[[Sequence[Committed]], None] = lambda _: None
        self._writing = self._engine.execution_options(**{_SQLITE_BEGIN: "BEGIN IMMEDIATE"})

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of this host."""
        return self._engine.dialect.name == "sqlite"

    @property
    def file(self) -> str | None:
        """The SQLite file, None with a server."""
        return self._engine.url.database if self.is_sqlite else None

    @contextlib.contextmanager
    def reader(self) -> Iterator[orm.Session]:
        """A transaction that only reads, and sees one moment."""
        with self._reads.told(), database_errors(), orm.Session(self._reading) as session:
            self.clock.ask(session.connection)
            yield session

    @contextlib.contextmanager
    def writer(self) -> Iterator[orm.Session]:
        """A transaction that commits at the end, or rolls back if the block raises."""
        with (
            self._writes.told(),
            database_errors(),
            self._write_turn,
            WritingSession(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            self.clock.ask(session.connection)
            yield session
        if told := session.info.get(_TOLD):
            self.committed(told)

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlalchemy.Connection]:
        """A writing transaction below the ORM, for migrations."""
        with database_errors(), self._write_turn, self._writing.begin() as connection:
            yield connection

    def say(self) -> None:
        """From now on have the log say once when the database cannot be used, and once when it can again."""
        self._reads.said = self._writes.said = True

    def ping(self) -> None:
        """Raise DatabaseUnavailable if the database does not answer."""
        with self.reader() as session:
            session.execute(sqlalchemy.text("SELECT 1"))

    def close(self) -> None:
        """Drop all connections; the next transaction makes new ones."""
        self._engine.dispose()


class _Turn:
    """A lock that nobody waits for longer than for that of another process; one after the other would add up.

    Who has it waits for the other process ``until`` then: for both together no longer than for one of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.until = 0.0

    def __enter__(self) -> None:
        until = time.monotonic() + _LOCKED
        if not self._lock.acquire(timeout=_LOCKED):
            raise exceptions.DatabaseUnavailable("the transactions of others take too long")
        self.until = until

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _sqlite_engine(connection: str, turn: _Turn, *, foreign_keys: bool) -> sqlalchemy.Engine:
    """Return an engine for a file, on which who has the ``turn`` may write.

    oslo.db's own opens the file anew for each transaction and never begins to write.
    """
    engine = sqlalchemy.create_engine(connection, pool_size=10, max_overflow=40)
    exc_filters.register_engine(engine)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the module begins no transaction by itself
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")

    # A transaction that reads first and then writes cannot wait for another writer, it fails at once: what is going
    # to write takes the lock when it begins.
    @event.listens_for(engine, "begin")
    def _on_begin(connection: sqlalchemy.Connection) -> None:
        statement = connection.get_execution_options().get(_SQLITE_BEGIN)
        if statement is None:
            connection.exec_driver_sql("BEGIN")
        else:
            _insist(connection, statement, turn.until)

    return engine


def _insist(connection: sqlalchemy.Connection, statement: str, until: float) -> None:
    """Execute what needs a lock of SQLite, again and again while another process has it, ``until`` by time.monotonic.

    SQLite would wait by itself, but as one call of C: of a process on eventlet everything would, repairs too.
    """
    pause = 0.001
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.exec_driver_sql(statement)
                return
            except sqlalchemy.exc.OperationalError as error:
                if not _is_busy(error.orig) or time.monotonic() >= until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")


def _is_busy(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _see_what_is_committed(engine: sqlalchemy.Engine) -> None:
    """Have MariaDB show whoever takes a lock what others have committed, as all other servers do.

    Since 11.6 it refuses that by itself if the transaction has read something before they did. Each of several
    controllers would refuse most of what the others do, as all of them take the same turns.
    """
    if engine.dialect.name not in ("mysql", "mariadb"):
        return

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            if cursor.execute("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'"):
                cursor.execute("SET SESSION innodb_snapshot_isolation = OFF")


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Turn the ways in which a database is not there into DatabaseUnavailable.

    Deadlocks and duplicate entries pass: ``retried`` is outside of the transaction and wants to see them.
    """
    try:
        yield
    except (oslo_db.exception.DBConnectionError, oslo_db.exception.CantStartEngineError) as error:
        raise exceptions.DatabaseUnavailable(_first_line(error)) from error
    except (oslo_db.exception.DBNonExistentDatabase, oslo_db.exception.DBNonExistentTable) as error:
        raise exceptions.DatabaseUnavailable(_first_line(error)) from error
    except oslo_db.exception.DBDeadlock as error:
        if patience.is_lock_timeout(error.inner_exception):  # to wait for it again would take as long
            raise exceptions.DatabaseUnavailable(_first_line(error)) from error
        raise
    except oslo_db.exception.DBDuplicateEntry:
        raise
    except (sqlalchemy.exc.TimeoutError, *_AWAY) as error:
        # oslo.db does not see what fails while a connection is made.
        raise exceptions.DatabaseUnavailable(_first_line(error)) from error
    except (oslo_db.exception.DBError, sqlalchemy.exc.ProgrammingError) as error:
        inner = getattr(error, "inner_exception", error)
        if patience.is_rolled_back(inner):
            raise oslo_db.exception.DBDeadlock(inner) from error
        if isinstance(inner, _AWAY) or patience.is_being_made(inner):
            raise exceptions.DatabaseUnavailable(_first_line(error)) from error
        raise


def retried(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function``, which makes one transaction, again after a deadlock or a lost race; a few times.

    Galera reports a conflict between two nodes as a deadlock, so this is not only for bugs. A duplicate entry means
    that another process was faster between the look whether it is there and the commit: the next look finds it.
    """
    again: Callable[P, R] = oslo_db.api.wrap_db_retry(
        retry_interval=0.02,
        max_retry_interval=0.25,
        max_retries=8,
        retry_on_deadlock=True,
        exception_checker=lambda error: isinstance(error, oslo_db.exception.DBDuplicateEntry),
    )(function)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return again(*args, **kwargs)
        except oslo_db.exception.DBDeadlock as error:
            LOG.warning("given up after a deadlock in each of several tries: %s", _first_line(error))
            raise exceptions.DatabaseUnavailable(_first_line(error)) from error

    return run


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
