"""Connections of controller and API to the broker of which nothing arrives any more, and nobody is told."""

from collections.abc import Iterator

import pytest

from tests.fullstack.outage import Outage
from tests.fullstack.test_half_open import HEARTBEAT, outlast
from tests.support import commands, deployment

NODES = 1
AGENT = {"rpc_timeout": "2", "report_interval": "5"}


@pytest.fixture(scope="module", params=["eventlet"])
def concurrency(request: pytest.FixtureRequest) -> str:
    """What it is on an agent makes no difference here."""
    return str(request.param)


@pytest.fixture(scope="module", autouse=True)
def _quick(controller_side: deployment.Deployment) -> Iterator[None]:
    """Controller and API ask the broker for a sign more often."""
    before = dict(controller_side.controller.env)
    _restart(controller_side, before | HEARTBEAT)
    yield
    _restart(controller_side, before)


def _restart(made: deployment.Deployment, env: dict[str, str]) -> None:
    commands.wait_until(lambda: made.is_listening(0), what="a controller that can be told to stop")
    for process in (made.controller, made.api):
        assert process.stop() == 0
        process.env = dict(env)
        process.start()
    made.rest.wait_until_served()


def test_controller_and_api_whose_connections_are_forgotten(
    outage: Outage, clean: deployment.Deployment, hub: deployment.Node
) -> None:
    assert clean.is_listening(0)
    outlast(outage, clean.network)
