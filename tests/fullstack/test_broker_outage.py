"""What holds while the bus is away, and what follows when it is back."""

from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, deployment, traffic


@pytest.fixture
def outage(clean: deployment.Deployment, nodes: list[deployment.Node]) -> Iterator[deployment.Deployment]:
    """The deployment; its broker runs again after the test."""
    yield clean
    if not clean.broker.daemon.running:
        clean.broker.start()
    for node in nodes:
        clean.rest.wait_for_agent(node.name, timeout=60)


@pytest.mark.timeout(180)
def test_a_cable_is_put_back_without_the_bus(outage: deployment.Deployment, node: deployment.Node) -> None:
    link = links.plug(outage, node)
    outage.broker.kill()

    node.host.ip("link", "delete", links.FIRST)
    traffic.wait_for_ping(node.guest1, node.guest2.address, timeout=20)
    links.check_plugged(node.host, link["id"])

    outage.broker.start()
    commands.wait_until(
        lambda: any(event["kind"] == "repaired" for event in outage.rest.events(f"link_id={link['id']}")),
        what="the report of the repair",
        timeout=60,
    )


@pytest.mark.timeout(180)
def test_a_link_that_is_created_without_the_bus_comes_with_it(
    outage: deployment.Deployment, node: deployment.Node
) -> None:
    outage.broker.kill()
    link = outage.rest.create(links.wanted(node.name))
    assert link["status"] == "BUILD"

    outage.broker.start()
    outage.rest.wait_for_status(link["id"], "ACTIVE", timeout=90)
    links.check_plugged(node.host, link["id"])


@pytest.mark.timeout(180)
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
