"""Commit-confirmed, in rounds of the consumer over a host in memory."""

import pathlib
from collections.abc import Iterator
from unittest import mock

import pytest

from tests.unit.agent.builders import ids, ref
from tests.unit.agent.test_reconciler import PLUGGED, change_mode, other
from tests.unit.agent.watched import Watched, cutting_off, trip
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.agent.standing import Standing
from vethagent.agent.store import Store
from vethagent.model import EventKind, Mode, Reason, Status
from vethagent.plumbing.plan import plan_link
from vethagent.privileged import operations
from vethagent.privileged.recovery import Outcome

A, B, C = ids(3)
LOST = (A, EventKind.FAILED, Status.ERROR, Reason.CONNECTIVITY_LOST)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[Watched]:
    yield Watched(monkeypatch, tmp_path / "agent.sqlite")


def test_a_link_is_active_at_once_and_proven_later(node: Watched) -> None:
    node.plug(link(id=A))
    assert node.said() == [PLUGGED] and node.desired.standing(A) is Standing.TRIAL
    node.wait(12)
    assert node.desired.standing(A) is Standing.PROVEN and node.said() == []
    assert Store(str(node.path)).standings() == {A: (1, Standing.PROVEN)}
    assert node.confirmer._trials.next_probe() is None and not node.confirmer._waiting
    assert node.counters.all()["confirmed"] == 1


def test_a_link_that_is_proven_need_not_be_looked_at(node: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand that were plugged at once all are proven at once, and nothing of them has changed."""
    node.plug(link(id=A))
    node.wait(9)
    planned = mock.Mock(side_effect=plan_link)
    monkeypatch.setattr("vethagent.agent.reconciler.plan_link", planned)
    node.wait(3)
    assert Store(str(node.path)).standings() == {A: (1, Standing.PROVEN)}
    planned.assert_not_called()


def test_what_is_proven_is_written_down_when_the_store_takes_it(node: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may hold its lock in just that moment; else the link would be on trial again after a restart."""
    node.plug(link(id=A))
    node.wait(9)
    with monkeypatch.context() as patch:
        patch.setattr(node.store, "save", mock.Mock(side_effect=exceptions.StoreUnusable("locked")))
        node.wait(3)
    assert node.desired.standing(A) is Standing.PROVEN
    assert Store(str(node.path)).standings() == {A: (1, Standing.TRIAL)}
    node.wait(3)
    assert Store(str(node.path)).standings() == {A: (1, Standing.PROVEN)}


def test_a_link_that_cuts_the_host_off_is_taken_back_and_only_it(
    node: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    node.plug(other())
    node.wait(12)
    node.said()
    before = set(node.host.kernel.devices), dict(node.host.rows)
    trip(node, link(id=A))
    assert node.has("phy-br1")
    node.wait(14)
    assert node.said() == [PLUGGED, LOST]
    assert (set(node.host.kernel.devices), dict(node.host.rows)) == before
    assert node.desired.standing(A) is Standing.HELD and node.counters.all()["taken_back"] == 1
    assert f"Not reached for 10 s: the bus; taking back {A}" in caplog.messages


def test_a_link_over_which_a_spanning_tree_lets_pass_nothing_yet_is_watched_until_it_does(node: Watched) -> None:
    node.host.change(node.host.kernel.named("br1").ifindex, stp=True)
    node.happen()
    node.plug(link(id=A))
    node.wait(25)
    assert node.desired.standing(A) is Standing.TRIAL
    node.bus.there = False
    node.wait(14)
    assert node.desired.standing(A) is Standing.HELD and not node.has("phy-br1")


def test_a_link_that_was_taken_back_can_be_unplugged(node: Watched) -> None:
    trip(node, link(id=A))
    node.wait(14)
    node.said()
    node.unplug(A, 2)
    assert node.said() == [(A, EventKind.UNPLUGGED, Status.DOWN, Reason.UNPLUGGED)]
    assert Store(str(node.path)).standings() == {}


def test_the_plan_of_a_link_that_was_taken_back_has_no_step_until_it_is_changed(node: Watched) -> None:
    trip(node, link(id=A))
    node.wait(14)
    held, changed = node.reconciler.plan([link(id=A), link(id=A, generation=2, mtu=1400)])
    assert held.empty and held.state.reason is Reason.CONNECTIVITY_LOST
    assert not changed.empty and changed.state.reason is Reason.PLUGGING


def test_a_link_that_is_changed_while_the_way_is_lost_is_taken_back(node: Watched) -> None:
    """As when only the way to the gateway is lost: the change has to wait, and what is there is what was plugged."""
    trip(node, link(id=A))
    node.wait(3)
    node.plug(link(id=A, generation=2, mtu=1400))
    node.wait(14)
    assert not node.has("phy-br1") and node.said() == [PLUGGED, LOST]
    assert Store(str(node.path)).standings() == {A: (2, Standing.HELD)}


def test_a_repair_never_counts(node: Watched) -> None:
    node.plug(link(id=A))
    node.wait(12)
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    node.bus.there = False
    node.happen()
    node.settle()
    assert node.has("phy-br1")
    node.wait(30)
    assert node.has("phy-br1") and node.desired.standing(A) is Standing.PROVEN


def test_a_way_that_was_lost_before_is_no_reason(node: Watched) -> None:
    node.bus.there = False
    node.plug(link(id=A))
    assert node.said() == [PLUGGED]
    node.wait(30)
    assert node.has("phy-br1") and node.desired.standing(A) is Standing.PROVEN


def test_one_probe_that_is_lost_before_a_batch_is_no_proof(node: Watched) -> None:
    node.now += 60  # what the last probe found is too old
    node.bus.there = False
    node.desired.put(link(id=A))
    node.inbox.mark([A])
    node.round()
    node.probe()
    node.round()
    node.bus.there = True
    node.settle()
    assert node.has("phy-br1") and node.desired.standing(A) is Standing.TRIAL


def test_a_link_that_is_exempt_stays(node: Watched) -> None:
    trip(node, link(id=A, confirm=False))
    node.wait(30)
    assert node.has("phy-br1") and node.said() == [PLUGGED]


def _made_by_hand(node: Watched) -> None:
    """Have a pair in both bridges that carries no mark, and an agent that knows of nothing."""
    node.plug(link(id=A))
    node.store = Store(":memory:")
    for name in ("phy-br1", "eth1-br1"):
        node.host.change(node.host.kernel.named(name).ifindex, alias="")
    node.host.rows["eth1-br1"] = node.host.rows["eth1-br1"].__class__(
        name="eth1-br1", port="eth1-br1", bridge="br-eth1", ofport=1
    )
    node.boot()
    node.happen()
    node.settle()


@pytest.mark.parametrize("offload", [False, True])
def test_a_pair_that_is_adopted_carried_before(node: Watched, *, offload: bool) -> None:
    """Also if more has to be done to it once it carries the mark."""
    _made_by_hand(node)
    node.host.offload[node.host.kernel.named("phy-br1").ifindex] = offload
    trip(node, link(id=B, adopt=True))
    node.wait(20)
    assert node.has("phy-br1") and node.desired.standing(B) is Standing.PROVEN
    assert not node.host.offload[node.host.kernel.named("phy-br1").ifindex]


def _is_made_and_taken_back(node: Watched, link_id: str) -> None:
    with cutting_off(node):
        node.wait(3)
    assert node.has("phy-br1")
    node.wait(14)
    assert not node.has("phy-br1") and node.desired.standing(link_id) is Standing.HELD


def test_a_pair_that_was_not_adopted_in_the_end_is_on_trial_when_it_is_made(node: Watched) -> None:
    _made_by_hand(node)
    node.helper_error = exceptions.HelperRefused("no")
    node.plug(link(id=B, adopt=True))
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    del node.host.rows["eth1-br1"]
    node.happen()
    node.helper_error = None
    _is_made_and_taken_back(node, B)


def test_a_link_of_which_the_plug_failed_is_on_trial_when_it_succeeds(node: Watched) -> None:
    node.helper_error = exceptions.HelperRefused("no")
    node.plug(link(id=A))
    assert node.desired.standing(A) is Standing.NEW and node.confirmer._trials.next_probe() is None
    node.helper_error = None
    _is_made_and_taken_back(node, A)


def test_a_link_that_a_helper_has_made_without_saying_so_is_on_trial(node: Watched) -> None:
    """It died before it could answer, and so did the next one."""
    with cutting_off(node):
        apply = node.host.apply

        def die(batch_operations: list[operations.Operation]) -> list[Outcome]:
            apply(batch_operations)
            raise exceptions.HelperUnavailable("no helper")

        node.host.apply = die  # type: ignore[method-assign]
        node.plug(link(id=A, end1={"bridge": "br3"}))
        node.host.apply = apply  # type: ignore[method-assign]
        assert node.has("phy-br1") and node.desired.standing(A) is Standing.TRIAL
        node.wait(14)
    assert not node.has("phy-br1") and node.desired.standing(A) is Standing.HELD


def test_a_link_is_taken_back_without_the_database_of_open_vswitch(node: Watched) -> None:
    trip(node, link(id=A))
    node.host.connected = False
    node.wait(14)
    assert not node.has("phy-br1") and "eth1-br1" in node.host.rows
    node.host.connected = True
    node.wait(30)
    assert "eth1-br1" not in node.host.rows and node.said()[-1] == LOST


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_what_was_begun_is_taken_back_in_every_mode(node: Watched, mode: Mode) -> None:
    trip(node, link(id=A))
    change_mode(node, mode)
    node.wait(14)
    assert not node.has("phy-br1") and node.said()[-1] == LOST


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_what_cannot_be_taken_back_at_once_is_tried_again_in_every_mode(node: Watched, mode: Mode) -> None:
    trip(node, link(id=A))
    change_mode(node, mode)
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.wait(14)
    assert node.has("phy-br1")
    assert node.reconciler._pause() is not None
    node.helper_error = None
    node.wait(3)
    assert not node.has("phy-br1")


def test_a_change_within_the_watch_begins_anew(node: Watched) -> None:
    node.plug(link(id=A))
    node.wait(5)
    node.plug(link(id=A, generation=2, mtu=1400))
    node.wait(7)
    assert node.desired.standing(A) is Standing.TRIAL
    node.wait(6)
    assert node.desired.standing(A) is Standing.PROVEN


def test_a_batch_waits_for_the_one_before_and_then_goes(node: Watched) -> None:
    trip(node, link(id=A))
    node.wait(1)
    node.plug(other())
    node.wait(4)
    assert not node.has("p2")
    node.wait(8)
    assert not node.has("phy-br1")
    node.bus.there = True
    node.wait(3)
    assert node.has("p2")
    node.wait(14)
    assert node.desired.standing(B) is Standing.PROVEN


def test_a_second_batch_that_cuts_the_host_off_is_taken_back_too(node: Watched) -> None:
    """It waited, and goes once the way has returned after the first one."""
    with cutting_off(node):
        node.plug(link(id=A))
        node.wait(1)
        node.plug(other())
        node.wait(12)
        assert not node.has("phy-br1") and not node.has("p2")
        node.bus.there = True
        node.wait(2)
        assert node.has("p2")
        node.wait(13)
    assert node.desired.standing(A) is node.desired.standing(B) is Standing.HELD
    assert not node.has("p2")


def test_a_way_that_was_lost_is_looked_for_again_before_the_next_batch(node: Watched) -> None:
    """A link that comes over the bus shows that it is there again."""
    node.bus.there = False
    node.plug(other())
    node.bus.there = True
    trip(node, link(id=A))
    node.wait(14)
    assert node.desired.standing(A) is Standing.HELD and node.desired.standing(B) is Standing.PROVEN


def test_links_of_casts_in_a_row_go_together_if_the_way_is_lost(node: Watched) -> None:
    with cutting_off(node):
        node.plug(link(id=A))
        node.plug(other())
    assert node.has("phy-br1") and node.has("p2")
    node.wait(14)
    assert not node.has("phy-br1") and not node.has("p2")
    assert node.desired.standing(A) is node.desired.standing(B) is Standing.HELD


def test_a_batch_that_needs_a_probe_goes_on_when_it_was_made(node: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.agent.confirmer._PATIENCE", 30)
    node.now += 60  # what the last probe found is too old
    node.confirmer.start()
    node.desired.put(link(id=A))
    node.inbox.mark([A])
    node.round()
    node.confirmer.stop()
    assert node.has("phy-br1") and node.desired.standing(A) is Standing.TRIAL


def test_an_unplug_waits_for_nothing(node: Watched) -> None:
    node.plug(other())
    node.wait(12)
    trip(node, link(id=A))
    node.unplug(B, 2)
    assert not node.has("p2")


def test_waiting_does_not_spin(node: Watched) -> None:
    trip(node, link(id=A))
    node.plug(other())
    node.wait(3)
    pause = node.reconciler._pause()
    assert pause is None or pause > 0


def test_a_link_that_went_meanwhile_is_forgotten(node: Watched) -> None:
    node.plug(link(id=A))
    node.desired.remove(ref(A, 2))
    node.inbox.mark([A])
    node.settle()
    node.wait(14)
    assert node.confirmer._trials.next_probe() is None
    assert node.desired.standing(A) is Standing.NEW
