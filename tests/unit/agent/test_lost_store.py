"""A store that is lost and made anew."""

import contextlib
import functools
import pathlib
import sqlite3
from collections.abc import Callable

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.agent.desired import Desired
from vethagent.agent.standing import Standing
from vethagent.agent.store import Store
from vethagent.model import Mode

A, B = ids(2)


def test_a_lost_store_is_told_of_until_it_was_reported_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """Nothing happens to a link meanwhile."""
    node = Node(monkeypatch)
    node.store = Store(str(tmp_path / "agent.sqlite"))
    node.boot()
    node.desired.put(link())
    node.inbox.mark([link().id])
    node.settle()
    (tmp_path / "agent.sqlite").unlink()
    node.desired.keep_faces({"a": "b"})
    node.settle()
    for later, told in ((0.0, True), (1.0, True), (1.1, False)):
        node.now += later
        node.settle()
        assert node.health.is_bad("store") is told
    assert [each.id for each, _ in Store(str(tmp_path / "agent.sqlite")).links()] == [link().id]


def _is_no_database(file: pathlib.Path) -> None:
    file.write_bytes(b"not a database, not at all" * 100)


def _has_a_broken_page(file: pathlib.Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xff" * 4096)


def _has_a_broken_row(file: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("REPLACE INTO link VALUES ('x', 'not a link', NULL)")


#: One byte of a file may be enough for each of these: SQLite itself finds nothing wrong with it.
_WRONG = [
    "UPDATE link SET id = CAST(x'ff' AS TEXT)",
    "UPDATE link SET id = 'another'",
    "UPDATE link SET mtu = 'large'",
    "UPDATE link SET mtu = 1501",
    "UPDATE link SET body = replace(body, 'phy-br1', 'phy-br3')",
    "UPDATE link SET body = replace(body, 'device', 'devise')",
    "UPDATE removed SET generation = 'late'",
    "UPDATE delivered SET fingerprint = CAST(x'ff' AS TEXT)",
    "UPDATE standing SET value = CAST(x'ff' AS TEXT)",
    "UPDATE setting SET value = '{' WHERE name = 'faces'",
    "ALTER TABLE link RENAME COLUMN body TO bodx",
    "UPDATE earlier SET id = CAST(x'ff' AS TEXT)",
]


def _has(wrong: str, file: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        assert database.execute(wrong).rowcount


@pytest.mark.parametrize(
    "damage",
    [_is_no_database, _has_a_broken_page, _has_a_broken_row, *(functools.partial(_has, wrong) for wrong in _WRONG)],
    ids=["no database", "page", "row", *_WRONG],
)
def test_a_damaged_file_is_set_aside(tmp_path: pathlib.Path, damage: Callable[[pathlib.Path], None]) -> None:
    file = tmp_path / "agent.sqlite"
    store = Store(str(file))
    standings = {A: (1, Standing.PROVEN)}
    store.save(wanted=[(link(id=A), 1500)], removed=[(B, 2, None)], standings=standings, earlier={A: link(id=A)})
    store.save_delivered({A: "as it was"})
    store.save_faces({})
    store.close()
    damage(file)
    with contextlib.closing(Store(str(file))) as first:
        assert first.links() == [], "what is not in the new file may be taken for saved"
    again = Store(str(file))  # it is remembered until all is known again
    assert again.links() == []
    (aside,) = tmp_path.glob("agent.sqlite.damaged-*Z")
    assert aside.stat().st_size > 0
    assert again.damage is not None
    assert str(aside) in again.damage
    again.mended()
    assert again.damage is None
    again.close()
    assert Store(str(file)).damage is None


def test_a_file_that_breaks_while_it_is_open_is_set_aside(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "agent.sqlite"
    desired = Desired(Store(str(file)))
    wanted = [link(id=A), link(id=B)]
    desired.put(wanted[0])
    desired.set_mode(Mode.OBSERVE)
    desired.flush()
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _is_no_database(file)
    desired.put(wanted[1])
    with pytest.raises(exceptions.StoreLost):
        desired.flush()
    assert desired.damage is not None
    desired.flush()
    again = Store(str(file))
    assert sorted(again.links(), key=lambda row: row[0].id) == [(each, None) for each in wanted]
    assert again.mode() is Mode.OBSERVE


def test_what_cannot_be_known_of_the_time_before_is_no_damage_for_ever(tmp_path: pathlib.Path) -> None:
    """It is taken over from a damaged store as it is found there."""
    file = tmp_path / "agent.sqlite"
    store = Store(str(file))
    store.save(wanted=[(link(id=A), None)], earlier={A: link(id=A)})
    store.close()
    _has("UPDATE earlier SET id = 'another'", file)
    with contextlib.closing(Store(str(file))) as again:
        assert (again.earlier(), again.damage) == ({}, None)


def test_the_mode_of_a_damaged_store_holds_until_the_controller_tells_it(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "agent.sqlite"
    store = Store(str(file))
    store.save(wanted=[(link(id=A), None)])
    store.save_mode(Mode.PAUSED)
    store.close()
    _has("UPDATE link SET id = 'another'", file)
    with contextlib.closing(Store(str(file))) as again:
        assert (again.links(), again.mode()) == ([], Mode.PAUSED)


def test_tables_that_somebody_changes_while_they_are_open_are_set_aside(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "agent.sqlite")
    desired = Desired(Store(path))
    _has("ALTER TABLE link ADD COLUMN more TEXT", pathlib.Path(path))
    desired.put(wanted := link(id=A))
    with pytest.raises(exceptions.StoreLost):
        desired.flush()
    desired.flush()
    assert Store(path).links() == [(wanted, None)]
