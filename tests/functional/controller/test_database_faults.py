"""A database that is there and does not do its work is told as such, and nothing is lost or counted twice by it."""

import concurrent.futures
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy
from sqlalchemy import event

from tests.functional.controller.site import Site
from tests.support import commands, databases
from tests.unit.controller import fakes
from vethagent import exceptions
from vethagent.controller.db import models, patience
from vethagent.controller.db.database import Database, retried
from vethagent.controller.db.patience import Limits
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports

Statement = Callable[[str], object]


@pytest.fixture
def run(url: str) -> Iterator[Statement]:
    """Does a statement as somebody else who may do all."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection.exec_driver_sql
    engine.dispose()


@pytest.fixture
def site(server: databases.DatabaseServer, url: str, known: str, liveness: Liveness) -> Iterator[Site]:
    made = Site(server.plain(url), liveness)
    yield made
    made.database.close()


_KILL = {
    databases.MariaDB: ("connection_id()", "KILL {}"),
    databases.PostgreSQL: ("pg_backend_pid()", "SELECT pg_terminate_backend({})"),
}


@contextlib.contextmanager
def _read_only(server: databases.DatabaseServer) -> Iterator[None]:
    """As a failover leaves it, and whoever is connected to it."""
    server.set_read_only(True)
    try:
        yield
    finally:
        server.set_read_only(False)


@contextlib.contextmanager
def _hanging(server: databases.DatabaseServer) -> Iterator[None]:
    """Its kernel takes connections and what is sent, and nobody answers."""
    pids = [server.daemon.pid, *server.children()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def _locked(server: databases.DatabaseServer, url: str) -> Iterator[None]:
    """Somebody has begun a transaction over all links and agents and does not end it."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        for table in ("agents", "bridge_links"):
            connection.exec_driver_sql(f"SELECT * FROM {table} FOR UPDATE")
        yield
    engine.dispose()


_LOCK_TABLES = {
    databases.MariaDB: "LOCK TABLES agents WRITE, bridge_links WRITE, event_streams WRITE",
    databases.PostgreSQL: "LOCK TABLE agents, bridge_links, event_streams IN ACCESS EXCLUSIVE MODE",
}
#: How many wait for it, as the server knows.
_WAITING = {
    databases.MariaDB: "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%%'",
    databases.PostgreSQL: "SELECT COUNT(*) FROM pg_locks WHERE NOT granted",
}


@contextlib.contextmanager
def _locked_tables(server: databases.DatabaseServer, url: str) -> Iterator[Callable[[], int]]:
    """Somebody has locked whole tables, as for a backup; it yields what counts those who wait for that."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(_LOCK_TABLES[type(server)])
        yield lambda: int(connection.exec_driver_sql(_WAITING[type(server)]).scalar_one())
        connection.rollback()
        if isinstance(server, databases.MariaDB):
            connection.exec_driver_sql("UNLOCK TABLES")
    engine.dispose()


def test_read_only(server: databases.DatabaseServer, site: Site) -> None:
    with _read_only(server):
        site.check_request()
        site.check_event()
        assert site.list().status_code == 200
    site.check()


@pytest.mark.parametrize(("seconds", "renewed"), [(3600, 1), (0, 8)])
def test_reads_of_a_server_that_is_read_only(
    server: databases.DatabaseServer, site: Site, seconds: float, renewed: int
) -> None:
    made: list[object] = []
    engine = site.database._engine
    patience.look_for_another(engine, seconds)
    with _read_only(server):
        event.listen(engine, "connect", lambda *_: made.append(_))
        answers = [site.list().status_code for _ in range(8)]
    assert answers == [200] * 8
    assert len(made) == renewed
    site.check()


def test_it_hangs(server: databases.DatabaseServer, url: str, known: str, liveness: Liveness) -> None:
    site = Site(url, liveness, Limits(answer=4))
    with _hanging(server):
        site.check_request()  # for both by a connection that was there, and then by a new one
    site.check()
    site.database.close()


def test_somebody_holds_locks(server: databases.DatabaseServer, site: Site, url: str) -> None:
    with _locked(server, url):
        site.check_request()
        site.check_event()
        assert site.list().status_code == 200
    site.check()


def test_tables_are_locked(server: databases.DatabaseServer, site: Site, url: str) -> None:
    with _locked_tables(server, url) as waiting:
        site.check_request()
        site.check_event()
        assert site.list().status_code == 503
        assert waiting() == 0, "given up by the server, which would have the tables wait for those who left"
    site.check()


def test_a_process_stands_still_in_a_transaction(site: Site, url: str) -> None:
    """It is stopped, or its machine has gone without a word: the server would wait for it for hours."""
    other = Database(url, limits=Limits(lock=1, idle=3))
    with pytest.raises(exceptions.DatabaseUnavailable), other.writer() as session:
        site.store_in(session)
        site.check_event()
        commands.wait_until(lambda: _is_stored(site), what="the end of its locks")
    other.close()
    assert site.store() == 0


def _is_stored(site: Site) -> bool:
    with contextlib.suppress(exceptions.DatabaseUnavailable):
        return site.store() == 1
    return False


@pytest.mark.parametrize(
    ("gone", "back"),
    [
        ("bridge_links RENAME TO restored", "restored RENAME TO bridge_links"),
        ("event_streams RENAME COLUMN seq TO restored", "event_streams RENAME COLUMN restored TO seq"),
    ],
)
def test_tables_are_made_anew(site: Site, run: Statement, gone: str, back: str) -> None:
    """A dump is restored, or a release taken back, while all runs."""
    run(f"ALTER TABLE {gone}")
    try:
        site.check_event()
    finally:
        run(f"ALTER TABLE {back}")
    site.check()


_TROUBLE = {
    databases.MariaDB: "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 3, MESSAGE_TEXT = 'Error writing file (Errcode: 28)'",
    databases.PostgreSQL: "DO $$ BEGIN RAISE 'invalid page in block 0' USING ERRCODE = 'XX001'; END $$",
}


def test_it_has_trouble_of_its_own(server: databases.DatabaseServer, site: Site) -> None:
    """As with no room for a temporary file, or with a disk that loses what it is given."""
    with pytest.raises(exceptions.DatabaseUnavailable), site.database.writer() as session:
        site.store_in(session)
        session.connection().exec_driver_sql(_TROUBLE[type(server)])
    site.check()


_RIGHTS = {
    databases.MariaDB: ("bare@localhost", ["{name}.*"]),
    databases.PostgreSQL: ("bare", ["ALL TABLES IN SCHEMA public", "ALL SEQUENCES IN SCHEMA public"]),
}


def test_rights_are_missing(
    server: databases.DatabaseServer, url: str, run: Statement, known: str, liveness: Liveness
) -> None:
    """As after somebody else has restored a dump."""
    made, (user, tables) = sqlalchemy.make_url(url), _RIGHTS[type(server)]

    def change(statement: str) -> None:
        for named in tables:
            run(statement.format(named.format(name=made.database), user))

    run(f"CREATE USER {user}")
    change("GRANT ALL ON {} TO {}")
    try:
        site = Site(made.set(username="bare").render_as_string(), liveness)
        change("REVOKE ALL ON {} FROM {}")
        site.database.close()  # what MariaDB has let in keeps its rights
        site.check_request()
        site.check_event()
        change("GRANT ALL ON {} TO {}")
        site.check()
        site.database.close()
    finally:
        change("REVOKE ALL ON {} FROM {}")
        run(f"DROP USER {user}")


def test_no_connection_is_left(site: Site) -> None:
    with contextlib.ExitStack() as others:
        for _ in range(2):
            others.enter_context(site.database.reader()).execute(sqlalchemy.text("SELECT 1"))
        site.check_request()
        site.check_event()
        assert site.list().status_code == 503
    site.check()


def test_a_connection_is_killed_in_a_transaction(server: databases.DatabaseServer, site: Site, run: Statement) -> None:
    own, kill = _KILL[type(server)]
    with pytest.raises(exceptions.DatabaseUnavailable), site.database.writer() as session:
        site.store_in(session)
        run(kill.format(session.scalar(sqlalchemy.text(f"SELECT {own}"))))
    site.check()


@pytest.mark.parametrize("nested", [False, True])
def test_a_deadlock_is_tried_again(url: str, known: str, liveness: Liveness, nested: bool) -> None:
    """Also within a savepoint, which MariaDB rolls back with all the rest."""
    database, hosts = Database(url), (known, "h2")
    Reports(database, liveness).take(fakes.report("h2"))
    met, tries = threading.Barrier(2), []

    @retried
    def take(order: Sequence[str]) -> None:
        tries.append(order)
        with database.writer() as session, session.begin_nested() if nested else contextlib.nullcontext():
            for host in order:
                session.execute(sqlalchemy.select(models.Agent).where(models.Agent.host == host).with_for_update())
                if len(tries) <= 2 and host == order[0]:
                    met.wait(30)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(take, order) for order in (hosts, hosts[::-1])]:
            done.result()
    database.close()
    assert len(tries) == 3


@pytest.fixture
def strict(server: databases.DatabaseServer) -> Iterator[None]:
    """MariaDB refuses locks of what others have changed, as since 11.6; no other server does."""
    is_strict = isinstance(server, databases.MariaDB)
    server.run(*["SET GLOBAL innodb_snapshot_isolation = ON"] * is_strict)
    yield
    server.run(*["SET GLOBAL innodb_snapshot_isolation = OFF"] * is_strict)


@pytest.mark.usefixtures("strict")
def test_what_others_have_committed_is_seen_by_who_locks_it(url: str, known: str) -> None:
    database = Database(url)
    agent = sqlalchemy.select(models.Agent.mode).where(models.Agent.host == known)
    with database.writer() as session:
        session.execute(agent)
        with database.writer() as other:
            other.execute(sqlalchemy.update(models.Agent).values(mode="paused"))
        assert session.scalar(agent.with_for_update()) == "paused"
    database.close()
