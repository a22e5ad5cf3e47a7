"""Where the ends of a link are to go: bridges looked up, kinds and MTU settled. Pure."""

import dataclasses

from vethagent import model
from vethagent.model import BridgeKind, Reason
from vethagent.plumbing import naming
from vethagent.plumbing.naming import WantedEnd
from vethagent.plumbing.observed import Observed

_DEFAULT_MTU = 1500
#: Type of a datapath whose packets pass through ovs-vswitchd itself.
NETDEV = "netdev"


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """One end and the bridge that was found for it; ``bridge_index`` is the ifindex of a Linux bridge."""

    end: WantedEnd
    kind: BridgeKind
    bridge_index: int | None
    bridge_mtu: int
    bridge_up: bool
    bridge_mac: str
    datapath_type: str | None

    @property
    def userspace(self) -> bool:
        """Whether packets go through ovs-vswitchd itself, which does not finish checksums for others."""
        return self.datapath_type == NETDEV


class BlockedError(Exception):
    """The link cannot be planned now; it waits for an event."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


def find_sites(link: model.BridgeLink, observed: Observed) -> tuple[Site, Site]:
    """Return the sites of both ends; raise BlockedError if a bridge is not there."""
    first, second = naming.wanted_ends(link)
    return _find(first, observed), _find(second, observed)


def wanted_mtu(link: model.BridgeLink, sites: tuple[Site, Site], settled: int | None) -> int:
    """Return the MTU of both ends in bytes: the one given or the smaller of the two bridges'.

    A bridge of either kind takes its own MTU from its ports, Open vSwitch a moment after the port has changed. So one
    that has less now than when ``settled`` was found may only have followed a change of our device, and back to the
    old value it comes only if our device goes first. A link grows with its bridges, it never shrinks with them.
    """
    if link.mtu is not None:
        return link.mtu
    smaller = min(site.bridge_mtu for site in sites)
    return smaller if settled is None else max(smaller, settled)


def _find(end: WantedEnd, observed: Observed) -> Site:
    linux = observed.linux_bridge(end.bridge)
    row = observed.bridges.get(end.bridge)
    unheard = not observed.ovs_known or (observed.ovs_away and row is None)
    if end.kind is not BridgeKind.LINUX and unheard and linux is None:
        raise BlockedError(Reason.OVSDB_UNAVAILABLE, f"bridge {end.bridge}: OVSDB does not answer")
    if end.kind is BridgeKind.AUTO and linux is not None and row is not None:
        raise BlockedError(Reason.BRIDGE_AMBIGUOUS, f"{end.bridge} is both a Linux and an OVS bridge; say which kind")
    if linux is not None and end.kind is not BridgeKind.OVS:
        if end.tag is not None:
            raise BlockedError(Reason.TAG_UNSUPPORTED, f"{end.bridge} is a Linux bridge; a tag is for OVS bridges only")
        return Site(end, BridgeKind.LINUX, linux.ifindex, linux.mtu, linux.up, linux.mac, None)
    if row is not None and end.kind is not BridgeKind.LINUX:
        local = observed.device(end.bridge)
        mtu, mac = (observed.mtu_of(local), local.mac) if local is not None else (_DEFAULT_MTU, "")
        return Site(end, BridgeKind.OVS, None, mtu, True, mac, row.datapath_type)
    raise BlockedError(Reason.BRIDGE_NOT_FOUND, _not_found(end, found=linux is not None or row is not None))


def _not_found(end: WantedEnd, *, found: bool) -> str:
    if found:
        other = BridgeKind.LINUX if end.kind is BridgeKind.OVS else BridgeKind.OVS
        return f"there is no bridge {end.bridge} of kind {end.kind} on this host, only one of kind {other}"
    return f"there is no bridge {end.bridge} on this host"
