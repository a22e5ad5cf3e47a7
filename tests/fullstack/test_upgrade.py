"""Releases that differ by a minor version of the contract, over a real bus.

::

    VETHAGENT_OTHER=FOLDER tox -e fullstack -- tests/fullstack/test_upgrade.py

has a deployment of the release that is checked out in FOLDER, upgraded while it works: first the controllers and APIs,
or first the agents, or the tables under old controllers, of which one is left for a while; or all, and back again.
``VETHAGENT_RECORD=FILE`` writes down what the other release says, for ``tests/unit/rpc/test_recorded.py``. Without
another release this module is not collected.
"""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fullstack import links, recording
from tests.fullstack.tour import tour
from tests.support import commands, databases, deployment, machine, tap
from vethagent import model

_RECORD = os.environ.get("VETHAGENT_RECORD")
_ENV = {"PYTHONPATH": os.environ["VETHAGENT_OTHER"]}
_AGENT = {"report_interval": "3", "rpc_timeout": "5"}


class Rolling:
    """A deployment of the other release with one node, that is upgraded to this one, its controllers last first."""

    def __init__(self, made: deployment.Deployment) -> None:
        self.made = made
        self.node = made.add_node("rolling", concurrency="threading", agent=_AGENT)
        self.node.host.linux_bridge("br-kept")
        self.node.host.linux_bridge("br-kept2")
        ends = [{"bridge": "br-kept", "device": "kept1"}, {"bridge": "br-kept2", "device": "kept2"}]
        self._kept = links.plug(made, self.node, ends=ends)
        self._index = self._read_index()
        self._newest = self._manage("version").rpartition(" ")[2].rstrip(")\n")

    def upgrade_controllers(self) -> None:
        """Do as doc/source/admin/upgrade.rst says."""
        self.upgrade_tables()
        for number in reversed(range(len(self.made.controllers))):
            self.upgrade_controller(number)

    def upgrade_tables(self) -> None:
        """Upgrade them, under the controllers and APIs that are there."""
        self.made.env.clear()
        self._manage("upgrade")

    def upgrade_controller(self, number: int) -> None:
        """Have a controller and its API be of this release."""
        for process in (self.made.controllers[number], self.made.apis[number]):
            process.stop()
            process.env.clear()
            process.start()
        self.made.rests[number].wait_until_served()

    def take_controllers_back(self) -> None:
        """Do as the same document says, with the tables first."""
        servers = (*self.made.controllers, *self.made.apis)
        for process in servers:
            process.stop()
        self._manage("downgrade", self._newest)
        for process in servers:
            process.env.update(_ENV)
            process.start()
        self.made.rest.wait_until_served()

    def upgrade_agent(self) -> None:
        """Have the agent be of this release."""
        self._exchange_agent({})

    def take_agent_back(self) -> None:
        """Have it be of the other one again, over the store that this one has written."""
        self._exchange_agent(_ENV)

    def _exchange_agent(self, env: dict[str, str]) -> None:
        before = self._agent()["started_at"]
        self.node.agent.stop()
        self.node.agent.env = dict(env)
        self.node.agent.start()
        commands.wait_until(lambda: self._agent()["started_at"] != before, what="the new agent's report")

    def check(self, agent: str) -> None:
        """Do all that is done with links, with an agent of that version; what was there before stays untouched."""
        self.made.rest.wait_for_agent(self.node.name)
        commands.wait_until(lambda: self._agent()["contract_version"] == agent, what=f"an agent of contract {agent}")
        tour(self.made, self.node)
        commands.wait_until(
            lambda: self._agent()["desired_in_step"] and self._agent()["observed_in_step"], what="an agent in step"
        )
        assert self._agent()["health"] == []
        self.made.rest.wait_for_status(self._kept["id"], "ACTIVE")
        assert self._read_index() == self._index

    def other_version(self) -> str:
        """Return the version of the contract of the agent that is there now."""
        return str(self._agent()["contract_version"])

    def _manage(self, *command: str) -> str:
        configuration = str(self.made.controller.configuration)
        return self.made.run("vethagent-manage", "--config-file", configuration, "db", *command).stdout

    def _agent(self) -> dict[str, Any]:
        found: dict[str, Any] = self.made.rest.get(f"/v1/agents/{self.node.name}")
        return found

    def _read_index(self) -> int:
        device = self.node.host.device("kept1")
        assert device is not None
        return int(device["ifindex"])


@pytest.fixture
def rolling(request: pytest.FixtureRequest) -> Iterator[Rolling]:
    """One controller and API over SQLite, or two of each over MariaDB."""
    machine.prepare()
    several = getattr(request, "param", None) == "several"
    copies, server = (2, databases.MariaDB) if several else (1, None)
    with deployment.Deployment(env=_ENV, copies=copies, server=server) as made:
        yield Rolling(made)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", ["controllers", "agents"])
def test_an_upgrade_while_it_works(rolling: Rolling, first: str) -> None:
    version = rolling.other_version()
    tapped = tap.Tap(rolling.made.broker, rolling.made.network)
    rolling.check(version)
    said = tapped.close()
    if _RECORD and first == "controllers":
        recording.write(pathlib.Path(_RECORD), said, _ENV)
    if first == "controllers":
        rolling.upgrade_controllers()
        rolling.check(version)
        rolling.upgrade_agent()
    else:
        rolling.upgrade_agent()
        rolling.check(model.MODEL_VERSION)
        rolling.upgrade_controllers()
    rolling.check(model.MODEL_VERSION)


@pytest.mark.timeout(300)
def test_there_and_back(rolling: Rolling) -> None:
    version = rolling.other_version()
    rolling.upgrade_controllers()
    rolling.upgrade_agent()
    rolling.check(model.MODEL_VERSION)
    rolling.take_controllers_back()
    rolling.check(model.MODEL_VERSION)
    rolling.take_agent_back()
    rolling.check(version)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("rolling", ["several"], indirect=True)
def test_old_controllers_over_new_tables(rolling: Rolling) -> None:
    version = rolling.other_version()
    rolling.upgrade_tables()
    rolling.check(version)
    rolling.upgrade_controller(1)
    for rest in rolling.made.rests:
        rolling.made.rest = rest
        rolling.check(version)
    rolling.upgrade_agent()
    rolling.check(model.MODEL_VERSION)
    rolling.upgrade_controller(0)
    rolling.check(model.MODEL_VERSION)
