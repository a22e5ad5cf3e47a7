"""Linux bridges that keep their address and MTU, whatever a batch does to their ports.

By itself a bridge takes the smallest of each among its ports (br_if.c, br_stp_if.c).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from vethagent.privileged import ifinfo, operations, rtnl
from vethagent.privileged.encoding import Request

_NO_MAC = "00:00:00:00:00:00"
#: What a Linux bridge has that has no port, unless somebody has set another one.
_MTU_WITHOUT_PORTS = 1500


class Bridges:
    """Those of one batch. ``devices`` are known by their ifindex, and more are looked up when they are needed."""

    def __init__(self, route: rtnl.RouteSocket, devices: dict[int, ifinfo.Device]) -> None:
        self._route = route
        self._devices = devices
        #: What is to stay, by attribute, of each bridge.
        self._kept: dict[int, dict[str, Any]] = {}
        #: What each might take from a port, as devices of ours in it have it or get it.
        self._given: dict[int, set[object]] = {}
        #: Bridges whose address has been set.
        self._addressed: set[int] = set()

    def note(self, operation: operations.Operation) -> None:
        """Remember how bridges are of which an operation changes a port."""
        match operation:
            case operations.CreatePair():
                for end in operation.ends:
                    self._note(end.master, mtu=end.mtu, mac=end.mac)
            case operations.ChangeEnd():
                device = self._devices[operation.ifindex]
                mtu, mac = operation.mtu or device.mtu, operation.mac or device.mac
                self._note(operation.master, mtu=mtu, mac=mac)
                resized = operation.mtu and not (operation.bridge_follows or may_be_followed(operation, device))
                if resized or operation.mac:
                    self._note(device.master, mtu=mtu if resized else None, mac=mac)

    def _note(self, index: int | None, *, mtu: int | None, mac: str) -> None:
        bridge = self._find(index)
        if bridge is not None and bridge.kind == "bridge":
            self._keep(bridge, mtu=mtu is not None)
            self._given.setdefault(bridge.ifindex, set()).update({mac, mtu})

    def _keep(self, bridge: ifinfo.Device, *, mtu: bool) -> None:
        kept = self._kept.setdefault(bridge.ifindex, {})
        if bridge.mac != _NO_MAC:
            kept["IFLA_ADDRESS"] = bridge.mac
        if mtu:
            kept["IFLA_MTU"] = bridge.mtu

    def look_again(self, indexes: Iterable[int]) -> None:
        """Look once more at bridges that have had no port yet: who has just made one may set what it is to have."""
        young = {index for index in indexes if self._devices[index].follows} - self._addressed
        self._devices |= (found := self._route.get_all(young))
        for bridge in found.values():
            self._keep(bridge, mtu=True)

    def left(self, index: int, *, both: bool = True) -> list[Request]:
        """Return what gives bridges back the MTU that they have, should a device be their last port and leave them.

        By itself a bridge without ports has 1500 (br_mtu_min in br_if.c). With ``both`` the peer leaves its bridge too.
        """
        device = self._devices[index]
        if device.mtu == _MTU_WITHOUT_PORTS:
            return []  # a bridge that has another one does not follow its ports
        ends = [device, self._find(device.peer)] if both else [device]
        bridges = [bridge for end in ends if end is not None and (bridge := self._find(end.master)) is not None]
        return [set_link(bridge.ifindex, [("IFLA_MTU", bridge.mtu)]) for bridge in bridges if bridge.kind == "bridge"]

    def keeping(self, index: int, mtu: int, mac: str, messages: list[Request]) -> list[Request]:
        """Return ``messages``, and what keeps a bridge as it is although they give it a port with this MTU and address.

        An address that is set before is kept from then on; an MTU is taken for set only if it is another one than now
        (dev_set_mtu in dev.c). A bridge that lost its last port has no address to keep, and the kernel refuses to set
        none.
        """
        bridge = self._devices.get(index)
        if bridge is None or bridge.kind != "bridge":
            return messages
        first: list[Request] = []
        if index not in self._addressed and bridge.mac != _NO_MAC and (mac < bridge.mac or bridge.follows):
            self._addressed.add(index)
            first.append(set_link(index, [("IFLA_ADDRESS", bridge.mac)]))
        last = [set_link(index, [("IFLA_MTU", bridge.mtu)])] if mtu < bridge.mtu else []
        return [*first, *messages, *last]

    def restore(self) -> None:
        """Give a bridge back what it had, should it have taken what our devices have all the same.

        What else it has now somebody has set meanwhile, such as who has just made it.
        """
        messages = []
        for index, after in self._route.get_all(self._kept, ifinfo.TAKEN).items():
            now = {"IFLA_ADDRESS": after.mac, "IFLA_MTU": after.mtu}
            kept = self._kept[index].items()
            lost = [(name, value) for name, value in kept if now[name] != value and now[name] in self._given[index]]
            if lost:
                messages.append(set_link(index, lost))
        self._route.request(messages)

    def _find(self, index: int | None) -> ifinfo.Device | None:
        if index and index not in self._devices and (device := self._route.get(index)):
            self._devices[index] = device
        return self._devices.get(index) if index else None


def set_link(index: int, attributes: Sequence[tuple[str, Any]], up: bool | None = None) -> Request:
    """Return a request that sets something of a device."""
    return rtnl.link_message(ifinfo.RTM_SETLINK, index=index, up=up, attributes=attributes)


def may_be_followed(change: operations.ChangeEnd, device: ifinfo.Device) -> bool:
    """Return whether the bridge that a device leaves may have its MTU from that alone, which was too small."""
    return change.master is not None and change.mtu is not None and change.mtu > device.mtu
