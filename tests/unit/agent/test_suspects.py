import pytest

from tests.unit.agent.builders import ids, ref
from tests.unit.plumbing.builders import link
from vethagent import model
from vethagent.agent import suspects
from vethagent.agent.desired import Desired
from vethagent.agent.inbox import Batch
from vethagent.agent.observer import Observer
from vethagent.agent.store import Store
from vethagent.agent.suspects import Suspects
from vethagent.plumbing.observed import Observed

A, B = ids(2)


@pytest.fixture
def desired() -> Desired:
    return Desired(Store(":memory:"))


def sync(desired: Desired, *owners: str) -> set[str]:
    """Pull from a controller that wants nothing."""
    return desired.sync(model.HostState(host="h1"), desired.begin_sync(), owners, confirm=True)


def test_a_mark_that_comes_back_is_somebody_elses(desired: Desired) -> None:
    """Another agent on this host has made it anew, and would do so each time."""
    sync(desired, A)
    assert desired.marks([A]) == ({A}, set())
    assert sync(desired, A) == {A}
    assert desired.marks([A]) == (set(), set()), "it has not gone yet"
    desired.gone(ref(A, 0))
    assert desired.marks([A, B]) == ({B}, {A})
    assert sync(desired, A) == set() and sync(desired, A) == set()
    assert desired.ids() == set() and not desired.suspects


def test_a_mark_that_was_wanted_since_is_nobody_elses(desired: Desired) -> None:
    sync(desired, A)
    sync(desired, A)
    desired.put(link(id=A))
    assert desired.marks([A]) == (set(), set())
    desired.remove(ref(A, 2))
    desired.gone(ref(A, 2))
    assert desired.marks([A]) == ({A}, set())


def test_of_many_marks_that_were_removed_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "_MOST", 1)
    found = Suspects()
    for link_id in (A, B):
        found.look(set(), {link_id}, confirm=True)
        assert found.look(set(), {link_id}, confirm=True) == {link_id}
    assert found.returned((A, B)) == {B}


def test_what_is_seen_only_when_rows_are_known_is_removed_too(desired: Desired) -> None:
    """A port of which nobody knew when its pair was removed."""
    sync(desired, A)
    sync(desired, A)
    desired.gone(ref(A, 0))
    assert desired.marks([A]) == (set(), {A})
    observer = Observer(Observed(), desired, dict, list)
    observer.absorb(Batch(whole=True))
    assert desired.marks([A]) == ({A}, set())
    for _ in range(2):
        sync(desired, A)
    desired.gone(ref(A, 0))
    observer.absorb(Batch(whole=True))
    assert desired.marks([A]) == (set(), {A}), "rows were known before"
