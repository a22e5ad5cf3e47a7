"""The agent is stopped, or told to pause, while a great batch is under way."""

import json
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import HOST, Node, condition
from tests.support import commands
from vethagent.plumbing.apply import PART

CONCURRENCY = ("eventlet", "threading")
#: One part of a batch and some of the next. Of 500 most of the time would go by with the requests for them.
COUNT = PART + 20
GROUP = "78"
#: Each is linked with br-eth1: a star, so no loop. They stay down, lest what one shouts goes to all the others.
BRIDGES = [f"star{number}" for number in range(COUNT)]
#: The helper has its part, and has done nothing of it: the one that takes its place is as fast as any.
BEGUN = "helper-looked"


@pytest.fixture
def under_way(fragile: Node) -> Iterator[set[str]]:
    """The ids of links that are plugged in one batch, of which the first part has just begun.

    It goes on when the agent has lost its patience with the helper, so what the test does at once is before that.
    """
    node = fragile
    node.batch(*(f"link add {bridge} group {GROUP} type bridge" for bridge in BRIDGES))
    node.set_mode("paused")
    wanted = {str(node.create(bridge, "br-eth1")["id"]) for bridge in BRIDGES}
    condition(lambda: node.api.get(f"/v1/agents/{HOST}")["desired_in_step"], True, "all links known to the agent")
    node.arm(BEGUN, "stop")
    node.set_mode("enforce")
    condition(lambda: node.is_armed(BEGUN), False, "the batch under way")
    yield wanted
    if not node.allinone.running:
        node.start()
    node.set_mode("enforce")
    for link_id in wanted:
        node.api.delete(link_id)
    commands.wait_until(lambda: not node.api.links(), what="the end of all links", timeout=30)
    node.host.ip("link", "delete", "group", GROUP)


def test_sigterm_leaves_each_link_whole_or_absent(fragile: Node, under_way: set[str]) -> None:
    node = fragile
    assert node.allinone.stop() == 0
    pairs = _pairs(node)
    assert len(pairs) >= PART
    assert [ends for ends in pairs.values() if len(ends) != 2 or "star" not in ends] == []
    assert node.port_marks() == set(pairs)
    node.start()
    _wait_for_all(node, under_way)


def test_a_pause_ends_the_batch(fragile: Node, under_way: set[str]) -> None:
    fragile.set_mode("paused")
    _wait_for_all(fragile, under_way)


def _pairs(node: Node) -> dict[str, list[str]]:
    """Return of each device that carries a link's mark what it is in, as far as that has a name that is given here."""
    found: dict[str, list[str]] = {}
    for device in json.loads(node.host.ip("-j", "link", "show", "type", "veth")):
        if device.get("ifalias", "").startswith("vethagent:"):
            found.setdefault(device["ifalias"].removeprefix("vethagent:"), []).append(device.get("master", "")[:4])
    return found


def _wait_for_all(node: Node, wanted: set[str]) -> None:
    commands.wait_until(lambda: node.port_marks() == wanted, what="all links", timeout=30, interval=0.2)
    assert _pairs(node).keys() == wanted
