"""What operators do, all of it once: each message of the contract is sent."""

from typing import Any

from tests.fullstack import links
from tests.support import commands, deployment


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
