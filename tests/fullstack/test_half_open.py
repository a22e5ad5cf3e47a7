"""Connections to the broker of which nothing arrives any more, and nobody is told: it takes new ones as ever."""

from collections.abc import Iterator

import pytest

from tests.fullstack.outage import Outage
from tests.support import commands, deployment, firewall, namespaces, rabbit

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}
#: A third of what it is otherwise, for nobody wants to wait.
HEARTBEAT = {"OS_OSLO_MESSAGING_RABBIT__HEARTBEAT_TIMEOUT_THRESHOLD": "7"}


@pytest.fixture(scope="module", autouse=True)
def _quick(controller_side: deployment.Deployment) -> Iterator[None]:
    """Agents that start from now on ask the broker for a sign more often."""
    before = dict(controller_side.env)
    controller_side.env.update(HEARTBEAT)
    yield
    controller_side.env.clear()
    controller_side.env.update(before)


def outlast(outage: Outage, namespace: namespaces.Namespace) -> None:
    """All is in step again although nothing passes of the connections that ``namespace`` has, and they are given up."""
    with firewall.forgotten(namespace, rabbit.PORT) as left:
        outage.cut()
        outage.request()
        outage.wait_for_word("bus does not work")
        outage.check()
        commands.wait_until(lambda: not left(), what="the end of all connections that were forgotten")


def test_an_agent_whose_connections_are_forgotten(outage: Outage, hub: deployment.Node) -> None:
    outlast(outage, hub.host.namespace)
