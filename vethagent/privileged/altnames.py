"""Names that are taken: a device may have others besides its own (ip link property), and these are nobody else's."""

from collections.abc import Iterable, Sequence

from vethagent.privileged import ifinfo, operations, rtnl
from vethagent.privileged.encoding import Request


def release(route: rtnl.RouteSocket, changes: Sequence[operations.ChangeEnd]) -> dict[int, list[Request]]:
    """Return by ifindex what has to be sent before a device can get a name that is an altname of its own pair."""
    renamed = [(change, change.name) for change in changes if change.name is not None]
    holders = route.find_all(name for _, name in renamed)
    return {
        change.ifindex: [_remove(holder.ifindex, name)]
        for (change, name), holder in zip(renamed, holders, strict=True)
        if holder is not None and holder.name != name and _is_of(change, holder)
    }


def taken(route: rtnl.RouteSocket, names: Iterable[str], *, by_others_than: int = 0) -> str:
    """Return who has one of ``names``, '' if nobody but the device with that ifindex."""
    wanted = list(names)
    for name, holder in zip(wanted, route.find_all(wanted), strict=True):
        if holder is not None and holder.ifindex != by_others_than:
            other = f", {holder.name}, as an altname" if holder.name != name else ""
            return f"{operations.NAME_TAKEN}{name} is taken by a {holder.kind or 'physical'} device{other}"
    return ""


def _is_of(change: operations.ChangeEnd, holder: ifinfo.Device) -> bool:
    return holder.ifindex == change.ifindex or (holder.kind == "veth" and holder.alias == change.alias)


def _remove(index: int, name: str) -> Request:
    attributes = [("IFLA_PROP_LIST", {"attrs": [("IFLA_ALT_IFNAME", name)]})]
    return rtnl.link_message(ifinfo.RTM_DELLINKPROP, index=index, attributes=attributes)
