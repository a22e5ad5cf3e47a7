"""What a link is like in kernel and OVSDB, compared with how it is wanted, by the programs a person would use."""

import json
from typing import Any

from tests.support import hosts
from vethagent import model
from vethagent.plumbing import naming

_MARK = "vethagent-link-id"

#: What it is about, how it is, how it is wanted.
_Pair = tuple[str, object, object]


class Snapshot:
    """Devices, ports and interfaces of a host at one moment, each by name."""

    def __init__(self, host: hosts.Host) -> None:
        self._host = host
        self.devices: dict[str, dict[str, Any]] = {
            device["ifname"]: device for device in json.loads(host.ip("-d", "-j", "link", "show"))
        }
        self.ports, self.interfaces, bridges = (host.ovs_rows(table) for table in ("Port", "Interface", "Bridge"))
        identities = {row["_uuid"]: name for name, row in self.ports.items()}
        #: Bridges by port, of which it has one as a rule.
        self.where: dict[str, list[str]] = {}
        for name, row in sorted(bridges.items()):
            for port in row["ports"]:
                if port in identities:
                    self.where.setdefault(identities[port], []).append(name)

    def defects(self, link: model.BridgeLink) -> list[str]:
        """Return what is not as wanted, each a sentence; an empty list for a link that is whole."""
        found: list[str] = []
        for end in naming.wanted_ends(link):
            found += self._device(link, end)
            if end.bridge in self._host.ovs_bridges:
                found += self._row(link, end)
        if not found:
            found += self._offload(link)
        return found

    def marked(self) -> set[str]:
        """Return the ids of all links that have left a mark on a device or a row."""
        marks = {naming.owner(device.get("ifalias", "")) for device in self.devices.values()}
        rows = (*self.ports.values(), *self.interfaces.values())
        # One that only looks like ours is none.
        marks |= {naming.owner(naming.alias(row["external_ids"].get(_MARK, ""))) for row in rows}
        return {mark for mark in marks if mark is not None}

    def _device(self, link: model.BridgeLink, end: naming.WantedEnd) -> list[str]:
        device = self.devices.get(end.device)
        if device is None:
            return [f"{end.device} is missing"]
        linux = end.bridge not in self._host.ovs_bridges
        pairs: list[_Pair] = [
            ("peer", device.get("link"), end.other),
            ("alias", device.get("ifalias"), naming.alias(link.id)),
            ("state", device["operstate"], "UP"),
            ("MTU", device["mtu"], link.mtu or 1500),
            ("MAC", device["address"], end.mac),
            ("master", device.get("master"), end.bridge if linux else None),
        ]
        if linux:
            pairs.append(("bridges of Open vSwitch", self.where.get(end.device), None))
        return _different(end.device, pairs)

    def _row(self, link: model.BridgeLink, end: naming.WantedEnd) -> list[str]:
        port, interface = self.ports.get(end.device), self.interfaces.get(end.device)
        if port is None or interface is None:
            return [f"{end.device} has no row"]
        pairs: list[_Pair] = [
            ("bridges", self.where.get(end.device), [end.bridge]),
            ("interfaces", port["interfaces"], interface["_uuid"]),
            ("tag", port["tag"], [] if end.tag is None else end.tag),
            ("VLAN mode and trunks", (port["vlan_mode"], port["trunks"]), ([], [])),
            ("mark of the port", port["external_ids"].get(_MARK), link.id),
            ("mark of the interface", interface["external_ids"].get(_MARK), link.id),
            ("error", interface["error"], []),
            ("ifindex", interface["ifindex"], self.devices.get(end.device, {}).get("ifindex")),
            ("link state", interface["link_state"], "up"),
        ]
        found = _different(end.device, pairs)
        ofport = interface["ofport"]
        return found if isinstance(ofport, int) and ofport > 0 else [*found, f"{end.device}: ofport is {ofport}"]

    def _offload(self, link: model.BridgeLink) -> list[str]:
        """All OVS bridges of a host here are on the userspace datapath: finished checksums, nothing beyond the MTU."""
        found = []
        for end in naming.wanted_ends(link):
            if end.bridge in self._host.ovs_bridges:
                if "tx-checksumming: off" not in self._features(end.other):
                    found.append(f"{end.other}: checksums are offloaded")
                if "generic-receive-offload: off" not in self._features(end.device):
                    found.append(f"{end.device}: GRO is on")
        return found

    def _features(self, device: str) -> str:
        return self._host.run("ethtool", "--show-features", device, check=False)


def _different(device: str, pairs: list[_Pair]) -> list[str]:
    return [f"{device}: {what} is {is_so}, wanted {wanted}" for what, is_so, wanted in pairs if is_so != wanted]
