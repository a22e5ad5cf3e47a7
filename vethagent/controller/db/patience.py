"""How long a database server is waited for.

By themselves drivers wait for an answer for ever, so one request after the other would hang with a server that hangs,
or whose host is gone. A URL that says something of its own (``?read_timeout=60``) is left as it is.
"""

import functools
import selectors
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import event


class Limits(NamedTuple):
    """Seconds for an answer, and for a row that another transaction has locked."""

    answer: float = 15
    lock: float = 10


USUAL = Limits()

_MYSQL_DRIVERS = ("pymysql", "mysqldb")
_LOCK_TIMEOUT = {
    "mysql": "SET SESSION innodb_lock_wait_timeout = {seconds:.0f}",
    "mariadb": "SET SESSION innodb_lock_wait_timeout = {seconds:.0f}",
    "postgresql": "SET lock_timeout = '{seconds:.0f}s'",
}
#: What a MySQL or MariaDB says that takes no changes, as a replica or because somebody has told it so.
_MYSQL_READ_ONLY = (1290, 1792, 1836)
_MYSQL_LOCK_TIMEOUT = 1205
_POSTGRESQL_READ_ONLY = "25006"


def limit(engine: sqlalchemy.Engine, limits: Limits) -> None:
    """Have connections of ``engine`` fail after these times."""
    driver, statement = engine.dialect.driver, _LOCK_TIMEOUT.get(engine.dialect.name)
    if driver == "psycopg2":
        # One for the process: what its library waits for can be told it in no other way.
        module = engine.dialect.loaded_dbapi
        module.extensions.set_wait_callback(functools.partial(_wait, module, limits.answer))

    @event.listens_for(engine, "do_connect")
    def _on_do_connect(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        if driver in _MYSQL_DRIVERS:
            for name in ("connect_timeout", "read_timeout", "write_timeout"):
                parameters.setdefault(name, int(limits.answer))

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        if statement is not None:
            with connection.cursor() as cursor:
                cursor.execute(statement.format(seconds=limits.lock))
            connection.commit()  # PostgreSQL would forget it with the transaction


def leave_read_only(engine: sqlalchemy.Engine) -> None:
    """Have all connections made anew after one to a server that takes no changes.

    It may have become a replica, and the address that is behind ``engine`` may lead to another one by now.
    """
    is_disconnect = engine.dialect.is_disconnect

    def is_of_no_use(error: Any, connection: Any, cursor: Any) -> bool:
        read_only = _number(error) in _MYSQL_READ_ONLY or getattr(error, "pgcode", None) == _POSTGRESQL_READ_ONLY
        return read_only or is_disconnect(error, connection, cursor)

    engine.dialect.is_disconnect = is_of_no_use  # type: ignore[method-assign, assignment]


def is_lock_timeout(error: BaseException | None) -> bool:
    """Return whether a server of MySQL or MariaDB has given up to wait for a lock; oslo.db calls that a deadlock."""
    return _number(getattr(error, "orig", None)) == _MYSQL_LOCK_TIMEOUT


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
