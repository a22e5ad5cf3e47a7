"""Under which MAC address a neighbour of this host answers, of IPv4 or of IPv6. Needs no privilege.

Numbers and layouts: include/uapi/linux/{netlink,rtnetlink,neighbour}.h.
"""

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

_RTM_NEWROUTE, _RTM_GETROUTE, _RTM_NEWNEIGH, _RTM_GETNEIGH = 24, 26, 28, 30
_REQUEST, _DUMP = 0x1, 0x300
_RTA_DST, _RTA_OIF, _NDA_DST, _NDA_LLADDR = 1, 4, 1, 2
#: PERMANENT, NOARP, PROBE, DELAY, STALE or REACHABLE: it has answered, and is not known to have gone.
_VALID = 0x80 | 0x40 | 0x10 | 0x08 | 0x04 | 0x02
_HEADER, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
#: Of a route its family and the length of its address, of a neighbour its family, or its device and its state.
_ROUTE, _FAMILY, _NEIGHBOUR = struct.Struct("=BB10x"), struct.Struct("=B11x"), struct.Struct("=4xIH2x")
_READ = 64 << 10
_ANSWER_SECONDS = 2.0


def face(address: str) -> str | None:
    """Return the MAC address of a neighbour; None if ``address`` is of none, or it does not answer.

    The address may be known at other devices too, of somebody else. It is the one to which packets go.
    """
    wanted = ipaddress.ip_address(address)
    family = socket.AF_INET if wanted.version == 4 else socket.AF_INET6
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            device = _device(asking, family, wanted.packed)
            _send(asking, _RTM_GETNEIGH, _DUMP, _FAMILY.pack(family))
            for message in _answers(asking, _RTM_NEWNEIGH):
                ifindex, state = _NEIGHBOUR.unpack_from(message)
                attributes = dict(_parts(_ATTRIBUTE, message[_NEIGHBOUR.size :]))
                if ifindex == device and attributes.get(_NDA_DST) == wanted.packed and state & _VALID:
                    return attributes[_NDA_LLADDR].hex(":") if _NDA_LLADDR in attributes else None
    except OSError:
        pass
    return None


def _device(asking: socket.socket, family: int, address: bytes) -> int | None:
    """Return the ifindex of the device by which packets to an address leave."""
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address), _RTA_DST) + address
    _send(asking, _RTM_GETROUTE, 0, _ROUTE.pack(family, 8 * len(address)) + attribute)
    for message in _answers(asking, _RTM_NEWROUTE):
        device = dict(_parts(_ATTRIBUTE, message[_ROUTE.size :])).get(_RTA_OIF)
        return None if device is None else int.from_bytes(device, sys.byteorder)
    return None


def _send(asking: socket.socket, kind: int, flags: int, body: bytes) -> None:
    asking.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body)


def _answers(asking: socket.socket, wanted: int) -> Iterator[bytes]:
    while True:
        for kind, message in _parts(_HEADER, asking.recv(_READ)):
            if kind != wanted:
                return  # the end, or an error
            yield message


def _parts(header: struct.Struct, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each message, or attribute: all begin with their length, and their kind."""
    offset = 0
    while offset + header.size <= len(data):
        length, kind, *_ = header.unpack_from(data, offset)
        yield kind, data[offset + header.size : offset + length]
        offset += max(header.size, length + 3 & ~3)
