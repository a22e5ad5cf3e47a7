"""Which rows of OVSDB have to change for a link. Pure."""

import dataclasses
from collections.abc import Mapping

from vethagent import model
from vethagent.model import BridgeKind, Difference, Reason
from vethagent.plumbing.observed import Observed, OvsPort
from vethagent.plumbing.sites import Site
from vethagent.plumbing.steps import AttachPort, DetachPort


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """The steps in OVSDB, and what they are for; ``settle`` as in LinkPlan."""

    detach: tuple[DetachPort, ...] = ()
    attach: tuple[AttachPort, ...] = ()
    settle: bool = False
    differences: tuple[Difference, ...] = ()
    reason: Reason = Reason.NONE
    conflict: str = ""


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
    differences: list[Difference] = []
    wanted = {site.end.device: site for site in sites if site.kind is BridgeKind.OVS}
    for row in _our_rows(link, wanted, observed):
        site = wanted.get(row.name)
        if site is None or row.bridge != site.end.bridge or remake:
            detach.append(DetachPort(row.bridge, row.name, link.id, marked=row.link_id is not None))
        if site is not None and row.bridge != site.end.bridge:
            differences.append(_difference("WRONG_BRIDGE", row.name, site.end.bridge, row.bridge))
    leaving = {step.device for step in detach}
    for name, site in wanted.items():
        row_now = observed.ports.get(name)
        if text := _foreign(link, site, row_now, observed, adopt):
            return Rows(reason=Reason.NAME_CONFLICT, conflict=text, differences=tuple(differences))
        row_kept = None if name in leaving else row_now
        wrong = _differences(link, site, row_kept, adopt)
        if row_kept is not None or not remake:
            differences += wrong
        device = observed.device(name)
        # If our port is not there or is wanted otherwise than before, what the bridge has now is its own; but what is
        # less than an MTU taken from the bridges it has from a port that was changed, and has gone since.
        absent = device is None or row_now is None
        own = resized or (absent and (link.mtu is not None or site.bridge_mtu > mtu))
        keep_mtu = site.bridge_mtu if mtu != site.bridge_mtu and own else None
        shifts = keep_mtu is not None and device is not None and device.mtu != mtu
        if wrong or shifts or row_kept is None or row_kept.link_id != link.id:
            attach.append(AttachPort(site.end.bridge, name, link.id, site.end.tag, keep_mtu, _keep_mac(site)))
    settle = any(step.device in leaving for step in attach)
    return Rows(tuple(detach), tuple(attach), settle, tuple(differences))


def _keep_mac(site: Site) -> str | None:
    """Return the bridge's address if it would take the device's: of its ports' it takes the lowest global one."""
    local = int(site.end.mac[:2], 16) & 2
    return None if local or not site.bridge_mac else site.bridge_mac


def _our_rows(link: model.BridgeLink, wanted: Mapping[str, Site], observed: Observed) -> list[OvsPort]:
    """Return the marked rows, and those without a mark that somebody made for a marked device."""
    devices = {device.name for device in observed.owned_devices(link.id)}
    unmarked = [row for name in wanted if name in devices and (row := observed.ports.get(name)) and row.link_id is None]
    return observed.owned_ports(link.id) + unmarked


def _foreign(link: model.BridgeLink, site: Site, row: OvsPort | None, observed: Observed, adopt: bool) -> str:
    """Return why a row with a wanted name and without our mark cannot be taken, '' if it can.

    It can if its device is ours: then somebody took the mark off the row, or moved the device into another bridge.
    """
    if row is None or row.link_id == link.id:
        return ""
    ours = {device.name for device in observed.owned_devices(link.id)}
    if row.link_id is None and (row.name in ours or (adopt and row.bridge == site.end.bridge)):
        return ""
    whose = f"link {row.link_id}" if row.link_id else "something else"
    return f"the name {row.name} is taken by a port of {whose} in OVS bridge {row.bridge}"


def _differences(link: model.BridgeLink, site: Site, row: OvsPort | None, adopt: bool) -> list[Difference]:
    name, wrong = site.end.device, []
    if row is None:
        return [_difference("OVS_PORT_MISSING", name, site.end.bridge, "none")]
    if row.tag != site.end.tag:
        wrong.append(_difference("TAG", name, site.end.tag or "none", row.tag or "none"))
    if row.link_id != link.id and not adopt:
        wrong.append(_difference("EXTERNAL_IDS", name, link.id, row.link_id or "none"))
    return wrong


def _difference(code: str, device: str, wanted: object, observed: object) -> Difference:
    return Difference(code=code, device=device, wanted=str(wanted), observed=str(observed))
