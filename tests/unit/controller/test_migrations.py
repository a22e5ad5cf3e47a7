"""Each way from one revision to another, with rows in the tables."""

import contextlib
import datetime
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.unit.controller import fakes
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import EventQuery

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 678)
LINK = str(uuid.UUID(int=5))
EVENTS = 3

#: Rows as the program of revision 0001 wrote them.
ROWS: dict[str, list[dict[str, Any]]] = {
    "agents": [
        {
            **dict.fromkeys(("agent_version", "contract_version"), "1.0"),
            **dict.fromkeys(("desired_digest", "observed_digest"), "0" * 32),
            **dict.fromkeys(("mode", "reported_mode"), "enforce"),
            **dict.fromkeys(("started_at", "reported_at"), NOW),
            **{name: {} for name in ("links", "counters")},
            **{"host": "h1", "report_interval": 30.0, "ready": True, "health": [], "incarnation": fakes.STREAM},
        }
    ],
    "bridge_links": [
        {
            **{"id": LINK, "host": "h1", "name": "seed", "mtu": 1400, "adopt": False, "allow_loop": True},
            **{"admin_state_up": True, "generation": 2, "request_id": "req-1", "status": "ACTIVE", "reason": ""},
            **{"message": "", "observed_generation": 2, "reported_status": "ACTIVE", "reported_reason": ""},
            **{"observed": [], "differences": []},
            **dict.fromkeys(("created_at", "updated_at", "status_changed_at"), NOW),
        }
    ],
    "link_ends": [
        {"link_id": LINK, "position": 0, "host": "h1", "bridge": "br1", "kind": "linux", "device": "a"},
        {"link_id": LINK, "position": 1, "host": "h1", "bridge": "br2", "kind": "ovs", "device": "b"},
    ],
    "port_events": [
        {
            **{"host": "h1", "link_id": LINK, "seq": seq, "kind": "changed", "generation": 2, "status": "ACTIVE"},
            **{"reason": "", "message": "", "repaired": [], "differences": [], "ends": []},
            **{"observed_at": NOW, "received_at": NOW},
        }
        for seq in range(EVENTS)
    ],
}


@pytest.fixture
def first(empty_url: str) -> Iterator[Database]:
    """A database of revision 0001, with something in every table."""
    migration.upgrade(empty_url, "0001")
    database = Database(empty_url)
    metadata = sqlalchemy.MetaData()
    with database.connection() as connection:
        metadata.reflect(connection)
        for name, rows in ROWS.items():
            connection.execute(sqlalchemy.insert(_with_json(metadata.tables[name])), rows)
    yield database
    database.close()


def _with_json(table: sqlalchemy.Table) -> sqlalchemy.Table:
    """MariaDB's JSON is text, as far as reflection can see."""
    for column in models.Base.metadata.tables[table.name].columns:
        if isinstance(column.type, sqlalchemy.JSON) and column.name in table.columns:
            table.columns[column.name].type = column.type
    return table


def test_what_migrations_make_is_what_the_models_say(database: Database) -> None:
    with database.connection() as connection:
        found = compare_metadata(MigrationContext.configure(connection), models.Base.metadata)
    assert found == []


def test_nothing_is_lost_on_the_way_up(first: Database, empty_url: str) -> None:
    assert migration.upgrade(empty_url) == migration.newest()
    liveness = Liveness(75, lambda: fakes.START)
    link = Links(first, fakes.AgentApi(), liveness).show(LINK)  # type: ignore[arg-type]
    assert (link.name, link.status, [end.device for end in link.ends]) == ("seed", "ACTIVE", ["a", "b"])
    events = Events(first, liveness)
    ids = [event.id for event in events.list(EventQuery())]
    events.store(fakes.batch([fakes.event(LINK, 1)]))
    assert (len(ids), events.list(EventQuery())[-1].id) == (EVENTS, max(ids) + 1)


def test_every_step_down_and_up_again(first: Database, empty_url: str) -> None:
    migration.upgrade(empty_url)
    for revision in migration.revisions():
        migration.downgrade(empty_url, revision)
        assert migration.current(first) == revision
        migration.upgrade(empty_url)
    migration.downgrade(empty_url, "0001")
    metadata = sqlalchemy.MetaData()
    with first.connection() as connection:
        metadata.reflect(connection)
        for name, rows in ROWS.items():
            count = sqlalchemy.select(sqlalchemy.func.count()).select_from(metadata.tables[name])
            assert connection.scalar(count) == len(rows)
        assert {*ROWS, "event_streams", "alembic_version"} == set(metadata.tables)


def test_several_at_once(empty_url: str) -> None:
    """As when each of the controllers' machines is set up by the same playbook."""
    program = "import sys; from vethagent.controller.db import migration; print(migration.upgrade(sys.argv[1]))"
    command = [sys.executable, "-c", program, empty_url]
    ways = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [(way.communicate(timeout=120), way.returncode) for way in ways]
    assert [(out, status) for (out, _), status in ends] == [(f"{migration.newest()}\n", 0)] * 3, ends


def test_a_missing_table_is_told(empty_url: str) -> None:
    """As when a part of a dump was restored."""
    migration.upgrade(empty_url)
    database = Database(empty_url)
    with contextlib.closing(database):
        migration.check(database)
        with database.connection() as connection:
            connection.execute(sqlalchemy.text("DROP TABLE template_members"))
        with pytest.raises(migration.SchemaMismatch, match="restore the whole database: template_members"):
            migration.check(database)
    with pytest.raises(migration.SchemaMismatch, match="restore the whole database: template_members"):
        migration.upgrade(empty_url)


def test_down_to_nothing(first: Database, empty_url: str) -> None:
    migration.downgrade(empty_url, "base")
    with first.connection() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == ["alembic_version"]


def test_down_is_not_up(first: Database, empty_url: str) -> None:
    with pytest.raises(migration.SchemaMismatch, match="revision 0001, which is older than 0005"):
        migration.downgrade(empty_url, "0005")
    assert migration.current(first) == "0001"


@pytest.mark.parametrize("revision", [None, "0001", "base"])
def test_tables_of_a_newer_program_are_left_to_it(first: Database, empty_url: str, revision: str | None) -> None:
    """Who goes back may have installed the older program too early."""
    migration.upgrade(empty_url)
    with first.connection() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migration.SchemaMismatch, match="revision 9999, which is newer than this program"):
        if revision is None:
            migration.upgrade(empty_url)
        else:
            migration.downgrade(empty_url, revision)
    assert migration.current(first) == "9999"
