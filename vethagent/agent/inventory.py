"""Answers about the host as a whole: its bridges and pairs, and what would be done. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from vethagent import model
from vethagent.model import BridgeKind
from vethagent.plumbing import naming
from vethagent.plumbing.loops import shared_port
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.steps import LinkPlan


def describe(host: str, observed: Observed, mappings: Mapping[str, str] | None = None) -> model.HostDescription:
    """Return bridges, their ports, all veth pairs and ways between bridges, owned and foreign.

    ``mappings`` are the bridges by physical network.
    """
    networks = {bridge: network for network, bridge in (mappings or {}).items()}
    bridges = tuple(_bridge(name, observed, networks.get(name)) for name in observed.bridge_names())
    ways = tuple(way for bridge in bridges for way in _ways(bridge.name, observed))
    return model.HostDescription(host=host, bridges=bridges, pairs=tuple(_pairs(observed)), ways=ways)


class Keeper:
    """Keeps the newest inventory, and makes another one only after something has changed; the consumer owns it."""

    def __init__(self, host: str, observed: Observed, mappings: Mapping[str, str]) -> None:
        self._host, self._observed, self._mappings = host, observed, mappings
        self._made: model.HostInventory | None = None
        self._revision = -1

    def describe(self) -> model.HostDescription:
        """Return the host as it is now."""
        return describe(self._host, self._observed, self._mappings)

    def look(self) -> model.HostInventory | None:
        """Return the inventory of the host as it is now, None as long as nothing was looked at."""
        if self._observed.devices and self._revision != self._observed.revision:
            self._revision = self._observed.revision
            self._made = model.inventory(self.describe())
        return self._made


def host_plan(host: str, plans: Sequence[LinkPlan], observed: Observed) -> model.HostPlan:
    """Return the steps of ``plans`` as sentences, with the devices' names of ``observed``."""

    def name(ifindex: int) -> str | None:
        device = observed.devices.get(ifindex)
        return device.name if device else None

    links = (
        model.PlannedLink(link_id=plan.state.link_id, steps=plan.sentences(name), state=plan.state) for plan in plans
    )
    return model.HostPlan(host=host, links=tuple(links))


def _bridge(name: str, observed: Observed, physical_network: str | None) -> model.Bridge:
    row = observed.bridges.get(name)
    device = observed.device(name)
    linux = observed.linux_bridge(name)
    return model.Bridge(
        name=name,
        kind=BridgeKind.LINUX if linux is not None else BridgeKind.OVS,
        mtu=device.mtu if device else None,
        datapath_type=row.datapath_type if row else None,
        stp=linux.stp if linux is not None else bool(row and row.stp),
        physical_network=physical_network,
        ports=tuple(_port(port, observed) for port in observed.ports_of(name) if port != name),
    )


def _port(name: str, observed: Observed) -> model.BridgePort:
    return model.BridgePort(device=name, link_id=_owner(name, observed))


def _owner(name: str, observed: Observed) -> str | None:
    device, row = observed.device(name), observed.ports.get(name)
    link_id = naming.owner(device.alias) if device else None
    return link_id or (row.link_id if row else None)


def _ways(bridge: str, observed: Observed) -> Iterator[model.BridgeWay]:
    for device, other in sorted(observed.neighbours(bridge)):
        if shared_port(observed, bridge, other, device) or shared_port(observed, other, bridge, device):
            continue  # which of those behind that port it is a way between is known here only
        if bridge < other:  # the other one shows it too
            row = observed.ports.get(device)
            patch = row is not None and row.type == "patch"
            yield model.BridgeWay(bridges=(bridge, other), device=device, patch=patch, link_id=_owner(device, observed))


def _pairs(observed: Observed) -> list[model.VethPair]:
    pairs = []
    for device in observed.devices.values():
        peer = observed.peer(device) if device.kind == "veth" else None
        if peer is None or peer.ifindex < device.ifindex:
            continue
        pairs.append(
            model.VethPair(
                devices=(device.name, peer.name),
                bridges=(observed.bridge_of(device), observed.bridge_of(peer)),
                link_id=naming.owner(device.alias) or naming.owner(peer.alias),
            )
        )
    return sorted(pairs, key=lambda pair: pair.devices)
