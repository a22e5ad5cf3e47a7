"""Which veth pair of the host is the link's, whatever state it is in. Pure."""

import dataclasses
from collections.abc import Sequence

from vethagent import model
from vethagent.model import Reason
from vethagent.plumbing import naming
from vethagent.plumbing.observed import INNER_TYPES, Observed
from vethagent.plumbing.sites import Site
from vethagent.privileged.ifinfo import Device


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """``devices`` in the order of the ends, None if there is no pair; ``leftovers`` are owned and have to go first.

    ``adopted``: a foreign pair that the link may take over if it is exactly as wanted. ``claimed``: a pair that lost
    its mark, or was made by hand in place of ours, while the OVS row of the same name still has the mark, or had it
    until it was taken out to make the pair anew. ``rival``: another link of ours, whose device is in the way.
    """

    devices: tuple[Device, Device] | None = None
    leftovers: tuple[Device, ...] = ()
    adopted: bool = False
    claimed: bool = False
    reason: Reason = Reason.NONE
    conflict: str = ""
    rival: str | None = None


def find(link: model.BridgeLink, sites: tuple[Site, Site], observed: Observed) -> Pair:
    """Return the link's pair; a conflict is a wanted name that somebody else's device has."""
    names = (sites[0].end.device, sites[1].end.device)
    owned = observed.owned_devices(link.id)
    whole = [
        _ordered(device, peer, names, sites)
        for device in owned
        if (peer := observed.peer(device)) is not None and naming.owner(peer.alias) in (link.id, None)
    ]
    if whole:
        # Of several, which only happens to those who copy marks, the one with the wanted names; the others go.
        first, second = max(whole, key=lambda pair: (pair[0].name == names[0]) + (pair[1].name == names[1]))
        spare = [device for pair in whole if first not in pair and not _foreign(pair) for device in pair]
        found = Pair(devices=(first, second), leftovers=one_of_each(spare))
        if device := _foreign((first, second)):
            # The helper changes nothing that carries the mark of somebody else, not even our pair's other end.
            text = f"{device.name}, one end of the pair, carries the alias {device.alias!r} of another"
            return dataclasses.replace(found, reason=Reason.NAME_CONFLICT, conflict=text)
        return _with_conflicts(found, link.id, names, observed, ours=[first, second, *spare])
    if owned:
        ours = [*owned, *filter(None, map(observed.peer, owned))]
        return _with_conflicts(Pair(leftovers=one_of_each(owned)), link.id, names, observed, ours=ours)
    return _unmarked(link, sites, observed)


def _foreign(pair: tuple[Device, Device]) -> Device | None:
    """Return the device of ``pair`` that carries an alias which is no mark of ours."""
    return next((device for device in pair if device.alias and naming.owner(device.alias) is None), None)


def one_of_each(devices: Sequence[Device]) -> tuple[Device, ...]:
    """Return one device of each pair among ``devices``: the kernel deletes both ends together."""
    kept: dict[int, Device] = {}
    for device in devices:
        if device.peer not in kept:
            kept[device.ifindex] = device
    return tuple(kept.values())


def _ordered(device: Device, peer: Device, names: tuple[str, str], sites: tuple[Site, Site]) -> tuple[Device, Device]:
    """Return the two in the order of the ends, told by names or, both having been renamed, by addresses."""
    macs = (sites[0].end.mac, sites[1].end.mac)

    def score(first: Device, second: Device) -> tuple[int, int]:
        by_name = (first.name == names[0]) + (second.name == names[1])
        return by_name, (first.mac == macs[0]) + (second.mac == macs[1])

    return (device, peer) if score(device, peer) >= score(peer, device) else (peer, device)


def _unmarked(link: model.BridgeLink, sites: tuple[Site, Site], observed: Observed) -> Pair:
    names = (sites[0].end.device, sites[1].end.device)
    if not any(map(observed.device, names)):
        return Pair()
    if pair := _bare(names, observed):
        if link.id in observed.remaking or _has_our_row(link.id, names, observed):
            return Pair(devices=pair, claimed=True)
        if link.adopt:
            return Pair(devices=pair, adopted=True)
    if link.adopt:
        return Pair(reason=Reason.ADOPT_MISMATCH, conflict=_unfit(names, observed))
    return _with_conflicts(Pair(), link.id, names, observed, ours=())


def without_marks(link: model.BridgeLink, observed: Observed) -> tuple[Device, Device] | None:
    """Return the link's pair if it has lost both marks, told by both names and by a row that has kept its own."""
    first, second = naming.wanted_ends(link)
    names = (first.device, second.device)
    return _bare(names, observed) if _has_our_row(link.id, names, observed) else None


def may_be_another(
    link: model.BridgeLink, devices: tuple[Device, Device], sites: tuple[Site, Site], observed: Observed
) -> bool:
    """Return whether a pair without marks was made by hand in place of ours: that one has the addresses that it got."""
    kept = all(device.mac == site.end.mac for device, site in zip(devices, sites, strict=True))
    return not kept or link.id in observed.remaking


def _bare(names: tuple[str, str], observed: Observed) -> tuple[Device, Device] | None:
    """Return the veth pair with both names and no alias at all."""
    first, second = map(observed.device, names)
    if first is None or second is None or first.kind != "veth" or observed.peer(first) is not second:
        return None
    return None if first.alias or second.alias else (first, second)


def _unfit(names: tuple[str, str], observed: Observed) -> str:
    """Return why the devices with both names, of which one at least is there, are no pair to take over."""
    devices = {name: observed.device(name) for name in names}
    wrong = [f"there is no device {name}" for name, device in devices.items() if device is None]
    there = [device for device in devices.values() if device is not None]
    wrong += [f"{device.name} is a {device.kind or 'physical'} device" for device in there if device.kind != "veth"]
    wrong += [f"{device.name} has the alias {device.alias!r} of another owner" for device in there if device.alias]
    for name, other in (names, names[::-1]):
        device = devices[name]
        if device is None or device.kind != "veth":
            continue
        if (peer := observed.peer(device)) is None:
            wrong.append(f"the other end of {name} is in another network namespace")
        elif peer.name != other:
            wrong.append(f"the other end of {name} is {peer.name}")
    return f"{names[0]} and {names[1]} are no veth pair to take over: {'; '.join(wrong)}"


def _has_our_row(link_id: str, names: tuple[str, str], observed: Observed) -> bool:
    """Return whether a row of ours has put one into its bridge: whoever made the pair then made our link anew."""
    return any(row.name in names for row in observed.owned_ports(link_id))


def _with_conflicts(
    pair: Pair, link_id: str, names: tuple[str, str], observed: Observed, *, ours: Sequence[Device]
) -> Pair:
    mine = {device.ifindex for device in ours}
    for name in names:
        holder = observed.device(name)
        if holder is not None and holder.ifindex not in mine and not _is_of_our_row(holder, link_id, observed):
            owner = naming.owner(holder.alias)
            whose = f"link {owner}" if owner else "something else"
            text = f"the name {name} is taken by a {holder.kind or 'physical'} device of {whose}"
            return dataclasses.replace(pair, reason=Reason.NAME_CONFLICT, conflict=text, rival=owner)
    return pair


def _is_of_our_row(holder: Device, link_id: str, observed: Observed) -> bool:
    """Return whether ovs-vswitchd has made a device of the link's own row, as somebody has changed its type.

    It goes with the row.
    """
    row = observed.ports.get(holder.name)
    return row is not None and row.link_id == link_id and row.type in INNER_TYPES and holder.kind != "veth"


def gives_way(link: model.BridgeLink, rival: str | None, observed: Observed) -> bool:
    """Return whether what is there of a link has to go, lest it and another one wait for each other's names for ever.

    That is so if somebody swapped their names or marks. Of those in each other's way the one with the highest id goes.
    One that waits for a link which waits for nobody, or for something else, keeps what it has.
    """
    ring = [link.id]
    while rival is not None and rival not in ring:
        ring.append(rival)
        rival = observed.rivals.get(rival)
    if rival != link.id or link.id != max(ring):
        return False
    names = {end.device for end in naming.wanted_ends(link)}
    held = {device.name for device in observed.owned_devices(link.id)}
    held |= {row.name for row in observed.owned_ports(link.id)}
    return not held <= names
