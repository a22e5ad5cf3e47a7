"""What others set at the devices and ports of a link, and what it does not speak of, stays as they set it."""

import json

from tests.functional.agent.node import FIRST, SECOND, Node

CONCURRENCY = ("threading",)

_SLAVE = ("isolated", "on", "learning", "off", "priority", "40")
_INTERFACE = ("ingress_policing_rate=900000", "lldp:enable=true", "ofport_request=77", "other_config:mine=1")
_PORT = ("protected=true", "other_config:mine=1", "bond_mode=active-backup")
_MIRROR = ("--id=@mirror", "create", "Mirror", "name=mine", "select_all=true")
_COLUMNS = {
    "Interface": ("ingress_policing_rate", "lldp", "ofport_request", "other_config", "ofport"),
    "Port": ("protected", "other_config", "bond_mode"),
}


def test_they_stay_through_repairs(node: Node) -> None:
    link = node.plug_usual()
    node.host.ip("link", "set", FIRST, "type", "bridge_slave", *_SLAVE)
    node.host.ip("link", "set", FIRST, "txqueuelen", "77", "group", "42")
    node.host.ip("link", "property", "add", "dev", FIRST, "altname", "uplink")
    node.host.ip("link", "add", "link", SECOND, "name", "watcher", "type", "macvlan")
    rows = ("--", "set", "Interface", SECOND, *_INTERFACE, "--", "set", "Port", SECOND, *_PORT)
    node.host.vsctl("--", *_MIRROR, "--", "add", "Bridge", "br-eth1", "mirrors", "@mirror", *rows)
    try:
        node.check_repaired(link)
        before = _settings(node)
        with node.repaired(link, "TAG"):
            node.host.vsctl("set", "Port", SECOND, "tag=7")
        with node.repaired(link, "MTU", "ADMIN_STATE"):
            node.host.ip("link", "set", FIRST, "down", "mtu", "1300")
        with node.repaired(link, "NAME"):
            node.host.ip("link", "set", FIRST, "name", "other")
        assert _settings(node) == before
        assert before["altnames"] == ["uplink"]
        node.carries()
    finally:
        node.host.vsctl("clear", "Bridge", "br-eth1", "mirrors")


def _settings(node: Node) -> dict[str, object]:
    device = node.host.device(FIRST)
    assert device is not None
    slave = device["linkinfo"]["info_slave_data"]
    found = {name: device[name] for name in ("txqlen", "group", "altnames")}
    found |= {name: slave[name] for name in ("isolated", "learning", "priority")}
    for table, columns in _COLUMNS.items():
        found |= {f"{table} {name}": value for name, value in node.host.ovs_row(table, SECOND, *columns).items()}
    mirrors = json.loads(node.host.vsctl("--format=json", "--columns=mirrors", "list", "Bridge", "br-eth1"))["data"]
    return {**found, "mirrors": mirrors, "watcher": "watcher" in node.host.devices()}
