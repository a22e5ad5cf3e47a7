"""The end of an agent while OVSDB, or its helper, has not said whether it did what it was asked for."""

from typing import Any

import pytest

from tests.unit.agent.builders import ids, ref
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent import exceptions
from vethagent.plumbing import apply
from vethagent.privileged.operations import Operation
from vethagent.privileged.recovery import Outcome

A, B = ids(2)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def _stop_unanswered(node: Node, patch: pytest.MonkeyPatch, *, done: bool) -> None:
    """Have the agent told to end while a transaction is under way, which then is not answered in time."""
    commit, begin = node.host.commit, node.host.begin

    def late(**steps: Any) -> None:
        patch.setattr(node.host, "commit", commit)
        patch.setattr(node.host, "begin", begin)
        if done:
            commit(**steps)
        node.inbox.close()
        raise exceptions.OvsdbSilent("no answer in 10 s")

    patch.setattr(node.host, "commit", late)
    patch.setattr(node.host, "begin", lambda **steps: lambda: late(**steps))
    node.reconciler.run()


def _left(node: Node) -> tuple[int, int]:
    """Return how many ports, and how many devices, carry the mark of a link."""
    rows = [row for row in node.host.rows.values() if row.link_id]
    return len(rows), sum(bool(each.alias) for each in node.host.kernel.devices.values())


@pytest.mark.parametrize("done", [False, True])
def test_a_link_that_is_unplugged_has_gone_whole(node: Node, monkeypatch: pytest.MonkeyPatch, *, done: bool) -> None:
    node.plug(link(id=A))
    assert _left(node) == (1, 2)
    node.desired.remove(ref(A, 2))
    node.inbox.mark([A])
    _stop_unanswered(node, monkeypatch, done=done)
    assert _left(node) == (0, 0)


@pytest.mark.parametrize("done", [False, True])
def test_a_link_that_is_plugged_is_whole(node: Node, monkeypatch: pytest.MonkeyPatch, *, done: bool) -> None:
    """What was made of it was taken back before."""
    node.settle()
    node.desired.put(link(id=A))
    node.inbox.mark([A])
    _stop_unanswered(node, monkeypatch, done=done)
    assert _left(node) == (1, 2)


def test_what_no_helper_was_asked_for_is_not_begun(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was in a later part of the batch."""
    monkeypatch.setattr(apply, "PART", 1)
    node.settle()
    made = node.host.apply

    def silent(_: list[Operation]) -> list[Outcome]:
        monkeypatch.setattr(node.host, "apply", made)
        node.inbox.close()
        raise exceptions.HelperUnavailable("PrivsepTimeout")

    monkeypatch.setattr(node.host, "apply", silent)
    node.desired.put(link(id=A))
    node.desired.put(link(id=B, end0={"bridge": "br3", "device": "phy-br3"}, end1={"device": "eth1-br3"}))
    node.inbox.mark([A, B])
    node.reconciler.run()
    assert {device.alias for device in node.host.kernel.devices.values() if device.alias} == {f"vethagent:{A}"}
