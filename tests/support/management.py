"""The network that the processes of several hosts meet in: a bridge in a namespace of its own."""

import itertools

from tests.support import hosts, namespaces

_NETWORK = "10.88.0"
_PREFIX_LENGTH = 24
#: The host's device in it.
DEVICE = "mgmt0"


class ManagementNetwork(namespaces.Namespace):
    """A namespace for broker, controller and API, with a cable to each host that joined; exists only in namespaces."""

    address = f"{_NETWORK}.1"

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__("mgmt", name=name)
        self._addresses = itertools.count(11)
        self.ip("link", "add", "name", "mgmt", "type", "bridge", "stp_state", "0")
        self.ip("address", "add", f"{self.address}/{_PREFIX_LENGTH}", "dev", "mgmt")
        self.ip("link", "set", "mgmt", "up")

    def join(self, host: hosts.Host) -> str:
        """Give ``host`` a device in the network; return its address."""
        number = next(self._addresses)
        port = f"host{number}"
        self.ip("link", "add", port, "type", "veth", "peer", "name", DEVICE, "netns", host.namespace.name)
        self.ip("link", "set", port, "master", "mgmt", "up")
        address = f"{_NETWORK}.{number}"
        host.ip("address", "add", f"{address}/{_PREFIX_LENGTH}", "dev", DEVICE)
        host.ip("link", "set", DEVICE, "up")
        return address
