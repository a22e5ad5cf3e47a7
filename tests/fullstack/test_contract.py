"""What the two sides say to each other, over a real bus.

``VETHAGENT_RECORD=FILE`` writes it down, for ``tests/unit/rpc/test_recorded.py``.
"""

import os
import pathlib

import pytest

from tests.fullstack import links, recording
from tests.fullstack.tour import tour
from tests.support import deployment, tap

NODES = 1
_RECORD = os.environ.get("VETHAGENT_RECORD")

#: Methods that are called when somebody does what an operator does.
_METHODS = {
    "report_state",
    "report_port_events",
    "report_inventory",
    "get_bridge_links",
    "plug_bridge_link",
    "plug_bridge_links",
    "unplug_bridge_link",
    "unplug_bridge_links",
    "set_mode",
    "describe_host",
    "plan_bridge_links",
}


@pytest.fixture(scope="module")
def concurrency() -> str:
    """One kind: what threads are does not matter here."""
    return "threading"


def test_each_message_is_said_once_at_least(clean: deployment.Deployment, node: deployment.Node) -> None:
    tapped = tap.Tap(clean.broker, clean.network)
    node.agent.stop()
    missed = clean.rest.create(links.wanted(node.name, ends=[{"bridge": "br1"}, {"bridge": "br-none"}]))
    node.agent.start()
    clean.rest.wait_for_status(missed["id"], "ERROR")
    clean.rest.delete(missed["id"])
    clean.rest.wait_until_gone(missed["id"])
    tour(clean, node)
    said = tapped.close()
    assert {each["method"] for each in said} == _METHODS
    if _RECORD:
        recording.write(pathlib.Path(_RECORD), said, {})
