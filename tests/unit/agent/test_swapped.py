"""Somebody swaps what tells two links apart; neither may wait for the other for ever."""

import dataclasses
from collections.abc import Callable

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent import model
from vethagent.model import Status
from vethagent.plumbing import naming

A, B, C = ids(3)
FIRST = link(id=A)
SECOND = link(id=B, end0={"bridge": "br3", "device": "p2"}, end1={"bridge": "br-eth2", "device": "e2"})
Swap = Callable[[Node], None]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(monkeypatch)
    made.host.add_ovs_bridge("br-eth2")
    made.happen()
    made.plug(FIRST, SECOND)
    made.settle()
    return made


def _names(first: str, second: str) -> Swap:
    def swap(node: Node) -> None:
        one, other = node.host.kernel.named(first).ifindex, node.host.kernel.named(second).ifindex
        node.host.change(one, name="x")
        node.host.change(other, name=first)
        node.host.change(one, name=second)

    return swap


def _marks(node: Node) -> None:
    marks = {"phy-br1": B, "eth1-br1": B, "p2": A, "e2": A}
    for name, link_id in marks.items():
        node.host.change(node.host.kernel.named(name).ifindex, alias=naming.alias(link_id))


def _rows(node: Node) -> None:
    for name, link_id in (("eth1-br1", B), ("e2", A)):
        node.host.rows[name] = dataclasses.replace(node.host.rows[name], link_id=link_id)


def _all_marks(node: Node) -> None:
    _marks(node)
    _rows(node)


SWAPS = {
    "names in Linux bridges": _names("phy-br1", "p2"),
    "names in OVS bridges": _names("eth1-br1", "e2"),
    "names across": _names("phy-br1", "e2"),
    "marks of the devices": _marks,
    "marks of the rows": _rows,
    "all marks": _all_marks,
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_both_are_whole_again(node: Node, swap: Swap) -> None:
    swap(node)
    node.happen()
    for _ in range(4):
        node.settle()
    assert _states(node) == {A: (Status.ACTIVE, ""), B: (Status.ACTIVE, "")}
    for wanted in (FIRST, SECOND):
        for end in naming.wanted_ends(wanted):
            assert node.host.kernel.named(end.device).alias == naming.alias(wanted.id)
        assert node.host.rows[wanted.ends[1].device or ""].link_id == wanted.id


def test_who_waits_for_one_that_waits_for_nobody_keeps_what_it_has(node: Node) -> None:
    """As when names change on their way round: the other one has not heard of it yet."""
    before = {device.ifindex for device in node.host.kernel.devices.values()}
    ends = [end.model_copy(update={"device": name}) for end, name in zip(SECOND.ends, ("phy-br1", "e2"), strict=True)]
    node.plug(SECOND.model_copy(update={"generation": 2, "ends": tuple(ends)}))
    node.settle()
    assert _states(node)[B] == (Status.ERROR, "NAME_CONFLICT")
    assert {device.ifindex for device in node.host.kernel.devices.values()} == before


def test_who_waits_for_one_that_waits_for_a_stranger_keeps_what_it_has(node: Node) -> None:
    taken = node.host.add("taken", kind="tun").ifindex
    before = {device.ifindex for device in node.host.kernel.devices.values()}
    wanted = {A: ("taken", "eth1-br1"), B: ("phy-br1", "e2")}
    for each in (FIRST, SECOND):
        ends = [end.model_copy(update={"device": name}) for end, name in zip(each.ends, wanted[each.id], strict=True)]
        node.plug(each.model_copy(update={"generation": 2, "ends": tuple(ends)}))
    node.settle()
    assert _states(node) == dict.fromkeys((A, B), (Status.ERROR, "NAME_CONFLICT"))
    assert {device.ifindex for device in node.host.kernel.devices.values()} == before
    node.host.delete(taken)
    node.happen()
    node.settle()
    assert _states(node) == dict.fromkeys((A, B), (Status.ACTIVE, ""))


def test_three_in_a_ring(node: Node) -> None:
    third = link(id=C, end0={"device": "p3"}, end1={"bridge": "br-eth2", "device": "e3"}, allow_loop=True)
    node.plug(third)
    names = ("phy-br1", "p2", "p3")
    indexes = [node.host.kernel.named(name).ifindex for name in names]
    for index, name in zip(indexes, ("x", "y", "p2"), strict=True):
        node.host.change(index, name=name)
    node.host.change(indexes[0], name="p3")
    node.host.change(indexes[1], name="phy-br1")
    node.happen()
    for _ in range(4):
        node.settle()
    assert _states(node) == dict.fromkeys((A, B, C), (Status.ACTIVE, ""))


def _states(node: Node) -> dict[str, tuple[str, str]]:
    states: list[model.LinkState] = list(node.journal.states())
    return {state.link_id: (state.status, state.reason) for state in states}
