"""The link of these tests, and what a person on its host would see of it."""

from typing import Any

from tests.support import deployment, hosts, rest

FIRST, SECOND = "phy-br1", "eth1-br1"


def wanted(host: str, **changes: Any) -> rest.Link:
    """Return the body that asks for the link between ``br1`` and ``br-eth1`` on ``host``."""
    ends = [{"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}]
    return {"host": host, "ends": ends} | changes


def plug(made: deployment.Deployment, node: deployment.Node, **changes: Any) -> rest.Link:
    """Create the link on ``node`` and wait until it is ACTIVE."""
    link = made.rest.create(wanted(node.name, **changes))
    return made.rest.wait_for_status(link["id"], "ACTIVE")


def check_plugged(host: hosts.Host, link_id: str, *, mtu: int = 1500) -> None:
    """Check in kernel and OVSDB that the link is as it has to be."""
    first, second = host.device(FIRST), host.device(SECOND)
    assert first is not None
    assert second is not None
    assert first["master"] == "br1"
    for device, peer in ((first, second), (second, first)):
        assert device["ifalias"] == f"vethagent:{link_id}"
        assert device["mtu"] == mtu
        assert device["operstate"] == "UP"
        assert device["link"] == peer["ifname"]
    assert SECOND in host.ovs_ports("br-eth1")
    assert host.ovs_row("Port", SECOND, "external_ids")["external_ids"]["vethagent-link-id"] == link_id
    interface = host.ovs_row("Interface", SECOND, "ofport", "error", "ifindex")
    assert interface["ofport"] > 0
    assert interface["error"] == []
    assert interface["ifindex"] == second["ifindex"]


def is_plugged(host: hosts.Host, link_id: str) -> bool:
    """Tell whether ``check_plugged`` would pass now."""
    try:
        check_plugged(host, link_id)
    except (AssertionError, KeyError):  # of a device that is in no bridge or has no mark yet
        return False
    return True


def check_unplugged(host: hosts.Host) -> None:
    """Check that nothing of the link is left, and that all else is as it was."""
    assert host.devices() == ["br-eth1", "br1", "lo", "mgmt0", "ovs-netdev", "tap1", "tap2"]
    assert host.ovs_ports("br-eth1") == ["tap2"]


def settings(host: hosts.Host, name: str) -> dict[str, Any]:
    """Return what ip(8) shows of a device, without the bridge's timers."""
    found = host.device(name)
    assert found is not None
    return {key: value for key, value in found.items() if key != "linkinfo"}
