"""What the host shows now: devices of the kernel and rows of OVSDB, kept by events and indexed by what is asked.

One thread owns an Observed. It only holds and finds; whoever learns of a change calls ``put_…``. Every question is
answered without going through all devices.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TypeVar

from vethagent.plumbing import naming
from vethagent.plumbing.opened import Opened
from vethagent.privileged.ifinfo import Device
from vethagent.privileged.operations import AdoptPair, ChangeEnd, Operation

#: Devices whose members send and receive as one.
_BUNDLES = ("bond", "team")

#: Devices that stand on another one: what is sent into them leaves by that one, and they take what comes in there. All
#: but the first may also take what others of them on it send (macvlan_queue_xmit in drivers/net/macvlan.c).
UPPERS = ("vlan", "macvlan", "macvtap")

#: Types of ports of Open vSwitch whose device is the other side of them: what is sent through it comes in there.
INNER_TYPES = ("internal", "tap")

K = TypeVar("K")
V = TypeVar("V")


@dataclasses.dataclass(frozen=True, slots=True)
class OvsBridge:
    """A row of Bridge; ``stp`` is STP or RSTP; ``datapath_type`` is '' for the kernel's.

    ``forwards_bpdus`` is what makes one without STP pass on what others tell each other of it.
    """

    name: str
    datapath_type: str = ""
    stp: bool = False
    forwards_bpdus: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class OvsPort:
    """A row of Interface with the port and the bridge that it is in; ``ofport`` None: ovs-vswitchd has not seen it.

    ``others`` are bridges that it is in as well. ``vlans`` as in ovs_replica. ``marked``: the interface has the port's
    mark, or lack of it, too; if it has that of another link this is ``inner_link_id``. ``alone``: the port has no other
    interface. ``kept_mtu`` is what a bridge's own interface has as long as the bridge is not to follow links. ``key``
    tells one row from another that came in its place.
    """

    name: str
    port: str
    bridge: str
    others: tuple[str, ...] = ()
    type: str = ""
    peer: str | None = None
    tag: int | None = None
    vlans: str = ""
    link_id: str | None = None
    inner_link_id: str | None = None
    marked: bool = True
    alone: bool = True
    mtu_request: int | None = None
    kept_mtu: int | None = None
    ofport: int | None = None
    error: str | None = None
    key: object = None


class Observed:
    """Devices, OVS bridges and OVS ports of one host."""

    def __init__(self) -> None:
        self.devices: dict[int, Device] = {}
        self.bridges: dict[str, OvsBridge] = {}
        self.ports: dict[str, OvsPort] = {}
        #: ifindex -> offload on; read for marked devices only, by whoever puts them in.
        self.tx_checksum: dict[int, bool] = {}
        #: ifindex -> GRO on; read for those of the marked devices that are in no Linux bridge.
        self.gro: dict[int, bool] = {}
        #: False until the rows of OVSDB are all there: until then nothing is known of it, not even that it is empty.
        self.ovs_known = False
        #: Whether OVSDB is away, so that what its rows were may not be so any more; set by whoever hears of that.
        self.ovs_away = False
        #: Another one after each change.
        self.revision = 0
        self.opened = Opened()
        #: Links whose port was taken out so that the pair can be made anew; set by whoever carries that out.
        self.remaking: set[str] = set()
        #: Link -> the other one that has a name of its own; set by whoever says so of it.
        self.rivals: dict[str, str] = {}
        #: Link -> its bridges, of those that were there and wait for the rows of OVSDB; set by whoever finds that out.
        self.awaited: dict[str, tuple[str, str]] = {}
        self._names: dict[str, int] = {}
        #: ifindex of a veth device -> that of the one which names it as its other end.
        self._peers: dict[int, int] = {}
        self._members: defaultdict[int, set[int]] = defaultdict(set)
        #: ifindex of a device -> those that stand on it.
        self._uppers: defaultdict[int, set[int]] = defaultdict(set)
        self._owned_devices: defaultdict[str, set[int]] = defaultdict(set)
        self._ports_of: defaultdict[str, set[str]] = defaultdict(set)
        self._owned_ports: defaultdict[str, set[str]] = defaultdict(set)
        #: Name of a port -> its interfaces that have other names, as those of a bond.
        self._inside: defaultdict[str, set[str]] = defaultdict(set)
        #: OVS bridge -> the MTU that it comes back to, as its last link has just gone.
        self._let_go: dict[str, int] = {}

    # -- what changes --------------------------------------------------------------------------------------------

    def put_device(self, ifindex: int, device: Device | None) -> Device | None:
        """Take in a device as it is now, None if it is gone; return it as it was before."""
        self.revision += 1
        before = self.devices.pop(ifindex, None)
        if before is not None:
            self._leave(before)
        if device is None:
            self._forget(ifindex, before)
            return before
        self.devices[ifindex] = device
        self._names[device.name] = ifindex
        if self._let_go.get(device.name) == device.mtu:
            del self._let_go[device.name]
        if device.name in self.ports:
            self.opened.named(device.name, ifindex)
        if device.kind == "veth" and device.peer:
            self._peers[device.peer] = ifindex
        if device.master:
            self._members[device.master].add(ifindex)
        if device.peer and device.kind in UPPERS:
            self._uppers[device.peer].add(ifindex)
        if link_id := _owner(device):
            self._owned_devices[link_id].add(ifindex)
        return before

    def _leave(self, device: Device) -> None:
        """A device is not as it was any more."""
        if self._names.get(device.name) == device.ifindex:
            del self._names[device.name]
        if device.peer and self._peers.get(device.peer) == device.ifindex:
            del self._peers[device.peer]
        if device.master:
            _drop(self._members, device.master, device.ifindex)
        if device.peer and device.kind in UPPERS:
            _drop(self._uppers, device.peer, device.ifindex)
        if link_id := _owner(device):
            _drop(self._owned_devices, link_id, device.ifindex)

    def _forget(self, ifindex: int, before: Device | None) -> None:
        self.tx_checksum.pop(ifindex, None)
        self.gro.pop(ifindex, None)
        if before is not None:
            self.opened.gone(before.name, ifindex)

    def put_bridge(self, name: str, bridge: OvsBridge | None) -> OvsBridge | None:
        """Take in an OVS bridge as it is now, None if it is gone; return it as it was before."""
        self.revision += 1
        before = self.bridges.pop(name, None)
        if bridge is not None:
            self.bridges[name] = bridge
        return before

    def put_port(self, name: str, port: OvsPort | None) -> OvsPort | None:
        """Take in an OVS interface as it is now, None if it is gone; return it as it was before."""
        self.revision += 1
        before = self.ports.pop(name, None)
        if before is None or port is None or (port.key, port.type) != (before.key, before.type):
            self.opened.row(name, self._names.get(name) if port is not None else None)
        if port is None or port.mtu_request is not None:
            self._let_go.pop(name, None)
        elif before is not None and before.kept_mtu is not None:
            self._let_go[name] = before.kept_mtu
        if before is not None:
            _drop(self._ports_of, before.bridge, name)
            if before.link_id:
                _drop(self._owned_ports, before.link_id, name)
            _drop(self._inside, before.port, name)
        if port is not None:
            self.ports[name] = port
            self._ports_of[port.bridge].add(name)
            if port.link_id:
                self._owned_ports[port.link_id].add(name)
            if port.port != name:
                self._inside[port.port].add(name)
        return before

    # -- what is asked -------------------------------------------------------------------------------------------

    def device(self, name: str) -> Device | None:
        """Return the device with this name."""
        index = self._names.get(name)
        return None if index is None else self.devices[index]

    def peer(self, device: Device) -> Device | None:
        """Return the other end of a veth if it is in this namespace and neither end says otherwise.

        The event that tells of a pair's second device is sent before the two are tied together (veth_newlink in
        drivers/net/veth.c), and no other need follow; so what one end says is enough. Nor does any tell of an end that
        stays where it is that the other one has another number, back from another namespace.
        """
        other = self.devices.get(self._peer_index(device))
        return other if other is not None and self._peer_index(other) == device.ifindex else None

    def _peer_index(self, device: Device) -> int:
        return device.peer if device.peer in self.devices else self._peers.get(device.ifindex, 0)

    def mtu_of(self, bridge: Device) -> int:
        """Return the MTU that an OVS bridge has by itself.

        While ovs-vswitchd removes the last links it gives the bridge the smallest MTU of those that are still there.
        """
        return max(bridge.mtu, self._let_go.get(bridge.name, 0))

    def linux_bridge(self, name: str) -> Device | None:
        """Return the Linux bridge with this name."""
        device = self.device(name)
        return device if device is not None and device.kind == "bridge" else None

    def master_name(self, device: Device) -> str | None:
        """Return the name of the device that ``device`` is enslaved to; OVS's kernel datapath does not count."""
        master = self.devices.get(device.master) if device.master else None
        return master.name if master is not None and master.kind == "bridge" else None

    def held_by(self, device: Device) -> str | None:
        """Return the name of whatever ``device`` is enslaved to, a bond or a VRF say; OVS's datapath does not count."""
        master = self.devices.get(device.master) if device.master else None
        return master.name if master is not None and master.kind != "openvswitch" else None

    def bridge_of(self, device: Device) -> str | None:
        """Return the bridge that ``device`` is in: Linux by its master, OVS by the row with its name."""
        if name := self.master_name(device):
            return name
        port = self.ports.get(device.name)
        return port.bridge if port is not None else None

    def owned_devices(self, link_id: str) -> list[Device]:
        """Return the devices that carry the mark of this link."""
        return [self.devices[index] for index in sorted(self._owned_devices.get(link_id, ()))]

    def owned_and_down(self) -> set[str]:
        """Return the names of the devices of marked pairs that pass nothing, as an end of them is down."""
        pairs = map(self.owned_devices, self._owned_devices)
        return {device.name for pair in pairs if not all(each.up for each in pair) for device in pair}

    def owned_ports(self, link_id: str) -> list[OvsPort]:
        """Return the OVS ports that carry the mark of this link."""
        return [self.ports[name] for name in sorted(self._owned_ports.get(link_id, ()))]

    def inside(self, port: str) -> OvsPort | None:
        """Return an interface of another name in the port with this name, as of a bond."""
        return next((self.ports[name] for name in sorted(self._inside.get(port, ()))), None)

    def owners(self) -> set[str]:
        """Return all link ids that some mark on this host names."""
        return self._owned_devices.keys() | self._owned_ports.keys()

    def bridge_names(self) -> list[str]:
        """Return the names of all bridges, Linux and OVS."""
        linux = {device.name for device in self.devices.values() if device.kind == "bridge"}
        return sorted(linux | self.bridges.keys())

    def bridges_without_device(self) -> list[str]:
        """Return the OVS bridges with a marked port that have no device of their own.

        ovs-vswitchd takes a bridge down whose datapath_type cannot be had, and leaves all rows as they were.
        """
        ours = {self.ports[name].bridge for names in self._owned_ports.values() for name in names}
        return sorted(name for name in ours if name in self.bridges and name not in self._names)

    def ports_of(self, bridge: str) -> list[str]:
        """Return the names of all devices in a bridge of either kind."""
        names = set(self._ports_of.get(bridge, ()))
        if device := self.linux_bridge(bridge):
            names |= {self.devices[index].name for index in self._members.get(device.ifindex, ())}
        return sorted(names)

    def neighbours(self, bridge: str) -> Iterator[tuple[str, str]]:
        """Yield (device, bridge): the bridges one step away, and the way there.

        That is a veth pair, patch ports, a bridge in a bridge, or a port of Open vSwitch's own in a Linux bridge; also
        by a bundle, or by a VLAN device or a macvlan that stands on one of them.
        """
        if own := self.device(bridge):
            yield from self._out_of(own, bridge)  # the bridge's own device, as a port of another
        if device := self.linux_bridge(bridge):
            for index in self._members.get(device.ifindex, ()):
                yield from self.across(self.devices[index])
        for name in self._ports_of.get(bridge, ()):
            port = self.ports[name]
            if port.type == "patch" and port.peer and (other := self.ports.get(port.peer)):
                # Nothing passes unless each names the other one (ofport_update_peer in ofproto/ofproto-dpif.c).
                if other.type == "patch" and other.peer == name:
                    yield name, other.bridge
            elif (member := self.device(name)) and port.type in INNER_TYPES:
                if name != bridge:
                    yield from self._out_of(member, bridge)
            elif member:
                yield from self.across(member)

    def _out_of(self, device: Device, bridge: str) -> Iterable[tuple[str, str]]:
        """Return the ways out of a bridge by a device that is the other side of its own port."""
        return [(device.name, around) for around in self._takers(device) if around != bridge]

    @property
    def ovs_unheard(self) -> bool:
        """Whether OVSDB was not heard since the start, nor found not to answer: that takes a moment."""
        return not (self.ovs_known or self.ovs_away)

    @property
    def stacked(self) -> bool:
        """Whether VLAN devices or macvlans stand on anything here."""
        return bool(self._uppers)

    def leads_away(self, bridge: str) -> bool:
        """Return whether a Linux bridge leads to something on this host that is in no Linux bridge.

        As long as the rows of OVSDB are not known that may be an Open vSwitch bridge.
        """
        device = self.linux_bridge(bridge)
        if device is None:
            return False
        if (master := self.devices.get(device.master or 0)) and master.kind == "openvswitch":
            return True
        members = (self.devices[index] for index in self._members.get(device.ifindex, ()))
        return any(self._leads_away(leaf) for member in members for leaf in self._leaves(member))

    def _leads_away(self, leaf: Device) -> bool:
        other = self.peer(leaf) if leaf.kind == "veth" else None
        return leaf.kind == "openvswitch" or (other is not None and not self._takers(other))

    def hears_nothing_of(self, operation: Operation) -> bool:
        """Return whether the kernel tells nobody of what is done: that a device that is down has got its mark."""
        match operation:
            case AdoptPair():
                indexes: tuple[int, ...] = operation.ifindexes
            case ChangeEnd():
                indexes = (operation.ifindex,)
            case _:
                return False
        devices = filter(None, map(self.devices.get, indexes))
        return any(not device.up and device.alias != operation.alias for device in devices)

    def degree(self, bridge: str) -> int:
        """Return how many devices are in a bridge."""
        device = self.linux_bridge(bridge)
        members = len(self._members.get(device.ifindex, ())) if device else 0
        return members + len(self._ports_of.get(bridge, ()))

    def across(self, device: Device) -> Iterator[tuple[str, str]]:
        """Yield (device, bridge): the bridges behind a device that is in a bridge, and the way there."""
        for leaf in self._leaves(device):
            if leaf.kind == "bridge" or leaf.name in self.bridges:
                yield leaf.name, leaf.name
            elif leaf.kind == "veth" and (other := self.peer(leaf)):
                for bridge in self._takers(other):
                    yield leaf.name, bridge
            elif (port := self.ports.get(leaf.name)) and port.type in INNER_TYPES:
                yield leaf.name, port.bridge
        for index in self._uppers.get(device.peer or 0, ()) if device.kind in UPPERS[1:] else ():
            if index != device.ifindex and (sibling := self.devices[index]).kind in UPPERS[1:]:
                for bridge in self._takers(sibling):
                    yield sibling.name, bridge

    def _leaves(self, device: Device) -> Iterator[Device]:
        """Yield the devices by which what is sent into ``device`` leaves."""
        if device.kind in _BUNDLES:
            for index in self._members.get(device.ifindex, ()):
                yield from self._leaves(self.devices[index])
        elif device.kind not in UPPERS:
            yield device
        elif lower := self.devices.get(device.peer or 0):
            yield from self._leaves(lower)

    def _takers(self, device: Device) -> list[str]:
        """Return the bridges that take what comes in by ``device``, by itself, its bundle or what stands on these."""
        master = self.devices.get(device.master) if device.master else None
        if master is not None and master.kind in _BUNDLES:
            found = self._takers(master)
        else:
            bridge = self.bridge_of(device)
            found = [] if bridge is None else [bridge]
        for index in self._uppers.get(device.ifindex, ()):
            found += self._takers(self.devices[index])
        return found


def _owner(device: Device) -> str | None:
    """Return the link whose mark a device carries; on what is no veth a mark means nothing."""
    return naming.owner(device.alias) if device.kind == "veth" else None


def _drop(index: dict[K, set[V]], key: K, value: V) -> None:
    members = index.get(key, set())
    members.discard(value)
    if not members:
        index.pop(key, None)
