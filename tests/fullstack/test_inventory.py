"""What agents tell of their hosts is kept, and refuses links that would close a loop, across hosts too."""

import json
import sqlite3

import pytest

from tests.fullstack import links
from tests.support import commands, deployment

NODES = 2
AGENT = {"bridge_mappings": "physnet1:br1,physnet2:br-eth1", "report_interval": "2"}


@pytest.fixture(scope="module")
def concurrency() -> str:
    """One kind: what threads are does not matter here."""
    return "threading"


def _refused(deployment: deployment.Deployment, host: str, code: str) -> str:
    body = {"host": host, "ends": [{"bridge": "br1"}, {"bridge": "br-eth1"}]}
    answer = deployment.rest.request("POST", "/v1/bridge-links", body)
    assert (answer.status, answer.body["error"]["code"]) == (409, code), answer
    return str(answer.body["error"]["message"])


def _held_ways(deployment: deployment.Deployment, host: str) -> list[list[object]] | None:
    """Return the ways of others that the controller knows of ``host``, None if it knows nothing."""
    with sqlite3.connect(deployment.database) as database:
        row = database.execute("SELECT topology FROM host_inventories WHERE host = ?", (host,)).fetchone()
    database.close()
    return json.loads(row[0])["ways"] if row else None


def _wait_for_ways(deployment: deployment.Deployment, host: str, ways: list[list[object]]) -> None:
    commands.wait_until(lambda: _held_ways(deployment, host) == ways, what=f"the inventory of {host}")


def test_two_hosts_do_not_join_the_same_networks(clean: deployment.Deployment, nodes: list[deployment.Node]) -> None:
    first, second = (node.name for node in nodes)
    for name in (first, second):
        _wait_for_ways(clean, name, [])
    link = links.plug(clean, nodes[0])
    told = _refused(clean, second, "PHYSNET_LOOP")
    assert f"br1 of {second} - physnet1 - br1 of {first} - br-eth1 of {first} - physnet2" in told
    clean.rest.delete(link["id"])
    clean.rest.wait_until_gone(link["id"])
    links.plug(clean, nodes[1])


def _join(node: deployment.Node, made: deployment.Deployment) -> None:
    """Have somebody join ``br1`` and ``br2`` of a host, and wait until the controller knows."""
    node.host.ip("link", "add", "way-a", "master", "br1", "type", "veth", "peer", "name", "way-b")
    node.host.ip("link", "set", "way-b", "master", "br2")
    _wait_for_ways(made, node.name, [["br1", "br2", False]])


def test_ways_that_have_gone_are_not_believed(clean: deployment.Deployment, nodes: list[deployment.Node]) -> None:
    """Neither of several hosts of one request, nor by a roll-out, though no agent has told of it yet."""
    link = {"ends": [{"bridge": "br1"}, {"bridge": "br2"}]}
    for node in nodes:
        node.host.linux_bridge("br2")
        _join(node, clean)
    answer = clean.rest.request("POST", "/v1/bridge-links", link | {"host": nodes[1].name})
    assert (answer.status, answer.body["error"]["code"]) == (409, "LOOP"), answer
    for node in nodes:
        node.host.ip("link", "delete", "way-a")
    wanted = [link | {"host": node.name} for node in nodes]
    answer = clean.rest.request("POST", "/v1/bridge-links/bulk-create", {"bridge_links": wanted})
    assert answer.status == 201, answer
    for made in answer.body["bridge_links"]:
        clean.rest.wait_for_status(made["id"], "ACTIVE")
        clean.rest.delete(made["id"])
        clean.rest.wait_until_gone(made["id"])

    _join(nodes[1], clean)
    template = {"name": "t", "link": link, "selector": {"hosts": [node.name for node in nodes]}, "policy": {"pause": 0}}
    answer = clean.rest.request("POST", "/v1/link-templates", template)
    path = f"/v1/rollouts/{answer.body['rollout']['id']}"
    commands.wait_until(lambda: clean.rest.get(path)["state"] == "STOPPED", what="the end of the roll-out")
    nodes[1].host.ip("link", "delete", "way-a")
    assert clean.rest.request("POST", f"{path}/resume").body["state"] in ("RUNNING", "COMPLETED")
    commands.wait_until(lambda: clean.rest.get(path)["state"] == "COMPLETED", what="the rest of the roll-out")
    clean.rest.request("DELETE", f"/v1/link-templates/{answer.body['id']}")
    commands.wait_until(lambda: not clean.rest.links(), what="the end of its links")
    for node in nodes:
        node.host.ip("link", "delete", "br2")


def test_a_host_whose_agent_is_away(clean: deployment.Deployment, nodes: list[deployment.Node]) -> None:
    node = nodes[0]
    node.host.ip("link", "add", "foreign-a", "type", "veth", "peer", "name", "foreign-b")
    node.host.ip("link", "set", "foreign-a", "master", "br1")
    node.host.vsctl("add-port", "br-eth1", "foreign-b")
    _wait_for_ways(clean, node.name, [["br-eth1", "br1", False]])
    assert "br1 - br-eth1" in _refused(clean, node.name, "LOOP")
    assert clean.rest.get(f"/v1/hosts/{node.name}/bridges")["live"]
    node.agent.kill()
    held = clean.rest.get(f"/v1/hosts/{node.name}/bridges")
    networks = {bridge["name"]: bridge["physical_network"] for bridge in held["bridges"]}
    assert (held["live"], networks) == (False, {"br1": "physnet1", "br-eth1": "physnet2"})
