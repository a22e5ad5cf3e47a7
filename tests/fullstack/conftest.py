"""One deployment for the whole run, three nodes for each module and kind of threads."""

import itertools
import os
from collections.abc import Generator, Iterator

import pytest

from tests.fullstack import links
from tests.fullstack.outage import SPOKES, Outage
from tests.support import commands, deployment, machine

#: What needs another release.
collect_ignore = [] if "VETHAGENT_OTHER" in os.environ else ["test_upgrade.py"]

_numbers = itertools.count(1)
_running: list[deployment.Deployment] = []


@pytest.fixture(scope="session")
def controller_side() -> Iterator[deployment.Deployment]:
    """Broker, controller and API without a node."""
    machine.prepare()
    with deployment.Deployment() as made:
        _running.append(made)
        yield made
        _running.remove(made)


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def concurrency(request: pytest.FixtureRequest) -> str:
    """What the agents run their threads on."""
    return str(request.param)


@pytest.fixture(scope="module")
def nodes(
    request: pytest.FixtureRequest, controller_side: deployment.Deployment, concurrency: str
) -> Iterator[list[deployment.Node]]:
    """Three nodes, or what a module says in NODES; AGENT there are options of their agents."""
    made = [
        controller_side.add_node(
            f"compute-{number}", concurrency=concurrency, agent=getattr(request.module, "AGENT", None)
        )
        for number in itertools.islice(_numbers, getattr(request.module, "NODES", 3))
    ]
    yield made
    for node in made:
        controller_side.remove_node(node)


@pytest.fixture
def node(nodes: list[deployment.Node]) -> deployment.Node:
    """One of the nodes."""
    return nodes[0]


@pytest.fixture
def clean(controller_side: deployment.Deployment) -> Iterator[deployment.Deployment]:
    """The deployment; all links that the test leaves are unplugged after it."""
    yield controller_side
    api = controller_side.rest
    for link in api.links():
        api.delete(link["id"])
    commands.wait_until(lambda: not api.links(), what="the end of all links")


@pytest.fixture
def untouched(clean: deployment.Deployment, node: deployment.Node) -> Iterator[deployment.Deployment]:
    """The deployment; what the test does to it may change nothing, and it has to work afterwards."""
    before = (node.host.devices(), node.host.ovs_ports("br-eth1"), clean.rest.links())
    yield clean
    assert (node.host.devices(), node.host.ovs_ports("br-eth1"), clean.rest.links()) == before
    link = links.plug(clean, node)
    links.check_plugged(node.host, link["id"])


@pytest.fixture(scope="module")
def hub(nodes: list[deployment.Node]) -> deployment.Node:
    """A node with three more bridges around br1."""
    (node,) = nodes
    for bridge in SPOKES:
        node.host.linux_bridge(bridge)
    return node


@pytest.fixture
def outage(clean: deployment.Deployment, hub: deployment.Node) -> Outage:
    """Links that are there, one of them to be cut and one to go."""
    return Outage(clean, hub)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every process's log with a failure."""
    report = yield
    if report.failed:
        for process in (process for made in _running for process in made.daemons):
            report.sections.append((f"{process.name} in {process.namespace.name}", process.tail(40)))
    return report
