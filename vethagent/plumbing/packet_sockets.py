"""Ports that ovs-vswitchd lost while nobody listened, found by what the kernel tells everybody of its packet sockets.

On a userspace datapath it has one for each port, bound to the device by ifindex (netdev_linux_rxq_construct in
lib/netdev-linux.c). Once the device has gone, or has left the network namespace, that is bound to none any more
(packet_notifier in net/packet/af_packet.c), also if it comes back or another one has the name.
"""

import pathlib

from vethagent import constants
from vethagent.plumbing import naming
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.sites import NETDEV

#: Of the network namespace of this process.
_FILE = pathlib.Path("/proc/self/net/packet")
#: SOCK_RAW and ETH_P_ALL, as packet_seq_show in net/packet/af_packet.c has them.
_KIND = ["3", "0003"]
_GONE = -1


def read() -> list[int]:
    """Return of each packet socket like those of ovs-vswitchd the ifindex that it is bound to, -1 if that has gone."""
    try:
        return parse(_FILE.read_text())
    except OSError:
        return []  # so nothing is told by it


def parse(text: str) -> list[int]:
    """Return what ``read`` does of a file with this text. Pure."""
    rows = (line.split() for line in text.splitlines()[1:])
    return [int(row[4]) for row in rows if row[2:4] == _KIND]


def lost(observed: Observed, sockets: list[int]) -> set[str]:
    """Return the ports on userspace datapaths whose device ovs-vswitchd does not have open. Pure.

    For each it has a socket that is bound to none, or to a device of ours that is no port, as names were exchanged. If
    there are not as many ovs-vswitchd is just starting, or what it has open is not seen here: then nothing is judged.
    """
    devices = {name: device.ifindex for name in observed.ports if (device := observed.device(name)) is not None}
    bound, held = set(sockets), set(devices.values())
    closed = {name for name, index in devices.items() if index not in bound and _is_opened(name, observed)}
    spare = [index for index in sockets if index == _GONE or (index not in held and _is_ours(index, observed))]
    return closed if len(closed) <= len(spare) else set()


def _is_opened(name: str, observed: Observed) -> bool:
    """Return whether ovs-vswitchd says that it has the device of a port, which is read by such a socket."""
    port = observed.ports[name]
    bridge = observed.bridges.get(port.bridge)
    userspace = bridge is not None and bridge.datapath_type == NETDEV
    return userspace and port.type in constants.OVS_PLAIN_TYPES and (port.ofport or 0) > 0


def _is_ours(ifindex: int, observed: Observed) -> bool:
    device = observed.devices.get(ifindex)
    return device is not None and naming.owner(device.alias) is not None
