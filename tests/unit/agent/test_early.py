"""At the start links are looked at once all is known of the host, or soon all the same."""

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link

A, B = ids(2)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


@pytest.mark.parametrize("because", ["rows", "no answer", "time"])
def test_at_the_start_links_are_planned_once_open_vswitch_was_asked(node: Node, because: str) -> None:
    node.plug(link(id=A), link(id=B, end0={"device": "phy2"}, end1={"bridge": "br3", "kind": "linux", "device": "p2"}))
    for name in ("phy-br1", "phy2"):
        node.host.delete(node.host.kernel.named(name).ifindex)
    node.boot(ovsdb=False, patience=1)
    made = len(node.batches)
    node.settle()
    assert len(node.batches) == made and node.reconciler._pause() == 1
    match because:
        case "rows":
            node.ovsdb = True
            node.tell_rows(whole=True)
        case "no answer":
            node.health.bad("ovsdb", "no answer")
        case "time":
            node.now += 1
    node.settle()
    assert len(node.batches) > made, "what needs no Open vSwitch is mended at any rate"
