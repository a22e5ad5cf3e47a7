"""Commit-confirmed, in rounds of the consumer over a host in memory; the thread that makes probes is played here."""

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from tests.unit.agent.builders import ids, ref
from tests.unit.agent.node import Node
from tests.unit.agent.test_reconciler import PLUGGED, change_mode, other
from tests.unit.plumbing.builders import link
from vethagent import exceptions, model
from vethagent.agent.standing import Standing
from vethagent.agent.store import Store
from vethagent.agent.trials import Probe
from vethagent.model import EventKind, Mode, Reason, Status
from vethagent.privileged import operations
from vethagent.privileged.recovery import Outcome

A, B, C = ids(3)
LOST = (A, EventKind.FAILED, Status.ERROR, Reason.CONNECTIVITY_LOST)


class Bus:
    """A way that is there or not."""

    name = "the bus"
    patience = 0.0

    def __init__(self) -> None:
        self.there: bool | None = True

    def reached(self) -> bool | None:
        return self.there


class Watched(Node):
    """The node, and what its confirmer's thread would do."""

    def __init__(self, patch: pytest.MonkeyPatch, path: pathlib.Path) -> None:
        self.bus = Bus()
        self.path = path
        super().__init__(patch)
        patch.setattr("vethagent.agent.confirmer._PATIENCE", 0)  # nobody makes the probe meanwhile
        self.ways = [self.bus]
        self.store = Store(str(path))
        self.boot()
        self.settle()
        self.said()

    def settle(self) -> None:
        for _ in range(8):
            self.round()
            self.happen()
            self.probe()

    def probe(self) -> None:
        """Make the probes that are due."""
        confirmer = self.confirmer
        due = confirmer._trials.next_probe(hurry=bool(confirmer._waiting))
        if confirmer._waiting if due is None else due <= self.now:
            reached = frozenset({"the bus"}) if self.bus.there else frozenset()
            unknown = frozenset({"the bus"}) if self.bus.there is None else frozenset()
            confirmer._take(Probe(self.now, self.now, reached, unknown))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.1
            self.settle()

    def crash(self) -> None:
        """Begin anew from what is on disk."""
        self.store = Store(str(self.path))
        self.boot()
        self.settle()

    def has(self, name: str) -> bool:
        return any(device.name == name for device in self.host.kernel.devices.values())


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[Watched]:
    yield Watched(monkeypatch, tmp_path / "agent.sqlite")


@contextlib.contextmanager
def cutting_off(node: Watched) -> Iterator[None]:
    """In the block the way is lost as soon as anything is plugged."""
    apply = node.host.apply

    def cut(batch_operations: list[operations.Operation]) -> list[Outcome]:
        node.bus.there = False
        return apply(batch_operations)

    node.host.apply = cut  # type: ignore[method-assign]
    yield
    node.host.apply = apply  # type: ignore[method-assign]


def trip(node: Watched, *links: model.BridgeLink) -> None:
    """Plug links with which the way is lost."""
    with cutting_off(node):
        node.plug(*links)


def test_a_link_is_active_at_once_and_proven_later(node: Watched) -> None:
    node.plug(link(id=A))
    assert node.said() == [PLUGGED] and node.desired.standing(A) is Standing.TRIAL
    node.wait(12)
    assert node.desired.standing(A) is Standing.PROVEN and node.said() == []
    assert Store(str(node.path)).standings() == {A: (1, Standing.PROVEN)}
    assert node.confirmer._trials.next_probe() is None and not node.confirmer._waiting
    assert node.counters.all()["confirmed"] == 1


def test_a_link_that_cuts_the_host_off_is_taken_back_and_only_it(node: Watched) -> None:
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


def test_a_link_over_which_a_spanning_tree_lets_pass_nothing_yet_is_watched_until_it_does(node: Watched) -> None:
    node.host.change(node.host.kernel.named("br1").ifindex, stp=True)
    node.happen()
    node.plug(link(id=A))
    node.wait(25)
    assert node.desired.standing(A) is Standing.TRIAL
    node.bus.there = False
    node.wait(14)
    assert node.desired.standing(A) is Standing.HELD and not node.has("phy-br1")


def test_a_link_that_was_taken_back_stays_so_until_it_is_changed(node: Watched) -> None:
    trip(node, link(id=A))
    node.wait(14)
    node.said()
    node.bus.there = True
    node.crash()
    node.plug(link(id=A))
    node.wait(20)
    assert not node.has("phy-br1")
    assert [(state.status, state.reason) for state in node.journal.states()] == [
        (Status.ERROR, Reason.CONNECTIVITY_LOST)
    ]
    node.plug(link(id=A, generation=2))
    assert node.said() == [PLUGGED]
    node.wait(12)
    assert node.desired.standing(A) is Standing.PROVEN


def test_a_link_that_was_taken_back_can_be_unplugged(node: Watched) -> None:
    trip(node, link(id=A))
    node.wait(14)
    node.said()
    node.unplug(A, 2)
    assert node.said() == [(A, EventKind.UNPLUGGED, Status.DOWN, Reason.UNPLUGGED)]
    assert Store(str(node.path)).standings() == {}


def test_an_agent_that_is_killed_before_the_confirmation_takes_it_up(node: Watched) -> None:
    trip(node, link(id=A))
    node.crash()
    assert node.has("phy-br1")
    node.wait(14)
    assert not node.has("phy-br1") and node.said() == [LOST]


@pytest.mark.parametrize("returns", [True, False])
def test_a_host_that_was_just_booted_may_have_no_network_for_longer(node: Watched, *, returns: bool) -> None:
    """Nobody knows whether the link is to blame, so it goes if the way is not there in the end."""
    trip(node, link(id=A))
    node.now = 20.0  # since the host was booted
    node.crash()
    node.wait(70)
    assert node.has("phy-br1")
    node.bus.there = returns
    node.wait(60)
    assert node.has("phy-br1") is returns


def test_a_restart_within_the_watch_is_no_reason(node: Watched) -> None:
    node.plug(link(id=A))
    node.crash()
    node.wait(12)
    assert node.has("phy-br1") and node.desired.standing(A) is Standing.PROVEN


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


def test_a_link_that_is_exempt_stays(node: Watched) -> None:
    trip(node, link(id=A, confirm=False))
    node.wait(30)
    assert node.has("phy-br1") and node.said() == [PLUGGED]


def test_a_pair_that_is_adopted_carried_before(node: Watched) -> None:
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
    trip(node, link(id=B, adopt=True))
    node.wait(20)
    assert node.has("phy-br1") and node.desired.standing(B) is Standing.PROVEN


def test_a_link_of_which_the_plug_failed_is_on_trial_when_it_succeeds(node: Watched) -> None:
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A))
    assert node.desired.standing(A) is Standing.NEW and node.confirmer._trials.next_probe() is None
    node.helper_error = None
    with cutting_off(node):
        node.wait(3)
    assert node.has("phy-br1")
    node.wait(14)
    assert not node.has("phy-br1") and node.desired.standing(A) is Standing.HELD


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
def test_what_was_begun_is_taken_back_in_every_mode(node: Watched, mode: Mode) -> None:
    trip(node, link(id=A))
    change_mode(node, mode)
    node.wait(14)
    assert not node.has("phy-br1") and node.said()[-1] == LOST


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


def test_the_store_of_an_older_version_has_links_that_have_carried(node: Watched) -> None:
    node.plug(link(id=A))
    node.store._db.execute("DROP TABLE standing")
    node.bus.there = False
    node.crash()
    assert node.desired.standing(A) is Standing.PROVEN
    node.wait(14)
    assert node.has("phy-br1")
