"""Answers about the host as a whole: its bridges and pairs, and what would be done. Pure."""

from collections.abc import Sequence

from vethagent import model
from vethagent.model import BridgeKind
from vethagent.plumbing import naming
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.steps import LinkPlan


def describe(host: str, observed: Observed) -> model.HostDescription:
    """Return bridges, their ports, and all veth pairs, owned and foreign."""
    bridges = tuple(_bridge(name, observed) for name in observed.bridge_names())
    return model.HostDescription(host=host, bridges=bridges, pairs=tuple(_pairs(observed)))


def host_plan(host: str, plans: Sequence[LinkPlan]) -> model.HostPlan:
    """Return the steps of ``plans`` as sentences."""
    links = (model.PlannedLink(link_id=plan.state.link_id, steps=plan.sentences(), state=plan.state) for plan in plans)
    return model.HostPlan(host=host, links=tuple(links))


def _bridge(name: str, observed: Observed) -> model.Bridge:
    row = observed.bridges.get(name)
    device = observed.device(name)
    linux = observed.linux_bridge(name)
    return model.Bridge(
        name=name,
        kind=BridgeKind.LINUX if linux is not None else BridgeKind.OVS,
        mtu=device.mtu if device else None,
        datapath_type=row.datapath_type if row else None,
        stp=linux.stp if linux is not None else bool(row and row.stp),
        ports=tuple(_port(port, observed) for port in observed.ports_of(name) if port != name),
    )


def _port(name: str, observed: Observed) -> model.BridgePort:
    device, row = observed.device(name), observed.ports.get(name)
    link_id = naming.owner(device.alias) if device else None
    return model.BridgePort(device=name, link_id=link_id or (row.link_id if row else None))


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
