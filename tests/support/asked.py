"""What was asked for on one host, compared with what is there."""

from tests.support import commands, deployment, rest, whole
from vethagent import model
from vethagent.plumbing import naming


class Asked:
    """A host with its agent, and the links that it is to have; whoever asks for one puts it into ``links``."""

    def __init__(self, api: rest.Rest, node: deployment.Node) -> None:
        self.api = api
        self.node = node
        self.host = node.host
        self.links: dict[str, rest.Link] = {}
        self._before: set[str] = set()

    def begin(self) -> None:
        """Take all that is there now for the host's own; to be called before the first link."""
        self._before = self._names()

    def batch(self, *lines: str) -> None:
        """Do lines of ip(8) in one go."""
        commands.run("ip", "-n", self.host.namespace.name, "-batch", "-", stdin="\n".join(lines))

    def defects(self, *names: str) -> list[str]:
        """Return what is not as wanted of the links with these names, of all if there are none."""
        seen = whole.Snapshot(self.host)
        links = [model.BridgeLink.model_validate(self.links[name]) for name in names or self.links]
        return [defect for link in links for defect in seen.defects(link)]

    def surplus(self) -> list[str]:
        """Return what is there beside the host's own and what is wanted: devices, ports, and marks of links."""
        wanted = {link["id"] for link in self.links.values()}
        links = [model.BridgeLink.model_validate(link) for link in self.links.values()]
        devices = {end.device for link in links for end in naming.wanted_ends(link)}
        own = self._before | devices | {f"port {device}" for device in devices}
        return sorted(self._names() - own) + sorted(whole.Snapshot(self.host).marked() - wanted)

    def _names(self) -> set[str]:
        ports = {f"port {name}" for bridge in self.host.ovs_bridges for name in self.host.ovs_ports(bridge)}
        return ports | set(self.host.devices())
