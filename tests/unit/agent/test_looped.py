"""Of links that would close a loop together one goes."""

import errno

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent.model import EventKind, Reason, Status
from vethagent.privileged import ifinfo

A, B = ids(2)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def test_a_link_that_would_loop_is_woken_when_the_other_way_goes(node: Node) -> None:
    node.plug(link(id=A))
    node.plug(link(id=B, end0={"device": "p2"}, end1={"device": "e2"}))
    assert node.said()[-1] == (B, EventKind.FAILED, Status.ERROR, Reason.LOOP)
    node.unplug(A, 2)
    assert (B, EventKind.PLUGGED, Status.ACTIVE, Reason.NONE) in node.said()


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_of_two_links_that_close_a_loop_one_goes_whatever_their_order(node: Node, order: tuple[str, str]) -> None:
    links = {A: link(id=A), B: link(id=B, end0={"device": "p2"}, end1={"device": "e2"})}
    node.plug(*(links[link_id] for link_id in order))
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.NONE, B: Reason.LOOP}


def test_one_goes_if_the_other_that_would_have_cannot_be_made(node: Node) -> None:
    node.host.kernel.refuse[ifinfo.RTM_NEWLINK, "phy-br1"] = errno.ENOMEM
    node.plug(link(id=A), link(id=B, end0={"device": "p2"}, end1={"device": "e2"}))
    node.settle()
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.NETLINK_ERROR, B: Reason.NONE}


def test_one_that_may_not_be_set_up_is_woken_when_the_other_is_set_down(node: Node) -> None:
    """Both are in their bridges, where a spanning tree was."""
    first, second = link(id=A), link(id=B, end0={"device": "p2"}, end1={"device": "e2"})
    down = {"allow_loop": True, "admin_state_up": False}
    node.plug(first, second.model_copy(update=down))
    node.plug(second.model_copy(update={"generation": 2}))
    assert node.said()[-1] == (B, EventKind.FAILED, Status.ERROR, Reason.LOOP)
    node.plug(first.model_copy(update=down | {"generation": 2}))
    node.settle()
    wanted = {A: Reason.ADMIN_DOWN, B: Reason.NONE}
    assert {state.link_id: state.reason for state in node.journal.states()} == wanted


def test_a_link_that_was_there_first_stays_the_one(node: Node) -> None:
    """Also after a reboot, when none of them is there."""
    first, second = link(id=B, end0={"device": "p2"}, end1={"device": "e2"}), link(id=A)
    node.plug(first)
    node.plug(second)
    wanted = {A: Reason.LOOP, B: Reason.NONE}
    assert {state.link_id: state.reason for state in node.journal.states()} == wanted
    node.boot()
    node.settle()
    assert {state.link_id: state.reason for state in node.journal.states()} == wanted
    node.host.delete(node.host.kernel.named("p2").ifindex)
    node.boot()
    node.settle()
    assert {state.link_id: state.reason for state in node.journal.states()} == wanted
