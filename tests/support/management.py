"""The network that the processes of several hosts meet in: a bridge in a namespace of its own."""

import contextlib
import itertools
from collections.abc import Iterator

from tests.support import hosts, namespaces

_NETWORK = "10.88.0"
_PREFIX_LENGTH = 24
_MAC = "02:00:0a:58:00:01"
#: The host's device in it, and the bridge that some have it in.
DEVICE, BRIDGE = "mgmt0", "br-mgmt"


class ManagementNetwork(namespaces.Namespace):
    """A namespace for broker, controller and API, with a cable to each host that joined; exists only in namespaces."""

    address = f"{_NETWORK}.1"

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__("mgmt", name=name)
        self._addresses = itertools.count(11)
        # An address of its own: one that is taken from a port changes when that goes, and the kernel removes the
        # devices of a namespace some time after it. Until the hosts ask again, half a minute later, they reach nobody.
        self.ip("link", "add", "name", "mgmt", "address", _MAC, "type", "bridge", "stp_state", "0")
        self.ip("address", "add", f"{self.address}/{_PREFIX_LENGTH}", "dev", "mgmt")
        self.ip("link", "set", "mgmt", "up")

    def join(self, host: hosts.Host) -> str:
        """Give ``host`` a device in the network; return its address."""
        number = next(self._addresses)
        address = f"{_NETWORK}.{number}"
        port = _port(address)
        self.ip("link", "add", port, "type", "veth", "peer", "name", DEVICE, "netns", host.namespace.name)
        self.ip("link", "set", port, "master", "mgmt", "up")
        host.ip("address", "add", f"{address}/{_PREFIX_LENGTH}", "dev", DEVICE)
        host.ip("link", "set", DEVICE, "up")
        return address

    @contextlib.contextmanager
    def without_cable(self, address: str) -> Iterator[None]:
        """While the block lasts nothing is at the other end of the cable of the host with this address."""
        self.ip("link", "set", _port(address), "down")
        try:
            yield
        finally:
            self.ip("link", "set", _port(address), "up")

    def put_into_bridge(self, host: hosts.Host, address: str) -> None:
        """Have ``host``, which joined with ``address``, reach the network over the Linux bridge BRIDGE.

        What it learns about its neighbours it forgets within seconds, and what somebody shouts it believes at once; the
        network itself knows where the host is and never asks it.
        """
        host.linux_bridge(BRIDGE)
        host.ip("address", "flush", "dev", DEVICE)
        # An address of its own here too, so that DEVICE may be moved to a bridge behind it.
        mac = f"02:00:0a:58:01:{int(address.rpartition('.')[2]):02x}"
        host.ip("link", "set", BRIDGE, "address", mac)
        host.ip("link", "set", DEVICE, "master", BRIDGE)
        host.ip("address", "add", f"{address}/{_PREFIX_LENGTH}", "dev", BRIDGE)
        self.ip("neighbour", "replace", address, "lladdr", mac, "dev", "mgmt", "nud", "permanent")
        # In milliseconds. Not by /proc/sys, which a container may not write to.
        settings = ["base_reachable", "500", "delay_probe", "1000", "retrans", "100", "locktime", "0"]
        host.ip("ntable", "change", "name", "arp_cache", "dev", BRIDGE, *settings)


def _port(address: str) -> str:
    return f"host{address.rpartition('.')[2]}"
