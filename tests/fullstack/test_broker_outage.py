"""What holds while the bus is away, and what follows when it is back."""

from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import deployment, rabbit

#: Ports of the broker's machine where nobody listens.
NOBODY = (rabbit.PORT + 1, rabbit.PORT + 2)


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


@pytest.fixture
def among_dead(clean: deployment.Deployment) -> Iterator[deployment.Deployment]:
    """The deployment; its API knows the broker as one of three nodes, of which the others are dead."""
    user, _, address = clean.broker.url.rstrip("/").rpartition("@")
    dead = [f"{user}@{clean.network.address}:{port}".removeprefix("rabbit://") for port in NOBODY]
    before = dict(clean.api.env)
    _restart(clean, before | {"OS_DEFAULT__TRANSPORT_URL": ",".join([f"{user}@{address}", *dead]) + "/"})
    yield clean
    _restart(clean, before)


def _restart(made: deployment.Deployment, env: dict[str, str]) -> None:
    assert made.api.stop() == 0
    made.api.env = env
    made.api.start()
    made.rest.wait_until_served()


def test_a_cast_finds_the_node_that_lives(among_dead: deployment.Deployment, node: deployment.Node) -> None:
    links.plug(among_dead, node)  # over a connection that is new
    among_dead.broker.control("close_all_connections", "a test")

    link = among_dead.rest.create(links.wanted(node.name, ends=[{"bridge": "br1"}, {"bridge": "br-eth2"}]))
    among_dead.rest.wait_for_status(link["id"], "ERROR", timeout=90)  # there is no such bridge
    said = [line for line in among_dead.api.log.read_text().splitlines() if link["id"] in line]
    assert said
    assert not [line for line in said if "was not cast" in line]
