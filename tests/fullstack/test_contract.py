"""Releases that differ by a minor version of the contract, over a real bus.

::

    VETHAGENT_OTHER=FOLDER tox -e fullstack -- tests/fullstack/test_contract.py

has a deployment of the release that is checked out in FOLDER, upgraded while it works: first the controllers and APIs,
or first the agents, or the tables under old controllers, of which one is left for a while. ``VETHAGENT_RECORD=FILE``
writes down what is said, for ``tests/unit/rpc/test_recorded.py``: by the other release if there is one, else by this.
"""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fullstack import links, recording
from tests.support import commands, databases, deployment, machine, tap
from vethagent import model

NODES = 1
_OTHER = os.environ.get("VETHAGENT_OTHER")
_RECORD = os.environ.get("VETHAGENT_RECORD")
_ENV = {"PYTHONPATH": _OTHER} if _OTHER else {}
_AGENT = {"report_interval": "3", "rpc_timeout": "5"}

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


def tour(made: deployment.Deployment, node: deployment.Node) -> None:
    """Do what operators do, by the API and on the host, until each message was sent."""
    api, host = made.rest, node.host
    before = (host.devices(), host.ovs_ports("br-eth1"))
    link = links.plug(made, node, name="seed")
    links.check_plugged(host, link["id"])
    host.ip("link", "delete", links.FIRST)
    _wait_for_event(made, link, "repaired")
    _wait_for(made, link["id"], _patch(made, link, {"mtu": 1400}), "ACTIVE")
    links.check_plugged(host, link["id"], mtu=1400)
    for what in ("plan", "bridges"):  # the first release had not got it
        assert api.request("GET", f"/v1/hosts/{node.name}/{what}").status in (200, 404)
    _set_mode(made, node, "observe")
    host.ip("link", "set", links.FIRST, "nomaster")
    _wait_for_event(made, link, "drifted")
    _set_mode(made, node, "enforce")
    api.wait_for_status(link["id"], "ACTIVE")
    bad = api.create(links.wanted(node.name, ends=[{"bridge": "br1"}, {"bridge": "br-none"}]))
    api.wait_for_status(bad["id"], "ERROR")
    api.delete(bad["id"])
    api.wait_until_gone(bad["id"])
    _many(made, node)
    api.delete(link["id"])
    api.wait_until_gone(link["id"])
    assert (host.devices(), host.ovs_ports("br-eth1")) == before


def _many(made: deployment.Deployment, node: deployment.Node) -> None:
    bodies = [links.wanted(node.name, ends=[{"bridge": "br1"}, {"bridge": f"br-no{number}"}]) for number in range(2)]
    answer = made.rest.request("POST", "/v1/bridge-links/bulk-create", {"bridge_links": bodies})
    if answer.status not in (200, 201):
        return  # a release that has not got it
    ids = [link["id"] for link in answer.body["bridge_links"]]
    for link_id in ids:
        made.rest.wait_for_status(link_id, "ERROR")
    made.rest.request("POST", "/v1/bridge-links/bulk-delete", {"ids": ids})
    for link_id in ids:
        made.rest.wait_until_gone(link_id)


def _patch(made: deployment.Deployment, link: dict[str, Any], changes: dict[str, Any]) -> int:
    answer = made.rest.request("PATCH", f"/v1/bridge-links/{link['id']}", changes)
    assert answer.status == 200, answer
    return int(answer.body["generation"])


def _wait_for(made: deployment.Deployment, link_id: str, generation: int, status: str) -> None:
    def reached() -> bool:
        link = made.rest.get(f"/v1/bridge-links/{link_id}")
        return bool(link["observed_generation"] == generation and link["status"] == status)

    commands.wait_until(reached, what=f"generation {generation} {status}")


def _wait_for_event(made: deployment.Deployment, link: dict[str, Any], kind: str) -> None:
    commands.wait_until(
        lambda: kind in [event["kind"] for event in made.rest.events(f"link_id={link['id']}")], what=kind
    )


def _set_mode(made: deployment.Deployment, node: deployment.Node, mode: str) -> None:
    assert made.rest.request("PATCH", f"/v1/agents/{node.name}", {"mode": mode}).status == 200
    commands.wait_until(lambda: made.rest.get(f"/v1/agents/{node.name}")["reported_mode"] == mode, what=mode)


def test_each_message_is_said_once_at_least(clean: deployment.Deployment, node: deployment.Node) -> None:
    tapped = tap.Tap(clean.broker, clean.network)
    node.agent.stop()
    node.agent.start()
    clean.rest.wait_for_agent(node.name)
    tour(clean, node)
    said = tapped.close()
    assert {each["method"] for each in said} == _METHODS
    if _RECORD and not _OTHER:
        recording.write(pathlib.Path(_RECORD), said, {})


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

    def upgrade_controllers(self) -> None:
        """Do as doc/source/admin/upgrade.rst says."""
        self.upgrade_tables()
        for number in reversed(range(len(self.made.controllers))):
            self.upgrade_controller(number)

    def upgrade_tables(self) -> None:
        """Upgrade them, under the controllers and APIs that are there."""
        self.made.env.clear()
        self.made.run("vethagent-manage", "--config-file", str(self.made.controller.configuration), "db", "upgrade")

    def upgrade_controller(self, number: int) -> None:
        """Have a controller and its API be of this release."""
        for process in (self.made.controllers[number], self.made.apis[number]):
            process.stop()
            process.env.clear()
            process.start()
        self.made.rests[number].wait_until_served()

    def upgrade_agent(self) -> None:
        """Have the agent be of this release."""
        before = self._agent()["started_at"]
        self.node.agent.stop()
        self.node.agent.env.clear()
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
@pytest.mark.parametrize("first", ["controllers", "agents"] if _OTHER else [])
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
@pytest.mark.parametrize("rolling", ["several"] if _OTHER else [], indirect=True)
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
