"""The agent as the user that it is documented for: without any capability; its helper has one."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, deployment, service_user, traffic

_CAP_NET_ADMIN = 1 << 12


@pytest.fixture
def node(clean: deployment.Deployment, concurrency: str) -> Iterator[deployment.Node]:
    made = clean.add_node(f"compute-user-{concurrency}", concurrency=concurrency, as_service_user=True)
    yield made
    for link in clean.rest.links(f"host={made.name}"):
        clean.rest.delete(link["id"])
        clean.rest.wait_until_gone(link["id"])
    clean.remove_node(made)


def test_the_agent_has_no_capability_and_its_helper_has_one(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    link = links.plug(clean, node)
    links.check_plugged(node.host, link["id"])
    traffic.wait_for_ping(node.guest1, node.guest2.address)

    agents, helpers = _processes(node)
    assert node.agent.pid in agents
    assert helpers
    for status in agents.values():
        assert set(status["Uid"].split()) == {str(service_user.UID)}
        assert int(status["CapEff"], 16) == 0
    for status in helpers.values():
        assert set(status["Uid"].split()) == {str(service_user.UID)}
        assert int(status["CapEff"], 16) == _CAP_NET_ADMIN
        assert int(status["CapPrm"], 16) == _CAP_NET_ADMIN


def _processes(node: deployment.Node) -> tuple[dict[int, dict[str, str]], dict[int, dict[str, str]]]:
    """Return /proc/PID/status by pid: of the agent's processes on ``node``, and of its helper's.

    They are told apart by what they were started as: the agent's give themselves other names on the way.
    """
    agents: dict[int, dict[str, str]] = {}
    helpers: dict[int, dict[str, str]] = {}
    for pid in map(int, commands.run("ip", "netns", "pids", node.host.namespace.name).stdout.split()):
        folder = pathlib.Path(f"/proc/{pid}")
        if not (folder / "exe").resolve().name.startswith("python"):
            continue
        lines = (folder / "status").read_text().splitlines()
        status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        is_helper = b"privsep-helper" in (folder / "cmdline").read_bytes()
        (helpers if is_helper else agents)[pid] = status
    return agents, helpers
