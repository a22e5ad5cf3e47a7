"""How the ends of a link are, as it is told of them. Pure."""

from vethagent import model
from vethagent.model import BridgeKind
from vethagent.plumbing import naming
from vethagent.plumbing.observed import Observed
from vethagent.privileged.ifinfo import Device


def describe(end: naming.WantedEnd, kind: BridgeKind, device: Device | None, observed: Observed) -> model.EndState:
    """Return one end as kernel and OVSDB show it; ``device`` is the one that was found for it, if any."""
    row = observed.ports.get(end.device)
    bridge = observed.bridges.get(end.bridge) if kind is BridgeKind.OVS else None
    linux = observed.linux_bridge(end.bridge) if kind is BridgeKind.LINUX else None
    around = bridge or linux
    return model.EndState(
        bridge=end.bridge,
        kind=kind,
        device=end.device,
        present=device is not None,
        ifindex=device.ifindex if device else None,
        peer_ifindex=device.peer if device else None,
        attached_to=observed.bridge_of(device) if device else None,
        mac=device.mac if device else None,
        mtu=device.mtu if device else None,
        up=device.up if device else None,
        carrier=device.carrier if device else None,
        tx_checksum=observed.tx_checksum.get(device.ifindex) if device else None,
        datapath_type=bridge.datapath_type if bridge else None,
        stp=around.stp if around else None,
        ofport=row.ofport if row else None,
        tag=row.tag if row else None,
        error=row.error if row else None,
    )


def by_name(link: model.BridgeLink, observed: Observed) -> tuple[model.EndState, ...]:
    """Return both ends of a link whose place is not known, as what has their names."""
    return tuple(describe(end, end.kind, observed.device(end.device), observed) for end in naming.wanted_ends(link))
