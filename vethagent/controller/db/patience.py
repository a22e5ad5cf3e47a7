"""How long a database server is waited for.

By themselves drivers wait for an answer for ever, so one request after the other would hang with a server that hangs,
or whose host is gone. A URL that says something of its own (``?read_timeout=60``) is left as it is. Nor do they leave a
server that is there and has become a replica. And a server by itself waits for hours for who has begun a transaction
and is stopped, or gone without a word, and keeps its locks for as long.
"""

import functools
import selectors
import socket
import time
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import event


class Limits(NamedTuple):
    """Seconds for an answer, for a row that another transaction has locked, and for a server that takes no changes.

    ``idle`` are those that a server waits for the next statement of a transaction.
    """

    answer: float = 15
    lock: float = 10
    read_only: float = 5
    idle: float = 30


USUAL = Limits()

_MYSQL_DRIVERS = ("pymysql", "mysqldb")
#: Of rows, and of whole tables as LOCK TABLES and backups have them, which MySQL waits for apart, for a day by itself.
#: The last one is MariaDB's alone; MySQL takes it for a comment.
_MYSQL_TIMEOUTS = (
    "SET SESSION innodb_lock_wait_timeout = {lock:.0f}, lock_wait_timeout = {lock:.0f}"
    " /*M!100300 , idle_transaction_timeout = {idle:.0f} */"
)
_TIMEOUTS = {
    "mysql": _MYSQL_TIMEOUTS,
    "mariadb": _MYSQL_TIMEOUTS,
    "postgresql": "SET lock_timeout = '{lock:.0f}s'; SET idle_in_transaction_session_timeout = '{idle:.0f}s'",
}
#: What a MySQL or MariaDB says that takes no changes, as a replica or because somebody has told it so.
_MYSQL_READ_ONLY = (1290, 1792, 1836)
_MYSQL_LOCK_TIMEOUT = 1205
#: Of a savepoint that is not there any more, as of all that this project asks for.
_MYSQL_MISSING_SAVEPOINT = 1305
#: Asks a server for the same.
_IS_READ_ONLY = {
    "mysql": "SELECT @@read_only",
    "mariadb": "SELECT @@read_only",
    "postgresql": "SHOW transaction_read_only",
}
_POSTGRESQL_READ_ONLY = "25006"
#: Of a table that is not there; PostgreSQL of a column too, and of rights, of which drivers of MySQL tell as of no
#: server.
_MYSQL_MISSING, _POSTGRESQL_MISSING = 1146, ("42501", "42703", "42P01")


def limit(engine: sqlalchemy.Engine, limits: Limits) -> None:
    """Have connections of ``engine`` fail after these times."""
    driver, statement = engine.dialect.driver, _TIMEOUTS.get(engine.dialect.name)
    if driver == "psycopg2":
        # One for the process: what its library waits for can be told it in no other way.
        module = engine.dialect.loaded_dbapi
        module.extensions.set_wait_callback(functools.partial(_wait, module, limits.answer))

    @event.listens_for(engine, "do_connect")
    def _on_do_connect(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        if driver in _MYSQL_DRIVERS:
            for name in ("connect_timeout", "read_timeout", "write_timeout"):
                parameters.setdefault(name, int(limits.answer))
        elif driver == "psycopg2":
            _look_up(engine.dialect.loaded_dbapi, parameters)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        if statement is not None:
            with connection.cursor() as cursor:
                cursor.execute(statement.format(**limits._asdict()))
            connection.commit()  # PostgreSQL would forget it with the transaction


def _look_up(driver: Any, parameters: dict[str, Any]) -> None:
    """Find the addresses of the one name in ``parameters`` as threads of this process do; raise if there are none.

    The library of psycopg2 asks name servers within a call of C, for which on eventlet everything would wait.
    """
    name = parameters.get("host", "")
    if not name or "hostaddr" in parameters or name.startswith("/") or "," in name:
        return
    try:
        found = {str(info[4][0]): name for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise driver.OperationalError(f"no address is known of {name}: {error}") from error
    # The library tries one after the other, and compares the name with the certificate.
    parameters |= {"hostaddr": ",".join(found), "host": ",".join(found.values())}


def leave_read_only(engine: sqlalchemy.Engine) -> None:
    """Have all connections made anew after one to a server that takes no changes.

    It may have become a replica, and the address that is behind ``engine`` may lead to another one by now.
    """
    is_disconnect = engine.dialect.is_disconnect

    def is_of_no_use(error: Any, connection: Any, cursor: Any) -> bool:
        read_only = _number(error) in _MYSQL_READ_ONLY or getattr(error, "pgcode", None) == _POSTGRESQL_READ_ONLY
        return read_only or is_disconnect(error, connection, cursor)

    engine.dialect.is_disconnect = is_of_no_use  # type: ignore[method-assign, assignment]


def look_for_another(engine: sqlalchemy.Engine, seconds: float) -> None:
    """Do the same before a transaction that only reads, which no server refuses: it would go on to read what is old.

    All servers may take no changes. So the new connections are used as they are for so many seconds. The question takes
    the place of the ping that SQLAlchemy sends before a transaction, so that there is no more to wait for.
    """
    statement = _IS_READ_ONLY.get(engine.dialect.name)
    if statement is None:
        return
    renewed_at = float("-inf")

    def is_of_use(connection: Any) -> bool:
        nonlocal renewed_at
        if not _is_read_only(connection, statement) or time.monotonic() - renewed_at < seconds:
            return True
        renewed_at = time.monotonic()
        return False  # SQLAlchemy makes this connection anew, and all others before they are used

    engine.dialect.do_ping = is_of_use  # type: ignore[method-assign, assignment]


def _is_read_only(connection: Any, statement: str) -> bool:
    # psycopg2 begins a transaction before a statement, and only without one may its isolation be set.
    alone = isinstance(getattr(connection, "autocommit", None), bool)
    before = alone and connection.autocommit
    if alone:
        connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            (told,) = cursor.fetchone()
    finally:
        if alone and not connection.closed:
            connection.autocommit = before
    return str(told).lower() not in ("0", "off")


def is_lock_timeout(error: BaseException | None) -> bool:
    """Return whether a server of MySQL or MariaDB has given up to wait for a lock; oslo.db calls that a deadlock."""
    return _number(getattr(error, "orig", None)) == _MYSQL_LOCK_TIMEOUT


def is_rolled_back(error: BaseException | None) -> bool:
    """Return whether a savepoint is gone: with a deadlock MySQL and MariaDB have rolled all of the transaction back.

    So the way back to the savepoint fails, and oslo.db tells of that and no more of the deadlock.
    """
    return _number(getattr(error, "orig", None)) == _MYSQL_MISSING_SAVEPOINT


def is_being_made(error: BaseException | None) -> bool:
    """Return whether a table is not there, not whole or not ours, as while a dump is restored or a release taken back.

    oslo.db knows that of SQLite only.
    """
    told = getattr(error, "orig", None)
    return _number(told) == _MYSQL_MISSING or getattr(told, "pgcode", None) in _POSTGRESQL_MISSING


def _number(error: BaseException | None) -> object:
    return error.args[0] if error is not None and error.args else None


def _wait(driver: Any, seconds: float, connection: Any) -> None:
    """Wait for what ``connection`` of psycopg2 needs next; raise if that takes longer, which closes it."""
    wants = {driver.extensions.POLL_READ: selectors.EVENT_READ, driver.extensions.POLL_WRITE: selectors.EVENT_WRITE}
    while (state := connection.poll()) != driver.extensions.POLL_OK:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, wants[state])
            ready = selector.select(seconds)
        if not ready:
            raise driver.OperationalError(f"the server has not answered in {seconds:g} s")
