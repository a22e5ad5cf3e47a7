"""Commit-confirmed over the end of an agent and the start of the next one."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.test_reconciler import PLUGGED, change_mode
from tests.unit.agent.watched import Watched, trip
from tests.unit.plumbing.builders import link
from vethagent.agent.standing import Standing
from vethagent.model import EventKind, Mode, Reason, Status

A, *_ = ids(3)
LOST = (A, EventKind.FAILED, Status.ERROR, Reason.CONNECTIVITY_LOST)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[Watched]:
    yield Watched(monkeypatch, tmp_path / "agent.sqlite")


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


def test_an_agent_that_is_killed_before_the_confirmation_takes_it_up(node: Watched) -> None:
    trip(node, link(id=A))
    node.crash()
    assert node.has("phy-br1")
    node.wait(14)
    assert not node.has("phy-br1") and node.said() == [LOST]


def test_a_link_on_trial_that_has_to_be_mended_after_a_restart_is_still_on_trial(node: Watched) -> None:
    """The agent was killed before all of it was done, or somebody has changed it since."""
    trip(node, link(id=A))
    node.host.change(node.host.kernel.named("phy-br1").ifindex, mtu=1400)
    node.crash()
    node.wait(14)
    assert not node.has("phy-br1") and node.desired.standing(A) is Standing.HELD


def test_a_link_on_trial_that_cannot_be_mended_after_a_restart_is_taken_back(node: Watched) -> None:
    trip(node, link(id=A))
    del node.host.rows["eth1-br1"]
    node.host.connected = False
    node.crash()
    node.wait(20)
    assert not node.has("phy-br1") and node.desired.standing(A) is Standing.HELD


def test_a_link_on_trial_is_taken_back_by_an_agent_that_starts_without_ovsdb(node: Watched) -> None:
    """It cannot say how the link is."""
    trip(node, link(id=A))
    node.host.connected = False
    node.crash(ovsdb=False)
    node.wait(20)
    assert not node.has("phy-br1") and node.desired.standing(A) is Standing.HELD


@pytest.mark.parametrize("returns", [True, False])
def test_a_link_on_trial_is_still_so_when_it_is_made_again_after_a_boot(node: Watched, *, returns: bool) -> None:
    """At once, for the way to the bus may be over it."""
    trip(node, link(id=A))
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    node.now = 20.0
    node.crash()
    assert node.has("phy-br1")
    node.wait(70)
    node.bus.there = returns
    node.wait(60)
    assert node.desired.standing(A) is (Standing.PROVEN if returns else Standing.HELD)
    assert node.has("phy-br1") is returns


def test_a_link_on_trial_is_taken_back_by_an_agent_that_starts_paused(node: Watched) -> None:
    trip(node, link(id=A))
    change_mode(node, Mode.PAUSED)
    node.crash()
    node.wait(14)
    assert not node.has("phy-br1")
    assert [state.reason for state in node.journal.states()] == [Reason.CONNECTIVITY_LOST]


def test_the_port_of_a_link_that_was_taken_back_goes_when_ovsdb_is_there_for_an_agent_that_is_paused(
    node: Watched,
) -> None:
    trip(node, link(id=A))
    node.host.connected = False
    node.wait(14)
    change_mode(node, Mode.PAUSED)
    node.crash(ovsdb=False)
    node.wait(5)
    assert not node.has("phy-br1") and "eth1-br1" in node.host.rows
    node.host.connected = node.ovsdb = True
    node.tell_rows(whole=True)
    node.wait(5)
    assert "eth1-br1" not in node.host.rows


def test_a_change_that_cuts_the_host_off_is_undone_by_the_next_agent(node: Watched) -> None:
    node.plug(link(id=A))
    node.wait(12)
    trip(node, link(id=A, generation=2, mtu=1400))
    node.crash()
    assert node.host.kernel.named("phy-br1").mtu == 1400
    node.wait(14)
    assert node.host.kernel.named("phy-br1").mtu == 1500 and node.desired.standing(A) is Standing.HELD


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


def test_the_store_of_an_older_version_has_links_that_have_carried(node: Watched) -> None:
    node.plug(link(id=A))
    node.store._db.execute("DROP TABLE standing")
    node.bus.there = False
    node.crash()
    assert node.desired.standing(A) is Standing.PROVEN
    node.wait(14)
    assert node.has("phy-br1")
