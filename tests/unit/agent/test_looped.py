"""Of links that would close a loop together one goes."""

import dataclasses
import errno
from typing import Any

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.agent.young_bridges import PATIENCE
from vethagent.model import BridgeLink, EventKind, Mode, Reason, Status
from vethagent.plumbing import plan
from vethagent.plumbing.steps import LinkPlan
from vethagent.privileged import ifinfo

A, B, C = ids(3)


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


def _reasons(node: Node) -> dict[str, str]:
    return {state.link_id: state.reason for state in node.journal.states()}


def _one_beside_another(node: Node, **bridge: object) -> None:
    """Plug B, beside which A would be a loop."""
    node.host.add_linux_bridge("br9", **bridge)
    node.plug(link(id=B, end0={"bridge": "br9", "device": "p2"}, end1={"device": "e2"}))
    node.plug(link(id=A, end0={"bridge": "br9"}))
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.LOOP, B: Reason.NONE}


def test_one_that_is_put_back_a_little_later_keeps_its_place(node: Node) -> None:
    """Who has made the bridge anew, perhaps, has a moment to put his card into it first."""
    other = node.host.add("other")
    _one_beside_another(node, follows=True)
    node.host.change(node.host.kernel.named("p2").ifindex, master=None)
    node.happen()
    node.settle()
    node.host.delete(other.ifindex)  # has all looked at that stand back
    node.happen()
    node.settle()
    node.later(1.5 * PATIENCE)
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.LOOP, B: Reason.NONE}
    node.unplug(B, 2)
    node.later(1.5 * PATIENCE)
    assert next(state.reason for state in node.journal.states()) is Reason.NONE


def test_one_that_cannot_be_mended_without_a_helper_keeps_its_place(node: Node) -> None:
    _one_beside_another(node)
    node.helper_error = exceptions.HelperUnavailable("no answer")
    node.host.delete(node.host.kernel.named("p2").ifindex)
    node.happen()
    node.settle()
    node.helper_error = None
    node.inbox.mark([A])
    node.settle()
    node.later(60)
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.LOOP, B: Reason.NONE}


def test_the_place_of_one_that_goes_unmade_is_free_at_once(node: Node) -> None:
    """No device goes with it that the kernel would tell of."""
    node.helper_error = exceptions.HelperUnavailable("no answer")
    node.plug(link(id=A), link(id=B, end0={"device": "p2"}, end1={"device": "e2"}))
    assert {state.link_id: state.reason for state in node.journal.states()} == {
        A: Reason.HELPER_UNAVAILABLE,
        B: Reason.LOOP,
    }
    node.helper_error = None
    node.unplug(A, 2)
    assert {state.link_id: state.reason for state in node.journal.states()} == {B: Reason.NONE}


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_who_only_observes_tells_of_one_only_that_it_would_be_made(node: Node, order: tuple[str, str]) -> None:
    node.desired.set_mode(Mode.OBSERVE)
    links = {A: link(id=A), B: link(id=B, end0={"device": "p2"}, end1={"device": "e2"})}
    for link_id in order:
        node.plug(links[link_id])
    would_be = {A: Reason.PLUGGING, B: Reason.LOOP}
    assert {state.link_id: state.reason for state in node.journal.states()} == would_be
    node.inbox.mark([B])
    node.settle()
    assert {state.link_id: state.reason for state in node.journal.states()} == would_be
    node.unplug(A, 2)
    assert {state.link_id: state.reason for state in node.journal.states()} == {B: Reason.PLUGGING}


def test_a_plan_of_all_has_the_same_one_go_as_the_agent_itself(node: Node) -> None:
    """The one that was there, whose device somebody has deleted."""
    links = link(id=A), link(id=B, end0={"device": "p2"}, end1={"device": "e2"})
    for each in reversed(links):
        node.plug(each)
    node.desired.set_mode(Mode.OBSERVE)
    node.host.delete(node.host.kernel.named("p2").ifindex)
    node.happen()
    node.settle()
    planned = {plan.state.link_id: plan.state.reason for plan in node.reconciler.plan(links)}
    assert planned == {state.link_id: state.reason for state in node.journal.states()}
    assert planned[A] is Reason.LOOP


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of links, as they are planned."""
    ids: list[str] = []

    def plan_link(link: BridgeLink, *arguments: Any, **more: Any) -> LinkPlan:
        ids.append(link.id)
        return plan.plan_link(link, *arguments, **more)

    monkeypatch.setattr("vethagent.agent.reconciler.plan_link", plan_link)
    return ids


def test_those_that_wait_are_not_planned_with_each_other_link(node: Node, planned: list[str]) -> None:
    node.host.add_ovs_bridge("br-eth2")
    node.helper_error = exceptions.HelperUnavailable("no answer")
    node.plug(link(id=B))
    node.plug(link(id=C, end0={"bridge": "br3", "device": "p2"}, end1={"bridge": "br-eth2", "device": "e2"}))
    assert planned == [B, C]
    node.plug(link(id=A, end0={"bridge": "br3", "device": "p3"}, end1={"device": "e3"}))
    assert planned == [B, C, A]
    node.helper_error = None
    node.later(60)
    assert {state.reason for state in node.journal.states()} == {Reason.NONE}


def test_nor_are_those_that_would_be_made(node: Node, planned: list[str]) -> None:
    """But for the one whose place another one takes."""
    node.desired.set_mode(Mode.OBSERVE)
    node.plug(link(id=B))
    node.plug(link(id=C, end0={"bridge": "br3", "device": "p2"}))
    assert planned == [B, C]
    node.plug(link(id=A, end0={"device": "p3"}, end1={"device": "e3"}))
    assert planned == [B, C, A, A, B, C]
    told = {state.link_id: state.reason for state in node.journal.states()}
    assert told == {A: Reason.PLUGGING, B: Reason.LOOP, C: Reason.PLUGGING}


def test_one_that_would_be_made_elsewhere_leaves_its_place_and_takes_another(node: Node) -> None:
    """As soon as it is changed: A and B come into the place of C, of which one goes."""
    node.desired.set_mode(Mode.OBSERVE)
    node.host.add_linux_bridge("br2")
    links = [link(id=A, end0={"bridge": "br3"}), link(id=B, end0={"device": "p2"}, end1={"device": "e2"})]
    node.plug(*links, link(id=C, end0={"device": "p3"}, end1={"device": "e3"}))
    assert _reasons(node) == {A: Reason.PLUGGING, B: Reason.PLUGGING, C: Reason.LOOP}
    node.plug(link(id=B, generation=2, end0={"bridge": "br2", "device": "p2"}, end1={"device": "e2"}))
    assert _reasons(node) == {A: Reason.PLUGGING, B: Reason.PLUGGING, C: Reason.PLUGGING}
    node.plug(link(id=A, generation=2))
    assert _reasons(node) == {A: Reason.PLUGGING, B: Reason.PLUGGING, C: Reason.LOOP}


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


def test_two_links_that_are_in_the_place_of_each_other_find_back(node: Node) -> None:
    """As if their bridges had swapped names; each is the way that the other may not be beside."""
    node.plug(link(id=A), link(id=B, end0={"bridge": "br3", "device": "p2"}, end1={"device": "e2"}))
    kernel = node.host.kernel
    first, second = kernel.named("phy-br1"), kernel.named("p2")
    node.host.change(first.ifindex, master=second.master)
    node.host.change(second.ifindex, master=first.master)
    node.settle()
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.NONE, B: Reason.NONE}
    masters = [kernel.named(name).master for name in ("phy-br1", "p2")]
    assert masters == [first.master, second.master]


def test_two_ports_that_are_in_the_place_of_each_other_find_back(node: Node) -> None:
    node.host.add_ovs_bridge("br-eth2")
    node.plug(link(id=A), link(id=B, end0={"device": "p2"}, end1={"bridge": "br-eth2", "device": "e2"}))
    rows = node.host.rows
    rows["eth1-br1"], rows["e2"] = (
        dataclasses.replace(rows[name], bridge=rows[other].bridge)
        for name, other in (("eth1-br1", "e2"), ("e2", "eth1-br1"))
    )
    node.settle()
    assert {state.link_id: state.reason for state in node.journal.states()} == {A: Reason.NONE, B: Reason.NONE}
    assert [node.host.rows[name].bridge for name in ("eth1-br1", "e2")] == ["br-eth1", "br-eth2"]


def test_a_link_that_may_not_be_where_it_is_wanted_now_stays_where_it_was(node: Node) -> None:
    """The host may be reached by it."""
    node.plug(link(id=A), link(id=B, end0={"bridge": "br3", "device": "p2"}, end1={"device": "e2"}))
    before = node.host.kernel.named("p2").master
    node.plug(link(id=B, end0={"device": "p2"}, end1={"device": "e2"}, generation=2))
    node.settle()
    assert node.said()[-1] == (B, EventKind.FAILED, Status.ERROR, Reason.LOOP)
    assert node.host.kernel.named("p2").master == before


def test_of_two_that_cannot_be_made_none_is_tried_without_end(node: Node) -> None:
    for device in ("phy-br1", "p2"):
        node.host.kernel.refuse[ifinfo.RTM_NEWLINK, device] = errno.ENOMEM
    node.plug(link(id=A), link(id=B, end0={"device": "p2"}, end1={"device": "e2"}))
    node.settle()
    failed = {A: Reason.NETLINK_ERROR, B: Reason.NETLINK_ERROR}
    assert {state.link_id: state.reason for state in node.journal.states()} == failed
    batches = node.counters.all()["batches"]
    node.settle()
    assert node.counters.all()["batches"] == batches


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


def test_a_newcomer_takes_no_place_of_those_that_wait_for_ovsdb(node: Node) -> None:
    """After a reboot: they were there, and nothing of them is on the host; it comes alone, when they have been told."""
    between, other = {"bridge": "br3", "device": "c"}, {"device": "d"}
    node.plug(link(id=B), link(id=A, end0=between, end1=other))
    for name in ("phy-br1", "c"):
        node.host.delete(node.host.kernel.named(name).ifindex)
    node.host.rows.clear()
    node.boot(ovsdb=False)
    node.settle()
    node.health.bad("ovsdb", "no answer")
    node.later(10)
    newcomer = link(id=C, end0={"device": "e"}, end1={"bridge": "br3", "device": "f"})
    node.plug(newcomer)
    assert node.said()[-1] == (C, EventKind.FAILED, Status.ERROR, Reason.LOOP)
    node.ovsdb = True
    node.tell_rows(whole=True)
    node.settle()
    wanted = {A: Reason.NONE, B: Reason.NONE, C: Reason.LOOP}
    assert {state.link_id: state.reason for state in node.journal.states()} == wanted
    node.unplug(A, 2)
    assert node.said()[-1] == (C, EventKind.PLUGGED, Status.ACTIVE, Reason.NONE)
