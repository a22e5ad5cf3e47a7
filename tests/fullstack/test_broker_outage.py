"""What holds while the bus is away, and what follows when it is back."""

from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import deployment


@pytest.fixture
def outage(clean: deployment.Deployment, nodes: list[deployment.Node]) -> Iterator[deployment.Deployment]:
    """The deployment; its broker runs again after the test."""
    yield clean
    if not clean.broker.daemon.running:
        clean.broker.start()
    for node in nodes:
        clean.rest.wait_for_agent(node.name, timeout=60)


def test_a_cast_is_not_lost_by_a_connection_from_before_a_restart(
    outage: deployment.Deployment, node: deployment.Node
) -> None:
    links.plug(outage, node)  # so that the API has a connection
    outage.broker.kill()
    outage.broker.start()

    link = outage.rest.create(links.wanted(node.name, ends=[{"bridge": "br1"}, {"bridge": "br-eth2"}]))
    outage.rest.wait_for_status(link["id"], "ERROR", timeout=90)  # there is no such bridge: the agent has heard of it
    said = [line for line in outage.api.log.read_text().splitlines() if link["id"] in line]
    assert said
    assert not [line for line in said if "was not cast" in line]
