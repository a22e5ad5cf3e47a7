import pathlib
import sqlite3

import pytest

from tests.unit.agent.builders import ids
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.agent.store import Store
from vethagent.model import Mode

A, B, C = ids(3)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    return str(tmp_path / "not" / "there" / "agent.sqlite")


def test_an_empty_store(path: str) -> None:
    store = Store(path)
    assert (store.links(), store.removed(), store.mode()) == ([], [], Mode.ENFORCE)


def test_what_was_saved_is_there_without_a_goodbye(path: str) -> None:
    killed = Store(path)
    first, second = link(id=A, mtu=1400), link(id=B, end1={"tag": 7})
    killed.save(wanted=[(first, None), (second, 1500)], removed=[(C, 4, first)])
    killed.save_mode(Mode.OBSERVE)
    again = Store(path)
    assert sorted(again.links(), key=lambda item: item[0].id) == [(first, None), (second, 1500)]
    assert again.removed() == [(C, 4, first, False)]
    assert again.mode() is Mode.OBSERVE


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
    assert {row[0] for row in store.removed()} == {B}


def test_the_file_of_a_newer_version_is_left_alone(path: str) -> None:
    Store(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(exceptions.StoreUnusable, match="newer version"):
        Store(path)


@pytest.mark.parametrize("content", [b"not a database, not at all" * 100, None])
def test_what_is_no_database_is_refused_with_the_path(tmp_path: pathlib.Path, content: bytes | None) -> None:
    file = tmp_path / "agent.sqlite"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(exceptions.StoreUnusable, match=r"agent\.sqlite"):
        Store(str(file))


def test_faces_are_kept(path: str) -> None:
    store = Store(path)
    assert store.faces() == {}
    store.save_faces({"192.0.2.1": "0e:00:00:00:00:01"})
    assert Store(path).faces() == {"192.0.2.1": "0e:00:00:00:00:01"}
