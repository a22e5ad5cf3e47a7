"""Links that cannot be made: how often that is tried, and how often told in the log."""

import errno
import logging

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.agent.retries import SETTLE
from vethagent.model import Reason, Status
from vethagent.privileged import ifinfo
from vethagent.privileged.operations import Operation
from vethagent.privileged.recovery import Outcome

MANY = 8
A, B = ids(2)
LONG = 1200


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    caplog.clear()
    return found


def live(node: Node, seconds: float) -> None:
    """Have the reconciler act whenever it would, for so long."""
    end = node.now + seconds
    while (due := min(node.reconciler._retries.times(), default=end)) < end:
        node.now = max(due, node.now)
        node.round()
        node.happen()
    node.now = end
    node.settle()


def test_one_helper_is_in_the_way_of_all_links_and_is_tried_for_all_at_once(node: Node) -> None:
    node.helper_error = exceptions.HelperUnavailable("no helper")
    for number, each in enumerate(ids(MANY)):
        node.plug(link(id=each, end0={"device": f"p{number}"}, end1={"device": f"e{number}"}, allow_loop=True))
        live(node, 7)
    live(node, LONG)
    before = node.counters.all()["batches"]
    live(node, LONG)
    assert node.counters.all()["batches"] - before <= LONG / 50
    node.helper_error = None
    live(node, 70)
    assert {state.status for state in node.journal.states()} == {Status.ACTIVE}


def test_a_link_that_cannot_be_made_is_warned_of_once(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A))
    live(node, LONG)
    told = f"Link {A}: {Reason.HELPER_UNAVAILABLE}: no helper"
    assert [text for text in warnings(caplog) if text.startswith("Link")] == [told]
    assert node.counters.all()["failures"] > 10

    node.plug(link(id=A, generation=2))  # somebody has tried something
    live(node, LONG)
    assert warnings(caplog) == [told]

    node.helper_error = None
    node.later(70)
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    node.happen()
    live(node, LONG)
    assert [text for text in warnings(caplog) if text.startswith("Link")] == [told]


def test_that_a_device_was_just_going_is_no_warning_unless_it_lasts(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node.plug(link(id=A))
    node.host.change(node.host.kernel.named("phy-br1").ifindex, up=False)
    node.happen()
    with monkeypatch.context() as patch:
        patch.setattr(node.host, "apply", lambda steps: [Outcome("ifindex 7 is gone", 0) for _ in steps])
        node.round()
        assert warnings(caplog) == []
        live(node, 3 * SETTLE)
        assert warnings(caplog) == [f"Link {A}: {Reason.NETLINK_ERROR}: ifindex 7 is gone"]
    live(node, LONG)
    assert [state.status for state in node.journal.states()] == [Status.ACTIVE]


def test_a_link_for_which_there_was_no_place_is_tried_when_another_has_gone(node: Node) -> None:
    node.host.kernel.refuse[ifinfo.RTM_NEWLINK, "p2"] = errno.EXFULL
    node.plug(link(id=A))
    node.plug(link(id=B, end0={"device": "p2"}, end1={"device": "e2"}, allow_loop=True))
    live(node, LONG)
    assert [state.reason for state in node.journal.states() if state.link_id == B] == [Reason.NETLINK_ERROR]
    node.host.kernel.refuse.clear()
    node.unplug(A, 2)
    live(node, 2 * SETTLE)
    assert [state.status for state in node.journal.states()] == [Status.ACTIVE]


def test_links_that_ovsdb_has_refused_are_tried_when_it_takes_another_one(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its disk has room again."""

    def refuse(**_: object) -> None:
        raise exceptions.OvsdbRefused("no space left on device")

    many = ids(MANY)
    with monkeypatch.context() as patch:
        patch.setattr(node.host, "commit", refuse)
        for number, each in enumerate(many):
            node.plug(link(id=each, end0={"device": f"p{number}"}, end1={"device": f"e{number}"}, allow_loop=True))
        live(node, LONG)
        assert {state.reason for state in node.journal.states()} == {Reason.OVSDB_REFUSED}
    first = many[0]
    node.plug(link(id=first, end0={"device": "p0"}, end1={"device": "e0"}, allow_loop=True, generation=2))
    live(node, 2 * SETTLE)
    assert {state.status for state in node.journal.states()} == {Status.ACTIVE}


def test_the_devices_of_its_own_try_have_no_link_tried_sooner(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel makes the pair, finds no free port in the bridge, and takes the pair away."""

    def apply(steps: list[Operation]) -> list[Outcome]:
        node.inbox.put_devices(dict.fromkeys((7, 8)))  # nothing was seen of them before
        return [Outcome("EXFULL: Exchange full", 0) for _ in steps]

    monkeypatch.setattr(node.host, "apply", apply)
    node.plug(link(id=A))
    live(node, LONG)
    before = node.counters.all()["failures"]
    live(node, LONG)
    assert node.counters.all()["failures"] - before <= LONG / 50


def test_for_a_link_that_is_refused_again_and_again_all_devices_are_looked_at_once(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.settle()
    looks = []
    monkeypatch.setattr(node.inbox, "look_again", lambda: looks.append(node.now))
    node.host.kernel.refuse[ifinfo.RTM_NEWLINK, "phy-br1"] = errno.EXFULL
    node.plug(link(id=A))
    live(node, LONG)
    assert node.counters.all()["failures"] > 10
    assert len(looks) == 1


def test_a_pair_that_is_deleted_each_time_while_it_is_made_comes_soon_after_the_last_time(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apply(steps: list[Operation]) -> list[Outcome]:
        node.inbox.put_devices(dict.fromkeys((7, 8)))  # nothing was seen of them before
        return [Outcome("offload of eth1-br1: No such device", 0) for _ in steps]

    with monkeypatch.context() as patch:
        patch.setattr(node.host, "apply", apply)
        node.plug(link(id=A))
        live(node, LONG)
        assert [state.reason for state in node.journal.states()] == [Reason.NETLINK_ERROR]
    live(node, 2 * SETTLE)
    assert [state.status for state in node.journal.states()] == [Status.ACTIVE]
