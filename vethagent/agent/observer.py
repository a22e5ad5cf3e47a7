"""From what changed on the host to the links that have to be looked at."""

import contextlib
import logging
from collections.abc import Callable

from vethagent.agent.desired import Desired
from vethagent.agent.inbox import Batch
from vethagent.plumbing import naming, packet_sockets
from vethagent.plumbing.observed import Observed, OvsBridge, OvsPort
from vethagent.plumbing.rtnl import Changes
from vethagent.privileged import ethtool
from vethagent.privileged.ifinfo import Device

LOG = logging.getLogger(__name__)

#: The kernel tells of packet sockets a page at a time, and one is passed over if another goes between two pages. To put
#: a port in anew that is open would lose packets.
_LOOKS = 3


class Observer:
    """Keeps an Observed true; one thread owns both."""

    def __init__(
        self,
        observed: Observed,
        desired: Desired,
        dump: Callable[[], dict[int, Device]],
        sockets: Callable[[], list[int]],
    ) -> None:
        """``dump`` and ``sockets`` as rtnl.dump and packet_sockets.read."""
        self._observed = observed
        self._desired = desired
        self._dump = dump
        self._sockets = sockets
        #: Whether a way between bridges may have gone, so that what was a loop is none any more.
        self.unjoined = False

    def absorb(self, batch: Batch) -> set[str]:
        """Take in what changed; return the ids of the links that it concerns."""
        dirty = set(batch.dirty)
        dirty |= self._devices(dict.fromkeys(batch.returned))
        dirty |= self._devices(batch.devices)
        if batch.whole:
            batch.bridges = dict.fromkeys(self._observed.bridges) | batch.bridges
            batch.ports = dict.fromkeys(self._observed.ports) | batch.ports
        for name, bridge in batch.bridges.items():
            dirty |= self._bridge(name, bridge)
        for name, port in batch.ports.items():
            dirty |= self._port(name, port)
        first_rows = batch.whole and not self._observed.ovs_known
        if first_rows:
            self._observed.ovs_known = True
            self._desired.rows_are_known()
        if batch.look_again:
            # Last, because it may fail, and what a batch tells of OVSDB is not told twice.
            devices = self._dump()
            changes: Changes = dict.fromkeys(self._observed.devices.keys() - devices.keys())
            changes.update(devices)
            dirty |= self._devices(changes)
        if batch.look_again or batch.whole:
            dirty |= self._look_what_was_lost()
        if batch.all_dirty or first_rows:
            dirty |= self._desired.ids()
        return dirty

    def _look_what_was_lost(self) -> set[str]:
        """Find the ports whose devices went while nobody listened, and came back or were made anew."""
        observed = self._observed
        lost = observed.ports.keys() - observed.opened.stale
        for _ in range(_LOOKS):
            lost &= packet_sockets.lost(observed, self._sockets())
            if not lost:
                return set()
        observed.opened.lost(lost)
        marked = {link_id for name in lost if (link_id := observed.ports[name].link_id)}
        return marked.union(*map(self._desired.with_device, lost))

    def _devices(self, changes: Changes) -> set[str]:
        dirty: set[str] = set()
        for ifindex, device in changes.items():
            if device == self._observed.devices.get(ifindex) and not (device and device.alias):
                continue
            before = self._observed.put_device(ifindex, device)
            offload_changed = device is not None and self._read_offload(device)
            if device != before or offload_changed:
                dirty |= self._concerned(before) | self._concerned(device)
                self._topology_changed(before, device)
        return dirty

    def _read_offload(self, device: Device) -> bool:
        """Read what no netlink message carries; return whether it changed."""
        if naming.owner(device.alias) is None or device.kind != "veth":
            return False
        index, tx_checksum, gro = device.ifindex, self._observed.tx_checksum, self._observed.gro
        before = tx_checksum.get(index), gro.get(index)
        with contextlib.suppress(OSError):
            tx_checksum[index], on = ethtool.read(device.name, gro=device.master is None)
            if on is not None:
                gro[index] = on
        return before != (tx_checksum.get(index), gro.get(index))

    def _concerned(self, device: Device | None) -> set[str]:
        if device is None:
            return set()
        concerned = set(self._desired.with_device(device.name))
        if link_id := naming.owner(device.alias):
            concerned.add(link_id)
        if device.kind == "bridge" or device.name in self._observed.bridges:
            concerned |= self._desired.with_bridge(device.name)
        peer = self._observed.devices.get(device.peer) if device.peer else None
        if peer is not None and (link_id := naming.owner(peer.alias)):
            concerned.add(link_id)
        return concerned

    def _topology_changed(self, before: Device | None, device: Device | None) -> None:
        if before is not None and (device is None or before.up > device.up or _way(device) != _way(before)):
            self.unjoined = True

    def _bridge(self, name: str, bridge: OvsBridge | None) -> set[str]:
        if self._observed.put_bridge(name, bridge) == bridge:
            return set()
        self.unjoined = True
        return set(self._desired.with_bridge(name))

    def _port(self, name: str, port: OvsPort | None) -> set[str]:
        before = self._observed.put_port(name, port)
        if before == port:
            return set()
        dirty = set(self._desired.with_device(name))
        for row in (before, port):
            if row is not None and row.link_id is not None:
                dirty.add(row.link_id)
            if row is not None and row.port != name:
                dirty.update(self._desired.with_device(row.port))
        self._port_moved(before, port)
        return dirty

    def _port_moved(self, before: OvsPort | None, port: OvsPort | None) -> None:
        if before is not None and (
            port is None or (port.bridge, port.type, port.peer) != (before.bridge, before.type, before.peer)
        ):
            self.unjoined = True


def _way(device: Device) -> tuple[object, ...]:
    """Return what of a device makes it part of a way between bridges."""
    return device.name, device.kind, device.master, device.peer, device.stp
