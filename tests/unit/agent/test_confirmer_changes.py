"""Commit-confirmed, of links that were changed: what they were before is what they are taken back to."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.test_reconciler import change_mode
from tests.unit.agent.watched import Watched, trip
from tests.unit.plumbing.builders import link
from vethagent.agent.standing import Standing
from vethagent.agent.store import Store
from vethagent.model import EventKind, Mode, Reason, Status

A, *_ = ids(3)
LOST = (A, EventKind.FAILED, Status.ERROR, Reason.CONNECTIVITY_LOST)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[Watched]:
    yield Watched(monkeypatch, tmp_path / "agent.sqlite")


def changed(node: Watched, **fields: object) -> None:
    """Plug a link that is proven, and change it so that the host is cut off."""
    node.plug(link(id=A, admin_state_up="admin_state_up" not in fields))
    node.wait(12)
    node.said()
    trip(node, link(id=A, generation=2, **fields))


def test_a_change_that_cuts_the_host_off_is_undone(node: Watched) -> None:
    """What was there before stays: the way to the bus may be over it."""
    changed(node, mtu=1400, end0={"bridge": "br3"}, end1={"device": "other"})
    node.wait(14)
    assert node.said()[-1] == LOST and node.desired.standing(A) is Standing.HELD
    for _ in range(2):
        pair = node.host.kernel.named("phy-br1"), node.host.kernel.named("eth1-br1")
        assert [device.mtu for device in pair] == [1500, 1500]
        assert pair[0].master == node.host.kernel.named("br1").ifindex
        assert set(node.host.rows) == {"br-eth1", "eth1-br1"}
        node.crash()
        node.wait(14)
    node.bus.there = True
    node.plug(link(id=A, generation=3, mtu=1300))
    node.wait(14)
    assert node.host.kernel.named("phy-br1").mtu == 1300 and node.desired.standing(A) is Standing.PROVEN
    assert node.desired.earlier(A) is None and Store(str(node.path)).earlier() == {}


def test_a_link_that_cuts_the_host_off_when_it_is_set_up_is_set_down(node: Watched) -> None:
    changed(node, admin_state_up=True)
    assert node.host.kernel.named("phy-br1").up
    node.wait(14)
    assert node.said()[-1] == LOST and not node.host.kernel.named("phy-br1").up


def test_a_change_that_cannot_be_undone_is_taken_back_with_the_link(node: Watched) -> None:
    changed(node, end0={"bridge": "br3"})
    node.host.delete(node.host.kernel.named("br1").ifindex)
    node.happen()
    node.wait(14)
    assert node.said()[-1] == LOST and not node.has("phy-br1") and set(node.host.rows) == {"br-eth1"}


def test_a_change_of_a_link_that_was_on_trial_is_taken_back_with_it(node: Watched) -> None:
    node.plug(link(id=A))
    trip(node, link(id=A, generation=2, mtu=1400))
    node.wait(14)
    assert node.said()[-1] == LOST and not node.has("phy-br1")


def test_a_change_that_needs_no_step_goes_on_with_the_trial(node: Watched) -> None:
    """As another name, which does not make the link one that has carried."""
    trip(node, link(id=A))
    node.plug(link(id=A, generation=2, name="another"))
    assert node.desired.standing(A) is Standing.TRIAL
    node.wait(14)
    assert node.said()[-1] == LOST and not node.has("phy-br1")
    assert Store(str(node.path)).standings() == {A: (2, Standing.HELD)}


def test_a_change_that_needs_no_step_is_confirmed_with_what_is_there(node: Watched) -> None:
    node.plug(link(id=A))
    node.wait(6)
    node.plug(link(id=A, generation=2, name="another"))
    node.wait(5)
    assert node.desired.standing(A) is Standing.PROVEN and node.counters.all()["confirmed"] == 1


@pytest.mark.parametrize("field", ["confirm", "admin_state_up"])
def test_who_exempts_a_link_that_is_on_trial_ends_that(node: Watched, field: str) -> None:
    trip(node, link(id=A))
    node.plug(link(id=A, generation=2, **{field: False}))
    node.wait(14)
    assert node.has("phy-br1") and node.desired.standing(A) is Standing.PROVEN


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_what_was_taken_back_is_not_mended_in_a_mode_that_changes_nothing(node: Watched, mode: Mode) -> None:
    changed(node, mtu=1400)
    node.wait(14)
    assert node.said()[-1] == LOST and node.host.kernel.named("phy-br1").mtu == 1500
    change_mode(node, mode)
    node.host.change(node.host.kernel.named("phy-br1").ifindex, mtu=1300)
    node.happen()
    node.wait(3)
    assert node.host.kernel.named("phy-br1").mtu == 1300
    change_mode(node, Mode.ENFORCE)
    assert node.host.kernel.named("phy-br1").mtu == 1500


def test_a_link_whose_change_cannot_be_undone_yet_is_set_down(node: Watched) -> None:
    """The host is cut off until nothing passes over it, and OVSDB may be away for long."""
    changed(node, mtu=1400, end1={"tag": 5})
    node.host.connected = False
    node.wait(14)
    pair = "phy-br1", "eth1-br1"
    assert not any(node.host.kernel.named(name).up for name in pair)
    assert node.said()[-1][2:] == (Status.DOWN, Reason.OVSDB_UNAVAILABLE)
    node.host.connected = True
    node.wait(20)
    assert all(node.host.kernel.named(name).up for name in pair) and node.host.rows["eth1-br1"].tag is None
    assert node.said()[-1] == LOST

    # From now on it is a link like all others: what nobody can mend yet stays as it is.
    del node.host.rows["eth1-br1"]
    node.happen()
    node.host.connected = False
    node.wait(14)
    assert all(node.host.kernel.named(name).up for name in pair)


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.OBSERVE, Mode.PAUSED])
def test_a_change_is_undone_in_every_mode_by_an_agent_that_starts_without_ovsdb(node: Watched, mode: Mode) -> None:
    """The one before was killed when it had begun; until the rows are there nobody knows how far it came."""
    changed(node, mtu=1400, end1={"tag": 5})
    node.host.connected = False
    node.wait(14)
    change_mode(node, mode)
    node.crash(ovsdb=False)
    node.wait(5)
    assert Reason.CONNECTIVITY_LOST not in [state.reason for state in node.journal.states()]
    node.host.connected = node.ovsdb = True
    node.tell_rows(whole=True)
    node.wait(5)
    assert node.host.rows["eth1-br1"].tag is None and node.host.kernel.named("phy-br1").up
    assert [state.reason for state in node.journal.states()] == [Reason.CONNECTIVITY_LOST]
