"""Which rows of OVSDB have to change for a link. Pure."""

import dataclasses
from collections.abc import Mapping

from vethagent import constants, model
from vethagent.model import BridgeKind, Difference
from vethagent.plumbing import naming
from vethagent.plumbing.observed import Observed, OvsPort
from vethagent.plumbing.sites import Site
from vethagent.plumbing.steps import AttachPort, DetachPort, KeepBridge
from vethagent.privileged.ifinfo import Device


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """The steps in OVSDB, and what they are for; ``settle`` as in LinkPlan, ``rival`` as in Pair.

    ``conflict`` is why a wanted name cannot be had.
    """

    detach: tuple[DetachPort, ...] = ()
    attach: tuple[AttachPort, ...] = ()
    keep: tuple[KeepBridge, ...] = ()
    settle: bool = False
    differences: tuple[Difference, ...] = ()
    conflict: str = ""
    rival: str | None = None


def compare(
    link: model.BridgeLink,
    sites: tuple[Site, Site],
    observed: Observed,
    *,
    mtu: int,
    resized: bool,
    remake: bool,
    adopt: bool,
) -> Rows:
    """Return the steps for both ends, whose devices are to have ``mtu`` bytes; ``resized`` if they may have had others.

    ``remake``: the devices are being made, so a row that waits for one of their names has to go first. ``adopt``: a row
    without a mark is taken over.
    """
    detach: list[DetachPort] = []
    attach: list[AttachPort] = []
    keep: list[KeepBridge] = []
    differences: list[Difference] = []
    wanted = {site.end.device: site for site in sites if site.kind is BridgeKind.OVS}
    bridges = {site.end.device: site.end.bridge for site in sites}
    for row in (_astray(row, bridges.get(row.name)) for row in ours(link.id, observed, link)):
        site = wanted.get(row.name)
        unfit = _unfit(row, observed)
        if site is None or row.bridge != site.end.bridge or remake or unfit:
            detach.append(leave(row, link.id))
        differences += _out_of_place(row, bridges, link.id, observed) or ([] if site is None or remake else unfit)
    for site, there in ((site, _holder(site, observed)) for site in sites):
        if there is not None and (text := _foreign(link, site, there, observed, adopt)):
            return Rows(conflict=text, rival=there.link_id, differences=tuple(differences))
    leaving = {step.device for step in detach}
    for name, site in wanted.items():
        row_now = observed.ports.get(name)
        row_kept = None if name in leaving else row_now
        wrong = _differences(link, site, row_kept, mtu, adopt)
        if row_kept is not None or not (remake or (row_now is not None and _unfit(row_now, observed))):
            differences += wrong
        device = observed.device(name)
        own = resized or (row_kept is None and _keeps_more(site, device, mtu))
        keep_mtu = _keep_mtu(link, site, mtu, own=own, absent=device is None or row_now is None)
        if row_kept is not None and device is not None and not adopt:
            keep += _keep_first(site, device, mtu=keep_mtu if device.mtu != mtu else None, new=resized)
        if wrong or row_kept is None or row_kept.link_id != link.id:
            mac, cause = _keep_mac(site), link.request_id
            attach.append(AttachPort(site.end.bridge, name, link.id, site.end.tag, keep_mtu, mac, cause))
    settle = any(step.device in leaving for step in attach)
    return Rows(tuple(detach), tuple(attach), tuple(keep), settle, tuple(differences))


def _out_of_place(row: OvsPort, bridges: Mapping[str, str], link_id: str, observed: Observed) -> list[Difference]:
    """Return what is wrong with where a row is; ``bridges`` are those of the link by its devices."""
    if row.bridge != bridges.get(row.name, row.bridge):
        return [_difference("WRONG_BRIDGE", row.name, bridges[row.name], row.bridge)]
    if row.port not in bridges and observed.device(row.name) not in observed.owned_devices(link_id):
        return [_difference("SPARE_PORT", row.name, "absent", row.bridge)]
    return []


def _astray(row: OvsPort, wanted: str | None) -> OvsPort:
    """Return a row as one of the bridge that it has to leave first, if it is in several."""
    return dataclasses.replace(row, bridge=row.others[0]) if row.others and row.bridge == wanted else row


def _keep_first(site: Site, device: Device, *, mtu: int | None, new: bool) -> list[KeepBridge]:
    """Return what has to be kept of the bridge before its port changes: once it has followed it is not known any more.

    This process may not live to see it. ``mtu`` is what is to be kept of that; ``new`` if the link was never whole as
    it is wanted now, so that the bridge has an address of its own still.
    """
    mac = _keep_mac(site) if new and device.mac != site.end.mac else None
    return [KeepBridge(site.end.bridge, mtu, mac)] if mtu or mac else []


def _keeps_more(site: Site, device: Device | None, mtu: int) -> bool:
    """Return whether our port does not pull the bridge's MTU down; what has kept it goes with the last port."""
    return device is not None and mtu < site.bridge_mtu != device.mtu


def _keep_mtu(link: model.BridgeLink, site: Site, mtu: int, *, own: bool, absent: bool) -> int | None:
    """Return what the bridge has now if that is not ``mtu`` and its ``own``, as it may be if our port is ``absent``.

    If our port is wanted otherwise than before, it is its own too.
    What is less than an MTU taken from the bridges it has from a port that was changed, and has gone since.
    """
    own = own or (absent and (link.mtu is not None or site.bridge_mtu > mtu))
    return site.bridge_mtu if mtu != site.bridge_mtu and own else None


def _keep_mac(site: Site) -> str | None:
    """Return the bridge's address if it would take the device's: of its ports' it takes the lowest global one."""
    local = int(site.end.mac[:2], 16) & 2
    return None if local or not site.bridge_mac else site.bridge_mac


def _unfit(row: OvsPort, observed: Observed) -> list[Difference]:
    """Return why ovs-vswitchd has to let the port go and open its device anew."""
    wrong = []
    if row.name in observed.opened.stale:
        wrong.append(_difference("OVS_PORT_STALE", row.name, "this device", "another one that had the name"))
    # Set back at once it stays in error now and then: ovs-vswitchd 3.1 does not look at it again.
    return wrong + _of_other_type(row)


def _of_other_type(row: OvsPort) -> list[Difference]:
    plain = row.type in constants.OVS_PLAIN_TYPES
    return [] if plain else [_difference("PORT_TYPE", row.name, "system", row.type)]


def ours(link_id: str, observed: Observed, link: model.BridgeLink | None = None) -> list[OvsPort]:
    """Return the marked rows, and those without a mark that are for a marked device and for no other.

    Somebody made the latter, or took their mark off; or gave the port alone that of another link. On what is no port of
    a veth, as a card or a bond, a mark means nothing, unless it has a name of the link.
    """
    devices = [device.name for device in observed.owned_devices(link_id)]
    rows = filter(None, map(observed.ports.get, devices))
    names = naming.devices(link_id, link)
    marked = [row for row in observed.owned_ports(link_id) if row.port in names or _may_be_ours(row, observed)]
    found = [row for row in marked if _owner(row, observed) == link_id]
    strange = [row for row in rows if row.port == row.name and row.link_id != link_id]
    return found + [row for row in strange if _owner(row, observed) in (None, link_id)]


def _owner(row: OvsPort, observed: Observed) -> str | None:
    """Return the link whose port it is: the one that its mark names, unless interface and device agree on another."""
    device = observed.device(row.name)
    inner = row.inner_link_id
    return inner if inner and device is not None and naming.owner(device.alias) == inner else row.link_id


def _may_be_ours(row: OvsPort, observed: Observed) -> bool:
    if row.port != row.name:
        return False
    if row.type not in constants.OVS_PLAIN_TYPES:
        return row.marked  # with the marks of both rows it was our port before somebody changed it
    device = observed.device(row.name)
    return device is None or device.kind == "veth"


def leave(row: OvsPort, link_id: str) -> DetachPort:
    """Return the step that takes one of the link's rows away."""
    return DetachPort(row.bridge, row.name, link_id, marked=row.link_id is not None)


def _holder(site: Site, observed: Observed) -> OvsPort | None:
    """Return the row of whatever has the end's name in Open vSwitch."""
    row = observed.ports.get(site.end.device)
    return observed.inside(site.end.device) if row is None and site.kind is BridgeKind.OVS else row


def _foreign(link: model.BridgeLink, site: Site, row: OvsPort, observed: Observed, adopt: bool) -> str:
    """Return why a row with a wanted name and without our mark cannot be taken, '' if it can.

    It can if its device is ours: then somebody took the mark off the row, or moved the device into another bridge.
    """
    name = site.end.device
    if _owner(row, observed) == link.id:
        return ""
    if row.port not in (row.name, name):
        return f"{row.name} is in {row.port}, a port of something else in OVS bridge {row.bridge}"
    devices = {device.name for device in observed.owned_devices(link.id)}
    if row.link_id is None and row.name == name and (row.name in devices or (adopt and row.bridge == site.end.bridge)):
        return ""
    whose = f"link {row.link_id}" if row.link_id else "something else"
    return f"the name {name} is taken by a port of {whose} in OVS bridge {row.bridge}"


def _differences(link: model.BridgeLink, site: Site, row: OvsPort | None, mtu: int, adopt: bool) -> list[Difference]:
    name, wrong = site.end.device, []
    if row is None:
        return [_difference("OVS_PORT_MISSING", name, site.end.bridge, "none")]
    wrong += _of_other_type(row)  # of one to adopt: one of ours is taken out for that
    if row.tag != site.end.tag:
        # VLAN 0 is none of ours, but not the same as no tag: only frames without one pass.
        wrong.append(_difference("TAG", name, site.end.tag or "none", "none" if row.tag is None else row.tag))
    if row.vlans:
        wrong.append(_difference("VLANS", name, "by the tag alone", row.vlans))
    if row.mtu_request not in (None, mtu):
        wrong.append(_difference("MTU_REQUEST", name, "none", row.mtu_request))
    if not row.alone:
        wrong.append(_difference("INTERFACES", name, f"{name} alone", "others too"))
    if (row.link_id != link.id or not row.marked) and not adopt:
        found = row.link_id or "none"
        wrong.append(_difference("EXTERNAL_IDS", name, link.id, found if found != link.id else "in one of two rows"))
    return wrong


def _difference(code: str, device: str, wanted: object, observed: object) -> Difference:
    return Difference(code=code, device=device, wanted=str(wanted), observed=str(observed))
