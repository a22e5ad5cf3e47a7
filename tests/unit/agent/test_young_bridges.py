"""Who makes a bridge for which a link waits has a moment to put his card into it first."""

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent.agent.young_bridges import PATIENCE
from vethagent.model import Reason
from vethagent.privileged.ifinfo import Device

(A,) = ids(1)
WAITING = link(id=A, end0={"bridge": "br9"})


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def make_bridge(node: Node) -> Device:
    bridge = node.host.add_linux_bridge("br9", follows=True)
    node.happen()
    node.settle()
    return bridge


def reboot(node: Node) -> None:
    """Have the host come back without its links, and make the bridge anew."""
    node.desired.flush()
    for index in [index for index, device in node.host.kernel.devices.items() if device.kind == "veth"]:
        node.host.kernel.devices.pop(index, None)
    node.host.rows.pop("eth1-br1")
    node.host.delete(node.host.kernel.named("br9").ifindex)
    node.batches.clear()
    node.host.add_linux_bridge("br9", follows=True)


def state(node: Node) -> Reason | str:
    return next(each.reason for each in node.journal.states())


def test_a_link_that_waits_for_a_bridge_comes_after_its_card(node: Node) -> None:
    node.plug(WAITING)
    bridge = make_bridge(node)
    assert not node.batches and state(node) is Reason.BRIDGE_NOT_FOUND
    node.host.change(bridge.ifindex, up=True, mtu=9000, follows=False)  # which has the address of a port now
    node.happen()
    node.settle()
    assert state(node) is Reason.NONE


def test_it_waits_no_longer_for_a_bridge_without_a_card(node: Node) -> None:
    node.plug(WAITING)
    make_bridge(node)
    node.later(PATIENCE / 2)
    assert not node.batches
    node.later(PATIENCE)
    assert state(node) is Reason.NONE


def test_a_link_that_was_there_before_a_boot_waits_too(node: Node) -> None:
    make_bridge(node)
    node.plug(WAITING)
    reboot(node)
    node.boot()
    node.settle()
    assert not node.batches
    node.later(1.5 * PATIENCE)
    assert state(node) is Reason.NONE and node.batches


def test_a_link_that_is_new_waits_for_nobody(node: Node) -> None:
    make_bridge(node)
    node.plug(WAITING)
    assert state(node) is Reason.NONE


def test_one_that_was_tried_seldom_before_waits_no_longer_than_others(node: Node) -> None:
    """Its next try, for OVSDB was away, is a long time off."""
    make_bridge(node)
    node.plug(WAITING)
    reboot(node)
    node.boot(ovsdb=False)
    node.health.bad("ovsdb", "no answer")
    for _ in range(100):
        node.later(1.1)
    node.ovsdb = True
    node.health.good("ovsdb")
    node.tell_rows(whole=True)
    node.settle()
    assert not node.batches
    node.later(1.5 * PATIENCE)
    assert state(node) is Reason.NONE and node.batches
