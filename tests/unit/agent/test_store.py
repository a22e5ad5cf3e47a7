import contextlib
import os
import pathlib
import shutil
import sqlite3

import pytest

from tests.unit.agent.builders import ids
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.agent.desired import Desired
from vethagent.agent.standing import Standing
from vethagent.agent.store import Store
from vethagent.model import HostState, LinkRef, Mode

A, B, C = ids(3)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "not" / "there" / "agent.sqlite")


def test_an_empty_store(path: str) -> None:
    store = Store(path)
    assert (store.links(), store.removed(), store.mode()) == ([], [], Mode.ENFORCE)


def test_what_was_saved_is_there_without_a_goodbye(path: str) -> None:
    killed = Store(path)
    first, second, third = link(id=A, mtu=1400), link(id=B, end1={"tag": 7}), link(id=C)
    killed.save(wanted=[(first, None), (second, 1500)], removed=[(C, 4, third)])
    killed.save_mode(Mode.OBSERVE)
    again = Store(path)
    assert sorted(again.links(), key=lambda item: item[0].id) == [(first, None), (second, 1500)]
    assert again.removed() == [(C, 4, third, False)]
    assert again.mode() is Mode.OBSERVE


def test_what_was_found_by_the_look_for_damage_is_not_taken_for_what_is_there_later(path: str) -> None:
    store = Store(path)
    store.save(wanted=[(link(id=A), None)])
    assert [each.id for each, _ in store.links()] == [A]
    again = Store(path)
    again.save(gone=[(A, 2)])
    assert again.links() == []


def test_it_can_be_opened_without_a_look_at_what_is_in_it(path: str) -> None:
    store = Store(path)
    store._db.execute("REPLACE INTO link VALUES (?, 'no link', NULL)", (A,))
    store.close()
    tried = Store(path, read=False)
    assert tried.damage is None
    tried.close()
    assert Store(path).damage is not None


def test_a_link_is_wanted_or_removed_and_never_both(path: str) -> None:
    store = Store(path)
    wanted = link(id=A, generation=1)
    store.save(wanted=[(wanted, None)])
    store.save(removed=[(A, 2, wanted)])
    assert store.links() == [] and store.removed() == [(A, 2, wanted, False)]
    store.save(gone=[(A, 2)])
    assert store.removed() == [(A, 2, None, True)]
    store.save(wanted=[(link(id=A, generation=3), 1500)])
    assert store.removed() == [] and len(store.links()) == 1
    store.save(gone=[(A, 4)])
    assert store.links() == [] and store.removed() == [(A, 4, None, True)]


def test_all_or_none_is_saved(path: str) -> None:
    store = Store(path)
    with pytest.raises(Exception):  # noqa: B017 - whatever it is
        store.save(wanted=[(link(id=A), None)], removed=[(B, object(), None)])  # type: ignore[list-item]
    assert store.links() == []
    store.save(wanted=[(link(id=A), None)])
    assert len(Store(path).links()) == 1


def test_what_went_long_ago_is_forgotten(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(path)
    monkeypatch.setattr("vethagent.agent.store.time.time", lambda: 1_000_000.0)
    store.save(gone=[(A, 1)])
    monkeypatch.setattr("vethagent.agent.store.time.time", lambda: 1_000_000.0 + 6 * 86400)
    store.save(gone=[(B, 1)])
    assert {row[0] for row in store.removed()} == {A, B}
    monkeypatch.setattr("vethagent.agent.store.time.time", lambda: 1_000_000.0 + 8 * 86400)
    assert store.forget() == {A}
    assert {row[0] for row in store.removed()} == {B}


def test_what_went_first_is_forgotten_first(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(path)
    for now, link_id in enumerate((B, A)):
        monkeypatch.setattr("vethagent.agent.store.time.time", lambda now=now: 1_000_000.0 + now)
        store.save(gone=[(link_id, 1)])
    assert [row[0] for row in Store(path).removed()] == [B, A]
    assert store.forget([B]) == {B}
    assert [row[0] for row in Store(path).removed()] == [A]


def test_the_file_of_a_newer_version_is_set_aside_as_it_was(path: str) -> None:
    """Who goes back to an older version is not left without an agent, and can go forward again."""
    pathlib.Path(path).parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.executescript("CREATE TABLE link (all_new TEXT); PRAGMA user_version = 99;")
    store = Store(path)
    assert store.links() == []
    assert store.damage is not None
    assert "newer version (99, known is 1)" in store.damage
    (aside,) = pathlib.Path(path).parent.glob("agent.sqlite.newer-*Z")
    assert str(aside) in store.damage
    with contextlib.closing(sqlite3.connect(aside)) as kept:
        assert kept.execute("PRAGMA user_version").fetchone() == (99,)
    store.mended()
    store.close()
    assert Store(path).damage is None


def test_a_link_that_only_a_newer_version_understands_is_no_damage(path: str) -> None:
    store = Store(path)
    store.save(wanted=[(link(id=A), None)], removed=[(B, 2, link(id=B))])
    newer = """json_set(json_remove(body, '$.crc32'), '$.version', '1.99', '$.ends[0].kind', 'vpp')"""
    store._db.execute(f"UPDATE removed SET body = {newer}")
    store.close()
    again = Store(path)
    assert again.damage is not None
    assert f"has a link that only a newer version understands ({B}: ends.0.kind" in again.damage
    assert str(next(pathlib.Path(path).parent.glob("agent.sqlite.newer-*Z"))) in again.damage
    again.mended()
    again.save(wanted=[(link(id=A), None)])
    again._db.execute("UPDATE link SET body = json_set(json_remove(body, '$.crc32'), '$.ends[0].kind', 'vpp')")
    again.close()
    assert "was damaged" in str(Store(path).damage)


def test_a_file_that_is_deleted_is_made_anew(path: str) -> None:
    store = Store(path)
    for file in pathlib.Path(path).parent.glob("agent.sqlite*"):
        file.unlink()
    with pytest.raises(exceptions.StoreLost, match="deleted"):
        store.save(wanted=[(link(id=A), None)])
    store.save(wanted=[(link(id=A), None)])
    store.close()
    again = Store(path)
    assert [wanted for wanted, _ in again.links()] == [link(id=A)]
    assert again.damage is not None
    assert "the old one" not in again.damage


def test_a_file_whose_log_is_deleted_is_made_anew(path: str) -> None:
    """What is written into that goes with the process."""
    store = Store(path)
    store.save(wanted=[(link(id=A), None)])
    os.unlink(f"{path}-wal")
    with pytest.raises(exceptions.StoreLost):
        store.save(wanted=[(link(id=B), None)])
    store.save(wanted=[(link(id=B), None)])
    assert [each.id for each, _ in Store(path).links()] == [B]


def test_a_file_whose_folder_is_deleted_is_made_anew(path: str) -> None:
    store = Store(path)
    folder = pathlib.Path(path).parent
    shutil.rmtree(folder)
    folder.touch()
    with pytest.raises(exceptions.StoreUnusable):
        store.save(wanted=[(link(id=A), None)])
    folder.unlink()
    with pytest.raises(exceptions.StoreLost):
        store.save(wanted=[(link(id=A), None)])
    store.save(wanted=[(link(id=A), None)])
    assert [each.id for each, _ in Store(path).links()] == [A]


def test_a_file_that_somebody_has_replaced_is_made_anew(path: str) -> None:
    """As by a copy from a backup; the one that is written to would be gone with the process."""
    desired = Desired(Store(path))
    desired.put(link(id=A))
    desired.flush()
    shutil.copy(path, f"{path}.copy")
    os.replace(f"{path}.copy", path)
    desired.put(link(id=B))
    with pytest.raises(exceptions.StoreLost, match="replaced"):
        desired.flush()
    desired.flush()
    assert desired.mendable, "all that was lost is known"
    assert {each.id for each, _ in Store(path).links()} == {A, B}
    desired.mend()
    assert desired.damage is None and Store(path).damage is None


def test_a_pipe_in_its_place_is_not_read(path: str) -> None:
    desired = Desired(Store(path))
    os.unlink(path)
    os.mkfifo(path)
    desired.put(link(id=A))
    with pytest.raises(exceptions.StoreLost, match="replaced"):
        desired.flush()
    desired.flush()
    assert [each.id for each, _ in Store(path).links()] == [A]


def test_what_cannot_be_a_file_is_refused_with_the_path(tmp_path: pathlib.Path) -> None:
    (tmp_path / "agent.sqlite").mkdir()
    with pytest.raises(exceptions.StoreUnusable, match=r"agent\.sqlite"):
        Store(str(tmp_path / "agent.sqlite"))


def test_the_lock_of_somebody_is_not_waited_for(path: str) -> None:
    store = Store(path)
    assert store._db.execute("PRAGMA busy_timeout").fetchone() == (20,)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN EXCLUSIVE")
        with pytest.raises(exceptions.StoreUnusable, match="locked"):
            store.save_mode(Mode.OBSERVE)
        assert store.damage is None
    store.save_mode(Mode.PAUSED)
    assert Store(path).mode() is Mode.PAUSED


def test_faces_are_kept(path: str) -> None:
    store = Store(path)
    assert store.faces() == {}
    store.save_faces({"192.0.2.1": "0e:00:00:00:00:01"})
    assert Store(path).faces() == {"192.0.2.1": "0e:00:00:00:00:01"}


def test_what_was_delivered_is_kept_and_goes_with_its_link(path: str) -> None:
    store = Store(path)
    first, second = link(id=A), link(id=B)
    store.save(wanted=[(first, None), (second, None)])
    store.save_delivered({A: "0" * 32, B: "0" * 32})
    store.save_delivered({A: "f" * 32})
    assert Store(path).delivered() == {A: "f" * 32, B: "0" * 32}
    store.save(gone=[(A, 2)])
    assert Store(path).delivered() == {B: "0" * 32}


def test_of_links_that_are_not_wanted_nothing_is_kept_as_delivered(path: str) -> None:
    desired = Desired(Store(path))
    desired.put(link(id=A))
    desired.keep_delivered({A: "0" * 32, B: "0" * 32})
    assert Store(path).delivered() == {A: "0" * 32}


def test_a_file_that_is_found_lost_when_something_was_delivered_is_written_anew(path: str) -> None:
    desired = Desired(Store(path))
    desired.put(link(id=A))
    desired.flush()
    for file in pathlib.Path(path).parent.iterdir():
        file.unlink()
    desired.keep_delivered({A: "0" * 32})
    desired.flush()
    assert [found.id for found, _ in Store(path).links()] == [A]


def test_what_went_long_ago_is_forgotten_while_it_runs(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    desired = Desired(Store(path))
    for number, link_id in enumerate((A, B)):
        monkeypatch.setattr("vethagent.agent.store.time.time", lambda number=number: number * 8 * 86400.0)
        desired.put(link(id=link_id, generation=1))
        desired.remove(ref := LinkRef(link_id=link_id, generation=2))
        desired.gone(ref)
        desired.flush()
    assert {row[0] for row in Store(path).removed()} == {B}
    assert desired.put(link(id=A, generation=1)), "nor does it take memory"


def test_who_comes_after_the_end_damages_nothing(tmp_path: pathlib.Path) -> None:
    store = Store(str(tmp_path / "agent.sqlite"))
    store.close()
    with pytest.raises(exceptions.StoreUnusable):
        store.save_delivered({"a": "b"})
    assert [file.name for file in tmp_path.iterdir() if "damaged" in file.name] == []


def test_what_was_taken_back_stays_so_with_the_store_of_a_newer_version(path: str) -> None:
    newer = Desired(Store(path))
    for link_id, standing in ((A, Standing.HELD), (B, Standing.PROVEN), (C, Standing.HELD)):
        newer.put(link(id=link_id, generation=3))
        newer.set_standing(link_id, 3, standing)
    newer.flush()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA user_version = 99;")
    older = Desired(Store(path))
    assert older.ids() == set()
    wanted = link(id=A, generation=3), link(id=B, generation=3), link(id=C, generation=4)
    older.sync(HostState(host=wanted[0].host, links=wanted), older.begin_sync(), (), confirm=False)
    assert [older.standing(each.id) for each in wanted] == [Standing.HELD, Standing.NEW, Standing.NEW]
    older.flush()
    assert Desired(Store(path)).standing(A) is Standing.HELD
    older.remove(LinkRef(link_id=A, generation=3))
    older.flush()
    assert A not in Store(path).standings()


def test_a_link_of_which_a_change_was_taken_back_is_known_as_it_was_by_the_next_store(path: str) -> None:
    newer, before = Desired(Store(path)), link(id=A)
    newer.put(before)
    newer.set_standing(A, 1, Standing.PROVEN)
    newer.put(link(id=A, generation=2, mtu=1400))
    newer.set_standing(A, 2, Standing.HELD)
    newer.flush()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA user_version = 99; INSERT INTO earlier VALUES ('other', 'damaged');")
    next_one = Desired(Store(path))
    next_one.put(link(id=A, generation=2, mtu=1400))
    assert next_one.standing(A) is Standing.HELD and next_one.earlier(A) == before
    next_one.put(link(id=A, generation=3))
    assert next_one.standing(A) is Standing.NEW and next_one.earlier(A) == before
    next_one.set_standing(A, 3, Standing.PROVEN)
    next_one.flush()
    assert next_one.earlier(A) is None and A not in Store(path).earlier()


def test_what_only_a_newer_version_knows_stops_no_start(path: str) -> None:
    store = Store(path)
    store.save(wanted=[(link(id=A), None)], standings={A: (1, Standing.HELD)})
    store._db.execute("UPDATE standing SET value = 'asleep'")
    store._save_setting("mode", "asleep")
    desired = Desired(Store(path))
    assert desired.standing(A) is Standing.NEW
    assert desired.mode is Mode.OBSERVE
