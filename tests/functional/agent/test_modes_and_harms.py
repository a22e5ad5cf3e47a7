"""Each harm in each mode: paused leaves it unnoticed, observe tells it and changes nothing, enforce mends it."""

from collections.abc import Iterator

import pytest

from tests.functional.agent import sabotage
from tests.functional.agent.node import Node, condition
from tests.support import whole
from tests.support.rest import Link
from vethagent import model

CONCURRENCY = ("threading",)


@pytest.fixture
def node(fragile: Node) -> Iterator[Node]:
    """The node, enforcing again at the end."""
    yield fragile
    fragile.set_mode("enforce")


@pytest.mark.parametrize("harm", [*sabotage.ALL, sabotage.MTU], ids=lambda harm: harm.name)
def test_harm(node: Node, harm: sabotage.Sabotage) -> None:
    link = node.plug_usual()
    before = node.last_event(link)
    node.set_mode("paused")
    harm.act(node)
    assert node.events(link, before) == []
    # Others wait until nothing is seen by this, and then harm the link again.
    assert whole.Snapshot(node.host).defects(model.BridgeLink.model_validate(link))
    node.set_mode("observe")
    condition(lambda: bool(_told(node, link) & set(harm.codes)), True, f"one of {harm.codes}")
    with node.repaired(link, *harm.codes, passing=harm.passing):
        assert {event["kind"] for event in node.events(link, before)} == {"drifted"}
        assert _told(node, link) & set(harm.codes), "mended by an agent that observes"
        node.set_mode("enforce")
    node.carries()


def _told(node: Node, link: Link) -> set[str]:
    """Return what the controller shows to be wrong."""
    return {found["code"] for found in node.api.get(f"/v1/bridge-links/{link['id']}")["differences"]}
