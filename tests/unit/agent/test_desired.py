import pathlib
import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.builders import ids, ref
from tests.unit.plumbing.builders import link
from vethagent import model
from vethagent.agent.desired import Desired
from vethagent.agent.store import Store
from vethagent.model import Mode

A, B, C = ids(3)


def fresh() -> Desired:
    return Desired(Store(":memory:"))


@pytest.fixture
def desired() -> Desired:
    return fresh()


def host(*links: model.BridgeLink, deleted: tuple[model.LinkRef, ...] = ()) -> model.HostState:
    return model.HostState(host="h1", links=links, deleted=deleted)


def sync(desired: Desired, state: model.HostState, *owners: str, confirm: bool = True) -> set[str]:
    return desired.sync(state, desired.begin_sync(), owners, confirm=confirm)


def wanted(desired: Desired) -> dict[str, int]:
    links = {link_id: found.generation for link_id in desired.ids() if (found := desired.link(link_id))}
    assert desired.digest() == model.desired_digest(links.items())
    return links


def to_go(desired: Desired) -> dict[str, int]:
    return {link_id: found.ref.generation for link_id in desired.ids() if (found := desired.removal(link_id))}


# -- casts ---------------------------------------------------------------------------------------------------------


def test_the_newest_generation_counts(desired: Desired) -> None:
    assert desired.put(link(id=A, generation=3))
    assert not desired.put(link(id=A, generation=3, mtu=1400))
    assert not desired.put(link(id=A, generation=2))
    assert wanted(desired) == {A: 3} and desired.link(A) == link(id=A, generation=3)
    assert desired.put(link(id=A, generation=4, mtu=1400))
    assert desired.link(A) == link(id=A, generation=4, mtu=1400)


def test_a_removal_counts_as_of_its_generation(desired: Desired) -> None:
    desired.put(link(id=A, generation=3))
    assert not desired.remove(ref(A, 2))
    assert desired.remove(ref(A, 3))
    assert not desired.remove(ref(A, 3))
    assert not desired.put(link(id=A, generation=3))
    assert wanted(desired) == {} and to_go(desired) == {A: 3}
    removal = desired.removal(A)
    assert removal is not None and removal.link == link(id=A, generation=3)


def test_a_removal_that_comes_before_the_plug_wins(desired: Desired) -> None:
    assert desired.remove(ref(A, 3))
    assert not desired.put(link(id=A, generation=2))
    assert not desired.put(link(id=A, generation=3))
    assert wanted(desired) == {} and to_go(desired) == {A: 3}


def test_what_is_gone_does_not_come_back_by_a_late_cast(desired: Desired) -> None:
    desired.put(link(id=A, generation=1))
    desired.remove(ref(A, 2))
    desired.gone(ref(A, 2))
    assert desired.ids() == set()
    assert not desired.put(link(id=A, generation=1)) and not desired.put(link(id=A, generation=2))
    assert not desired.remove(ref(A, 2))
    assert desired.ids() == set()
    assert desired.put(link(id=A, generation=3))


def test_gone_is_believed_only_of_the_newest_removal(desired: Desired) -> None:
    desired.remove(ref(A, 2))
    desired.remove(ref(A, 5))
    desired.gone(ref(A, 2))
    assert to_go(desired) == {A: 5}
    desired.put(link(id=B))
    desired.gone(ref(B, 1))
    assert wanted(desired) == {B: 1}


def test_links_are_found_by_device_and_bridge(desired: Desired) -> None:
    desired.put(link(id=A))
    desired.put(link(id=B, end0={"device": "other"}, end1={"device": "e2", "bridge": "br9"}))
    assert desired.with_device("phy-br1") == {A} and desired.with_bridge("br1") == {A, B}
    desired.put(link(id=A, generation=2, end0={"device": "moved", "bridge": "br8"}))
    assert desired.with_device("phy-br1") == set() and desired.with_device("moved") == {A}
    assert desired.with_bridge("br1") == {B} and desired.with_bridge("br8") == {A}
    desired.remove(ref(B, 2))
    assert desired.with_bridge("br1") == desired.with_device("other") == set()
    desired.put(link(id=C))
    assert desired.with_bridge("br-eth1") == {A, C}


def test_the_settled_mtu_is_of_one_generation(desired: Desired) -> None:
    desired.settle_mtu(A, 1500)
    assert desired.settled_mtu(A) is None
    desired.put(link(id=A))
    desired.settle_mtu(A, 1500)
    assert desired.settled_mtu(A) == 1500
    desired.put(link(id=A, generation=2))
    assert desired.settled_mtu(A) is None


def test_a_mode_is_news_once(desired: Desired) -> None:
    assert not desired.set_mode(Mode.ENFORCE)
    assert desired.set_mode(Mode.PAUSED) and not desired.set_mode(Mode.PAUSED)
    assert desired.mode is Mode.PAUSED


# -- sync ----------------------------------------------------------------------------------------------------------


def test_a_sync_brings_what_was_lost(desired: Desired) -> None:
    desired.put(link(id=A, generation=1))
    desired.put(link(id=B, generation=1))
    dirty = sync(desired, host(link(id=A, generation=2), link(id=C), deleted=(ref(B, 2),)))
    assert dirty == {A, B, C} and wanted(desired) == {A: 2, C: 1} and to_go(desired) == {B: 2}
    assert sync(desired, host(link(id=A, generation=2), link(id=C))) == set()


def test_what_a_cast_changed_meanwhile_is_newer_than_the_answer(desired: Desired) -> None:
    desired.put(link(id=A, generation=1))
    desired.put(link(id=B, generation=1))
    token = desired.begin_sync()
    desired.put(link(id=A, generation=2))
    desired.remove(ref(B, 2))
    desired.put(link(id=C, generation=1))
    state = host(link(id=A, generation=1), link(id=B, generation=1))
    assert desired.sync(state, token, (), confirm=True) == set()
    assert wanted(desired) == {A: 2, C: 1} and to_go(desired) == {B: 2}
    assert not desired.suspects
    desired.sync(state, token, (), confirm=True)
    assert wanted(desired)[A] == 1, "the next answer counts again"


def test_a_controller_that_went_back_in_time_is_believed(desired: Desired) -> None:
    desired.put(link(id=A, generation=9))
    assert sync(desired, host(link(id=A, generation=4))) == {A}
    assert wanted(desired) == {A: 4}


def test_what_the_controller_waits_to_see_gone_is_said_again(desired: Desired) -> None:
    desired.remove(ref(A, 2))
    desired.gone(ref(A, 2))
    assert sync(desired, host(deleted=(ref(A, 2),))) == {A}
    assert to_go(desired) == {A: 2}


def test_what_the_controller_does_not_know_goes_only_when_that_is_confirmed(desired: Desired) -> None:
    desired.put(link(id=A, generation=7))
    desired.put(link(id=B))
    assert sync(desired, host()) == set() and desired.suspects
    assert sync(desired, host(), confirm=False) == set() and wanted(desired) == {A: 7, B: 1}
    assert sync(desired, host(link(id=B)), confirm=True) == {A}
    assert to_go(desired) == {A: 7} and wanted(desired) == {B: 1} and not desired.suspects


@pytest.mark.parametrize("confirm", [True, False])
def test_a_controller_that_remembers_in_time_loses_nothing(desired: Desired, *, confirm: bool) -> None:
    desired.put(link(id=A))
    sync(desired, host())
    assert sync(desired, host(link(id=A)), confirm=confirm) == set()
    assert not desired.suspects
    assert sync(desired, host()) == set(), "suspicion begins anew"


def test_what_became_unknown_later_waits_for_its_own_confirmation(desired: Desired) -> None:
    desired.put(link(id=A))
    desired.put(link(id=B))
    sync(desired, host(link(id=B)))
    assert sync(desired, host(), confirm=False) == set()
    assert sync(desired, host(), confirm=True) == {A}
    assert wanted(desired) == {B: 1} and desired.suspects
    assert sync(desired, host(), confirm=True) == {B}


def test_a_mark_that_nobody_knows_goes_when_that_is_confirmed(desired: Desired) -> None:
    assert sync(desired, host(), A) == set()
    assert sync(desired, host(), A, confirm=False) == set()
    assert sync(desired, host(), A) == {A}
    removal = desired.removal(A)
    assert removal is not None and removal.link is None


def test_marks_of_what_is_wanted_or_to_go_are_known(desired: Desired) -> None:
    desired.put(link(id=A))
    desired.remove(ref(B, 1))
    sync(desired, host(link(id=A), deleted=(ref(B, 1),)), A, B)
    assert not desired.suspects


# -- what a newer controller wants ---------------------------------------------------------------------------------


def unread(link_id: str = A, generation: int = 2) -> model.UnreadLink:
    return model.UnreadLink(id=link_id, host="h1", generation=generation, why="ends.0.kind: input should be …")


def newer(*links: model.UnreadLink, beside: tuple[model.BridgeLink, ...] = ()) -> model.HostState:
    return model.HostState(host="h1", links=beside, unread=links)


def test_what_is_not_understood_is_held_as_wanted(desired: Desired) -> None:
    desired.put(link(id=A, generation=1))
    assert desired.put_unread(unread()) and not desired.put_unread(unread())
    assert not desired.put(link(id=A, generation=1)) and not desired.remove(ref(A, 1))
    assert desired.digest() == model.desired_digest([(A, 2)])
    assert desired.unread(A) == unread() and desired.link(A) == link(id=A, generation=1)
    assert desired.put(link(id=A, generation=3)) and desired.unread(A) is None
    desired.put_unread(unread(B, 1))
    assert desired.remove(ref(B, 1)) and desired.unread(B) is None


def test_a_sync_takes_the_rest(desired: Desired) -> None:
    desired.put(link(id=A, generation=1))
    desired.put(link(id=B))
    assert sync(desired, newer(unread(), beside=(link(id=B, generation=2),))) == {A, B}
    assert desired.digest() == model.desired_digest([(A, 2), (B, 2)]) and not desired.suspects
    assert sync(desired, newer(unread(), beside=(link(id=B, generation=2),))) == set()
    assert sync(desired, host(link(id=A, generation=1), link(id=B, generation=2))) == {A}
    assert desired.unread(A) is None and wanted(desired) == {A: 1, B: 2}


def test_what_was_not_understood_and_is_wanted_no_more(desired: Desired) -> None:
    desired.put(link(id=A, generation=1))
    sync(desired, newer(unread(), unread(B)))
    assert sync(desired, host()) == {A, B} and desired.ids() == {A} and desired.suspects
    assert sync(desired, host()) == {A} and to_go(desired) == {A: 1}


# -- on disk -------------------------------------------------------------------------------------------------------


class Disk:
    """A store that can be full, on a file that can be opened again."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = str(path)

    def open(self) -> Desired:
        return Desired(Store(self.path))


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Disk:
    return Disk(tmp_path / "agent.sqlite")


def shown(desired: Desired) -> Any:
    links = {link_id: (desired.link(link_id), desired.settled_mtu(link_id)) for link_id in desired.ids()}
    return links, {link_id: desired.removal(link_id) for link_id in desired.ids()}, desired._gone, desired.mode


casts = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove", "gone", "settle", "flush"]), st.sampled_from([A, B]), st.integers(1, 4)
    ),
    max_size=12,
)


@given(casts)
def test_after_a_flush_all_is_on_disk(steps: list[tuple[str, str, int]]) -> None:
    store = Store(":memory:")
    desired = Desired(store)
    for verb, link_id, generation in steps:
        match verb:
            case "put":
                desired.put(link(id=link_id, generation=generation, mtu=1000 + generation))
            case "remove":
                desired.remove(ref(link_id, generation))
            case "gone":
                desired.gone(ref(link_id, generation))
            case "settle":
                desired.settle_mtu(link_id, 1000 + generation)
            case "flush":
                desired.flush()
    desired.flush()
    restored = shown(Desired(store))
    before = shown(desired)
    assert restored[0] == before[0] and restored[2:] == before[2:]
    assert {i: r and r.ref for i, r in restored[1].items()} == {i: r and r.ref for i, r in before[1].items()}


def test_what_was_flushed_survives_a_kill_and_is_indexed(disk: Disk) -> None:
    killed = disk.open()
    killed.put(link(id=A))
    killed.remove(ref(B, 2))
    killed.set_mode(Mode.OBSERVE)
    killed.flush()
    killed.put(link(id=C))
    again = disk.open()
    assert wanted(again) == {A: 1} and to_go(again) == {B: 2} and again.mode is Mode.OBSERVE
    assert again.with_device("phy-br1") == {A} and again.with_bridge("br1") == {A}
    assert not again.put(link(id=B, generation=2))


def test_what_is_gone_is_remembered_over_a_restart(disk: Disk) -> None:
    killed = disk.open()
    killed.put(link(id=A))
    killed.flush()
    killed.remove(ref(A, 2))
    killed.gone(ref(A, 2))
    killed.flush()
    again = disk.open()
    assert again.ids() == set() and not again.put(link(id=A, generation=2))


def test_what_could_not_be_written_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(":memory:")
    desired = Desired(store)
    desired.put(link(id=A))
    with monkeypatch.context() as patch:
        patch.setattr(store, "save", lambda **_: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full")))
        with pytest.raises(sqlite3.OperationalError):
            desired.flush()
    desired.flush()
    assert len(store.links()) == 1


# -- any order -----------------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, str, int]], dict[str, tuple[str, int]]]:
    """What a controller did, one generation after the other, and what is the truth in the end."""
    history: list[tuple[str, str, int]] = []
    truth: dict[str, tuple[str, int]] = {}
    for link_id in (A, B, C):
        verbs = draw(st.lists(st.sampled_from(["put", "put", "remove"]), max_size=4))
        for generation, verb in enumerate(verbs, 1):
            history.append((verb, link_id, generation))
            truth[link_id] = (verb, generation)
            if verb == "remove":
                break
    return history, truth


@given(histories(), st.data())
def test_casts_in_any_order_lost_and_doubled_and_one_sync_are_the_truth(
    what: tuple[list[tuple[str, str, int]], dict[str, tuple[str, int]]], data: st.DataObject
) -> None:
    history, truth = what
    desired = fresh()
    state = host(
        *(link(id=i, generation=g) for i, (verb, g) in truth.items() if verb == "put"),
        deleted=tuple(ref(i, g) for i, (verb, g) in truth.items() if verb == "remove"),
    )
    arriving = data.draw(st.lists(st.sampled_from(history), max_size=12)) if history else []
    begin = data.draw(st.integers(0, len(arriving)))
    answer = data.draw(st.integers(begin, len(arriving)))
    token = 0
    for number in range(len(arriving) + 1):
        if number == begin:
            token = desired.begin_sync()
        if number == answer:
            desired.sync(state, token, (), confirm=data.draw(st.booleans()))
        if number < len(arriving):
            verb, link_id, generation = arriving[number]
            if verb == "put":
                desired.put(link(id=link_id, generation=generation))
            else:
                desired.remove(ref(link_id, generation))
    # What a stale cast changed while the answer was under way, the next digest finds.
    desired.sync(state, desired.begin_sync(), (), confirm=True)
    assert wanted(desired) == {i: g for i, (verb, g) in truth.items() if verb == "put"}
    assert to_go(desired) == {i: g for i, (verb, g) in truth.items() if verb == "remove"}


@given(histories(), st.data())
def test_casts_alone_are_the_truth_if_none_is_lost(
    what: tuple[list[tuple[str, str, int]], dict[str, tuple[str, int]]], data: st.DataObject
) -> None:
    history, truth = what
    desired = fresh()
    for verb, link_id, generation in data.draw(st.permutations(history + history)):
        if verb == "put":
            desired.put(link(id=link_id, generation=generation))
        else:
            desired.remove(ref(link_id, generation))
    assert wanted(desired) == {i: g for i, (verb, g) in truth.items() if verb == "put"}
    assert to_go(desired) == {i: g for i, (verb, g) in truth.items() if verb == "remove"}
