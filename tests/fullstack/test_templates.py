"""A link template over eight hosts, driven as an operator drives it: by vethctl."""

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support import commands, deployment

NODES = 9
#: The canary is the first by name.
ENDS = ("br1,kind=linux", "br2,kind=linux")

Vethctl = Callable[..., Any]


@pytest.fixture(scope="module")
def concurrency() -> str:
    """One kind: what threads are does not matter here."""
    return "threading"


@pytest.fixture
def vethctl(clean: deployment.Deployment) -> Vethctl:
    """Run vethctl and return what it printed, as JSON; it has to fail with ``fails``, which is in what it says."""

    def run(*arguments: str, fails: str | None = None) -> Any:
        result: subprocess.CompletedProcess[str] = clean.run("vethctl", *arguments, check=False)
        assert (result.returncode == 0) == (fails is None), result
        assert fails is None or fails in result.stderr, result
        return json.loads(result.stdout) if "json" in arguments and result.stdout else None

    return run


def by_name(nodes: Sequence[deployment.Node]) -> list[deployment.Node]:
    return sorted(nodes, key=lambda node: node.name)


def linked(clean: deployment.Deployment) -> dict[str, str]:
    return {link["host"]: link["status"] for link in clean.rest.links()}


def wait_until_linked(clean: deployment.Deployment, nodes: Sequence[deployment.Node]) -> None:
    """Wait until exactly ``nodes`` have a link, and all of these are ACTIVE."""
    wanted = {node.name: "ACTIVE" for node in nodes}
    commands.wait_until(lambda: linked(clean) == wanted, what=f"links on {', '.join(wanted)}", timeout=60)


def mtus(clean: deployment.Deployment) -> set[int | None]:
    return {link["mtu"] for link in clean.rest.links()}


def test_life_of_a_template(clean: deployment.Deployment, nodes: list[deployment.Node], vethctl: Vethctl) -> None:
    *eight, ninth = by_name(nodes)
    canary = eight[0]
    for node in eight:
        vethctl("agent", "set", node.name, "--label", "rack=r7")
    for node in (*eight[1:], ninth):
        node.host.linux_bridge("br2")

    create = ("template", "create", "uplink", *ENDS, "--select", "rack=r7", "--batch-size", "4", "--pause", "0")
    planned = vethctl(*create, "--dry-run", "-f", "json")
    assert (planned["batch_1"], planned["hosts"]) == (f"create {canary.name}", "8 to create, 0 unchanged")
    vethctl(*create, "--wait", fails="is STOPPED: 1 of 1 hosts begun have failed")
    assert linked(clean) == {canary.name: "ERROR"}, "it stopped before the second host"

    canary.host.linux_bridge("br2")
    wait_until_linked(clean, [canary])
    vethctl("rollout", "resume", "uplink", "--wait")
    wait_until_linked(clean, eight)
    assert vethctl("rollout", "status", "uplink", "-f", "json")["done"] == len(eight)

    vethctl("agent", "set", ninth.name, "--label", "rack=r7")
    wait_until_linked(clean, nodes)
    vethctl("agent", "set", canary.name, "--no-label", "rack")
    rest = by_name(nodes)[1:]
    wait_until_linked(clean, rest)

    link = clean.rest.links()[0]
    vethctl("link", "set", link["id"], "--mtu", "1300", fails="change the template")
    vethctl("template", "set", "uplink", "--mtu", "1400", "--canary", "4", "--wait")
    assert mtus(clean) == {1400}
    vethctl("rollout", "undo", "uplink", "--wait")
    assert mtus(clean) == {None}
    wait_until_linked(clean, rest)

    vethctl("template", "delete", "uplink", "--keep-links")
    wait_until_linked(clean, rest)
    assert {link["template_id"] for link in clean.rest.links()} == {None}
    for link in clean.rest.links():
        clean.rest.delete(link["id"])
    commands.wait_until(lambda: not clean.rest.links(), what="the end of the links that were kept")

    hosts = ("--host", canary.name, "--host", ninth.name)
    vethctl("template", "create", "uplink", *ENDS, *hosts, "--pause", "0", "--wait")
    vethctl("template", "delete", "uplink", "--wait")
    assert clean.rest.links() == []
    assert not [name for node in nodes for name in node.host.devices() if name.startswith("veth")]
