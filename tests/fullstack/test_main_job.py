"""The main job over a real bus: three hosts, a link on each, from the request to traffic and back to nothing."""

import signal
from typing import Any

import pytest

from tests.fullstack import links
from tests.support import commands, deployment, traffic


def test_plug_and_unplug_on_three_hosts(clean: deployment.Deployment, nodes: list[deployment.Node]) -> None:
    for node in nodes:
        assert not traffic.can_ping(node.guest1, node.guest2.address, timeout=0.2)

    made = [clean.rest.create(links.wanted(node.name, name="seed")) for node in nodes]

    for node, link in zip(nodes, made, strict=True):
        active = clean.rest.wait_for_status(link["id"], "ACTIVE")
        assert active["observed_generation"] == active["generation"]
        assert active["differences"] == []
        links.check_plugged(node.host, link["id"])
        timing = clean.rest.get(f"/v1/bridge-links/{link['id']}/timing")
        stations = ["requested", "cast", "heard", "planned", "kernel", "ovsdb", "seen", "sent", "received"]
        assert [each["name"] for each in timing["stations"]] == stations
        assert all(each["took_ms"] >= 0 for each in timing["stations"][1:]), timing  # it is all one machine's clock
        first, second = active["observed"]
        assert (first["ifindex"], first["peer_ifindex"]) == (second["peer_ifindex"], second["ifindex"])
        traffic.wait_for_ping(node.guest1, node.guest2.address)
        assert traffic.transfer(node.guest1, node.guest2)
        assert traffic.transfer(node.guest2, node.guest1)

    for link in made:
        clean.rest.delete(link["id"])
    for node, link in zip(nodes, made, strict=True):
        clean.rest.wait_until_gone(link["id"])
        links.check_unplugged(node.host)
        assert not traffic.can_ping(node.guest1, node.guest2.address, timeout=0.2)


def test_tag_and_mtu(clean: deployment.Deployment, node: deployment.Node) -> None:
    ends = links.wanted(node.name)["ends"]
    link = links.plug(clean, node, mtu=1400, ends=[ends[0], {**ends[1], "tag": 100}])

    links.check_plugged(node.host, link["id"], mtu=1400)
    assert node.host.ovs_row("Port", links.SECOND, "tag") == {"tag": 100}

    changed = clean.rest.request("PATCH", f"/v1/bridge-links/{link['id']}", {"mtu": 1300, "ends": ends})
    assert changed.status == 200, changed
    assert changed.body["generation"] == link["generation"] + 1
    commands.wait_until(
        lambda: clean.rest.get(f"/v1/bridge-links/{link['id']}")["observed_generation"] == changed.body["generation"],
        what="the report of the change",
    )
    clean.rest.wait_for_status(link["id"], "ACTIVE")
    links.check_plugged(node.host, link["id"], mtu=1300)
    assert node.host.ovs_row("Port", links.SECOND, "tag") == {"tag": []}


@pytest.mark.parametrize("end", [links.FIRST, links.SECOND])
def test_a_cable_that_is_pulled_out_is_put_back(clean: deployment.Deployment, node: deployment.Node, end: str) -> None:
    # No timer can do it in this time: reports are 30 s apart, audits 600 s.
    link = links.plug(clean, node)
    traffic.wait_for_ping(node.guest1, node.guest2.address)

    node.host.ip("link", "delete", end)

    def repairs() -> list[dict[str, Any]]:
        return [event for event in clean.rest.events(f"link_id={link['id']}") if event["kind"] == "repaired"]

    (repaired,) = commands.wait_until(repairs, what="the repair")
    assert repaired["repaired"]
    clean.rest.wait_for_status(link["id"], "ACTIVE")
    links.check_plugged(node.host, link["id"])
    traffic.wait_for_ping(node.guest1, node.guest2.address)
    assert traffic.transfer(node.guest1, node.guest2)


def test_a_restart_of_the_agent_loses_no_packet(clean: deployment.Deployment, node: deployment.Node) -> None:
    link = links.plug(clean, node)
    before = links.settings(node.host, links.FIRST)
    traffic.wait_for_ping(node.guest1, node.guest2.address)

    with traffic.Pings(node.guest1, node.guest2.address) as pings:
        started = clean.rest.get(f"/v1/agents/{node.name}")["started_at"]
        assert node.agent.stop() == 0
        pings.wait_for_answers(10)
        node.agent.start()
        commands.wait_until(
            lambda: clean.rest.wait_for_agent(node.name)["started_at"] != started, what="the new agent's report"
        )
        pings.wait_for_answers(10)
    assert pings.lost() == []
    assert links.settings(node.host, links.FIRST) == before
    links.check_plugged(node.host, link["id"])


def test_killed_agents_come_back(clean: deployment.Deployment, nodes: list[deployment.Node]) -> None:
    kept, cut, fresh = nodes
    for node in (kept, cut):
        links.plug(clean, node)
    for node in nodes:
        node.agent.signal(signal.SIGKILL)
        node.agent.process.wait(10)

    cut.host.ip("link", "delete", links.FIRST)
    link = clean.rest.create(links.wanted(fresh.name))
    (gone,) = clean.rest.links(f"host={kept.name}")
    clean.rest.delete(gone["id"])
    for node in nodes:
        node.agent.start()

    clean.rest.wait_until_gone(gone["id"], timeout=30)
    links.check_unplugged(kept.host)
    clean.rest.wait_for_status(link["id"], "ACTIVE", timeout=30)
    links.check_plugged(fresh.host, link["id"])
    (repaired,) = clean.rest.links(f"host={cut.name}")
    # That it is ACTIVE may still be what was so before.
    commands.wait_until(
        lambda: links.is_plugged(cut.host, repaired["id"]), what="the link that was cut while nobody looked"
    )
    clean.rest.wait_for_status(repaired["id"], "ACTIVE")


def test_what_is_not_owned_is_left_alone(clean: deployment.Deployment, node: deployment.Node) -> None:
    node.host.ip("link", "add", links.FIRST, "type", "veth", "peer", "name", "foreign")
    before = node.host.device(links.FIRST)
    try:
        link = clean.rest.create(links.wanted(node.name))
        failed = clean.rest.wait_for_status(link["id"], "ERROR")
        assert failed["reason"] == "NAME_CONFLICT"
        clean.rest.delete(link["id"])
        clean.rest.wait_until_gone(link["id"])
        assert node.host.device(links.FIRST) == before
        assert node.host.ovs_ports("br-eth1") == ["tap2"]
    finally:
        node.host.ip("link", "delete", links.FIRST)
    links.check_unplugged(node.host)


def test_a_bridge_that_comes_late_is_joined_when_it_comes(clean: deployment.Deployment, node: deployment.Node) -> None:
    ends = [{"bridge": "br-late"}, {"bridge": "br-eth1"}]
    link = clean.rest.create(links.wanted(node.name, ends=ends))
    waiting = commands.wait_until(
        lambda: next(iter(clean.rest.links(f"host={node.name}&status=ERROR")), None), what="a link that waits"
    )
    assert waiting is not None
    assert waiting["reason"] == "BRIDGE_NOT_FOUND"
    assert "br-late" in waiting["message"]

    node.host.linux_bridge("br-late")
    try:
        active = clean.rest.wait_for_status(link["id"], "ACTIVE")
        device = node.host.device(active["observed"][0]["device"])
        assert device is not None
        assert device["master"] == "br-late"
        clean.rest.delete(link["id"])
        clean.rest.wait_until_gone(link["id"])
    finally:
        node.host.ip("link", "delete", "br-late")
    links.check_unplugged(node.host)
