"""A compute node: a network namespace with an Open vSwitch of its own, its bridges, and guests behind them."""

import json
import pathlib
from typing import Any

from tests.support import commands, namespaces, openvswitch, tidy

#: Bytes of what waits for one neighbour of a guest to be found; the kernel lets it be 212,992.
_UNRESOLVED = 16384


class Guest(namespaces.Namespace):
    """A namespace with one address, joined to a bridge of a host by a veth pair that carries no mark."""

    def __init__(self, role: str, *, device: str, address: str, name: str | None = None) -> None:
        super().__init__(role, name=name)
        self.device = device
        self.address = address


class Host(tidy.Tidy):
    """One compute node."""

    def __init__(self, name: str, *, namespace: str | None = None, folder: pathlib.Path | None = None) -> None:
        super().__init__()
        self.name = name
        self.guests: list[Guest] = []
        self.ovs_bridges: set[str] = set()
        with self._building():
            self.folder = self._make_folder(name, folder)
            self.namespace = self._cleanup.enter_context(namespaces.Namespace(name, name=namespace))
            ovs_folder = self.folder / "openvswitch"
            ovs_folder.mkdir()
            self.ovs = openvswitch.OpenVSwitch(self.namespace, ovs_folder)
            self._cleanup.callback(self.ovs.close)
            self.ovs.start()

    @property
    def ovsdb(self) -> str:
        """Where the host's Open vSwitch database is reached."""
        return self.ovs.connection

    def run(self, *command: str, check: bool = True, timeout: float = 60) -> str:
        """Run ``command`` on the host and return what it printed."""
        return self.namespace.run(*command, check=check, timeout=timeout)

    def ip(self, *arguments: str) -> str:
        """Run ip(8) on the host and return what it printed."""
        return self.namespace.ip(*arguments)

    def vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl on the host's Open vSwitch and return what it printed."""
        return self.ovs.vsctl(*arguments)

    def device(self, name: str) -> dict[str, Any] | None:
        """Return what ``ip -d -j link show`` says of a device, None if there is none."""
        devices = json.loads(self.ip("-d", "-j", "link", "show"))
        return next((device for device in devices if device["ifname"] == name), None)

    def devices(self) -> list[str]:
        """Return the names of all devices of the host, sorted."""
        return sorted(device["ifname"] for device in json.loads(self.ip("-j", "link", "show")))

    def ovs_ports(self, bridge: str) -> list[str]:
        """Return the ports of an Open vSwitch bridge without its local one."""
        return self.vsctl("list-ports", bridge).split()

    def ovs_row(self, table: str, record: str, *columns: str) -> dict[str, Any]:
        """Return columns of one row of the Open vSwitch database, as Python values; maps as dictionaries."""
        answer = json.loads(self.vsctl("--format=json", f"--columns={','.join(columns)}", "list", table, record))
        return {name: _value(value) for name, value in zip(answer["headings"], answer["data"][0], strict=True)}

    def ovs_rows(self, table: str) -> dict[str, dict[str, Any]]:
        """Return all rows of a table that has names, by name."""
        answer = json.loads(self.vsctl("--format=json", "list", table))
        rows = (dict(zip(answer["headings"], map(_value, row), strict=True)) for row in answer["data"])
        return {row["name"]: row for row in rows}

    # -- bridges and guests --------------------------------------------------------------------------------------

    def linux_bridge(self, name: str, *, mtu: int | None = None, stp: bool = False) -> None:
        """Make a Linux bridge that is up."""
        size = [] if mtu is None else ["mtu", str(mtu)]
        self.ip("link", "add", "name", name, *size, "type", "bridge", "stp_state", str(int(stp)))
        self.ip("link", "set", name, "up")

    def ovs_bridge(self, name: str, *, mtu: int | None = None, stp: bool = False) -> None:
        """Make an Open vSwitch bridge on the userspace datapath that is up."""
        size = [] if mtu is None else ["--", "set", "Interface", name, f"mtu_request={mtu}"]
        options = ["datapath_type=netdev", f"stp_enable={str(stp).lower()}"]
        self.vsctl("add-br", name, "--", "set", "Bridge", name, *options, *size)
        self.ovs_bridges.add(name)
        self.ip("link", "set", name, "up")

    def guest(self, bridge: str, address: str, *, namespace: str | None = None) -> Guest:
        """Put a guest with ``address`` (such as 192.0.2.1/24) behind ``bridge``."""
        number = len(self.guests) + 1
        role = f"{self.name}-guest{number}"
        guest = Guest(role, name=namespace, device=f"tap{number}", address=address.partition("/")[0])
        self._cleanup.callback(guest.close)
        self.guests.append(guest)
        self.ip("link", "add", guest.device, "type", "veth", "peer", "name", "eth0", "netns", guest.name)
        if bridge in self.ovs_bridges:
            # The userspace datapath passes on the unfinished checksums that a veth gives it.
            guest.run("ethtool", "--offload", "eth0", "tx", "off")
            self.vsctl("add-port", bridge, guest.device)
        else:
            self.ip("link", "set", guest.device, "master", bridge)
        self.ip("link", "set", guest.device, "up")
        # The kernel answers the pings of all namespaces from one socket per processor. Answers that wait for somebody's
        # address take up its room, and then it answers none, whatever carried it.
        guest.run("sh", "-c", f"echo {_UNRESOLVED} > /proc/sys/net/ipv4/neigh/eth0/unres_qlen_bytes")
        guest.ip("address", "add", address, "dev", "eth0")
        guest.ip("link", "set", "eth0", "up")
        return guest

    def remove_guests(self) -> None:
        """Remove all guests and what joined them to the bridges."""
        for guest in self.guests:
            for bridge in self.ovs_bridges:
                self.vsctl("--if-exists", "del-port", bridge, guest.device)
            guest.close()
        commands.wait_until(
            lambda: not any(self.namespace.has_device(guest.device) for guest in self.guests),
            what="the end of the guests' devices",
        )
        self.guests.clear()


def _value(value: Any) -> Any:
    """Return a value of the OVSDB protocol (RFC 7047, 5.1) as a Python value."""
    match value:
        case ["map", pairs]:
            return dict(pairs)
        case ["set", items]:
            return [_value(item) for item in items]
        case ["uuid", text]:
            return text
    return value
