import concurrent.futures
import contextlib
import multiprocessing
import pathlib
import sqlite3
import subprocess
import sys
import threading

import oslo_db.exception
import pytest
import sqlalchemy

from tests.unit.clocks import Clock
from tests.unit.controller import fakes
from tests.unit.controller.conftest import count
from vethagent import exceptions
from vethagent.controller.db import database as database_module
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database, retried
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness


def test_upgrade_again_changes_nothing(url: str, database: Database) -> None:
    assert migration.upgrade(url) == migration.newest()
    assert migration.current(database) == migration.newest()
    migration.check(database)


def test_a_missing_file_is_told_and_not_made(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "none.sqlite"
    with pytest.raises(migration.SchemaMismatch, match="vethagent-manage db upgrade"):
        migration.check(Database(f"sqlite:///{path}"))
    assert not path.exists()


@pytest.mark.parametrize(("revision", "match"), [(None, "no tables yet"), ("9999", "newer than this program")])
def test_other_revisions_are_told(database: Database, revision: str | None, match: str) -> None:
    with database.connection() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM alembic_version"))
        if revision:
            connection.execute(sqlalchemy.text("INSERT INTO alembic_version VALUES (:found)"), {"found": revision})
    with pytest.raises(migration.SchemaMismatch, match=match):
        migration.check(database)


def test_upgrade_makes_the_folder(tmp_path: pathlib.Path) -> None:
    migration.upgrade(f"sqlite:///{tmp_path}/a/b/c.sqlite")
    assert (tmp_path / "a/b/c.sqlite").exists()
    (tmp_path / "file").touch()
    with pytest.raises(exceptions.DatabaseUnavailable, match="file"):
        migration.upgrade(f"sqlite:///{tmp_path}/file/c.sqlite")


def test_a_database_that_is_not_there(tmp_path: pathlib.Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/none/c.sqlite")
    with pytest.raises(exceptions.DatabaseUnavailable):
        database.ping()


def test_sqlite_settings(database: Database) -> None:
    with database.connection() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 1000}


#: A program, as what its threads are is decided by its first lines. It writes to the file that it is given, of which
#: somebody else has the lock until another thread of it has had a turn.
WAITING = """
import contextlib, sqlite3, sys, threading, time
from vethagent.cmd import bootstrap
bootstrap.choose(sys.argv[1])
import sqlalchemy
from vethagent.controller.db.database import Database

database, other = Database("sqlite:///" + sys.argv[2]), sqlite3.connect(sys.argv[2], isolation_level=None, timeout=0)
other.execute("BEGIN EXCLUSIVE")
asked = threading.Event()

@sqlalchemy.event.listens_for(database._writing, "begin", insert=True)
def begin(connection):
    asked.set()

def write():
    with database.writer() as session:
        print("written", session.execute(sqlalchemy.text("DELETE FROM agents")).rowcount)

writing = threading.Thread(target=write)
writing.start()
asked.wait()
time.sleep(0)
other.execute("ROLLBACK")
writing.join()
database.close()
"""


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
@pytest.mark.usefixtures("known")
def test_nothing_else_waits_for_the_lock_of_another_process(
    database: Database, tmp_path: pathlib.Path, concurrency: str
) -> None:
    arguments = [concurrency, str(tmp_path / "controller.sqlite")]
    command = [sys.executable, "-W", "ignore", "-c", WAITING, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "written 1\n", done.stderr


def test_a_lock_that_stays_is_told(database: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_LOCKED", 0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "controller.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(exceptions.DatabaseUnavailable, match="locked"), database.connection():
            pass
        database.ping()
        other.execute("ROLLBACK")
    with database.connection():
        pass


class SlowTurn(Clock):
    """The lock of the turn, too: it is had just before it is given up."""

    def acquire(self, timeout: float) -> bool:
        self.now += timeout * 0.9
        return True

    def release(self) -> None:
        pass


def test_the_turn_and_the_lock_of_another_process_do_not_add_up(
    database: Database, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = SlowTurn()
    begun = turn.now
    monkeypatch.setattr(database_module, "time", turn)
    monkeypatch.setattr(database._write_turn, "_lock", turn)
    with contextlib.closing(sqlite3.connect(tmp_path / "controller.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(exceptions.DatabaseUnavailable, match="locked"), database.connection():
            pass
        other.execute("ROLLBACK")
    assert turn.now - begun == pytest.approx(database_module._LOCKED, abs=database_module._PAUSE)


def test_a_failed_transaction_leaves_nothing(database: Database, known: str) -> None:
    with pytest.raises(RuntimeError), database.writer() as session:
        session.execute(sqlalchemy.delete(models.Agent))
        raise RuntimeError
    assert count(database, models.Agent) == 1


def test_deadlocks_are_tried_again_and_then_told() -> None:
    tries = []

    @retried
    def once_more() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise oslo_db.exception.DBDeadlock()
        return len(tries)

    assert once_more() == 3

    @retried
    def never() -> None:
        raise oslo_db.exception.RetryRequest(oslo_db.exception.DBDeadlock(ValueError("locked")))

    with pytest.raises(exceptions.DatabaseUnavailable):
        never()


def test_threads_take_each_event_once(database: Database, events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    barrier = threading.Barrier(4)

    def store(_number: int) -> int:
        barrier.wait()
        return sum(len(events.store(fakes.batch([fakes.event(link.id, seq)]))) for seq in range(20))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(store, range(4))) == count(database, models.PortEvent)
    assert links.show(link.id).status == "ACTIVE"


def _store_many(url: str, host: str) -> None:
    events = Events(Database(url), Liveness(75))
    for seq in range(30):
        events.store(fakes.batch([fakes.event(fakes.STREAM, seq)], host=host))


def test_processes_share_one_file(url: str, database: Database) -> None:
    hosts = ("h1", "h2", "h3")
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(3, mp_context=context) as pool:
        for done in [pool.submit(_store_many, url, host) for host in hosts]:
            done.result()
    assert count(database, models.PortEvent) == 90


def test_one_of_two_with_the_same_name_is_refused(links: Links, known: str) -> None:
    barrier = threading.Barrier(2)

    def create(number: int) -> str:
        barrier.wait()
        try:
            return links.create(fakes.CONTEXT, fakes.body(name="seed")).id
        except exceptions.VethagentError as error:
            return error.code

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert "NAME_CONFLICT" in list(pool.map(create, range(2)))


def test_the_database_itself_refuses_a_device_twice(database: Database, links: Links, known: str) -> None:
    links.create(fakes.CONTEXT, fakes.body())
    other = links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    with pytest.raises(oslo_db.exception.DBDuplicateEntry), database.writer() as session:
        session.execute(
            sqlalchemy.update(models.LinkEnd)
            .where(models.LinkEnd.link_id == other.id, models.LinkEnd.position == 0)
            .values(device="phy-br1")
        )
