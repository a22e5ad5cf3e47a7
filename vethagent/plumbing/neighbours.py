"""Under which MAC address a neighbour of this host answers, of IPv4 or of IPv6. Needs no privilege.

Numbers and layouts: include/uapi/linux/{netlink,rtnetlink,neighbour}.h.
"""

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

_GET_ROUTE, _GET_NEIGHBOUR, _REQUEST = 26, 30, 0x1
#: From the number of a request to that of what answers it.
_ANSWER = -2
#: The address that is asked for; of a route its device, of a neighbour its MAC address.
_DST, _RTA_OIF, _NDA_LLADDR = 1, 4, 2
#: PERMANENT, NOARP, PROBE, DELAY, STALE or REACHABLE: it has answered, and is not known to have gone.
_VALID = 0x80 | 0x40 | 0x10 | 0x08 | 0x04 | 0x02
_HEADER, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
#: Of a route its family and the length of its address, of a neighbour its family, its device and its state.
_ROUTE, _NEIGHBOUR = struct.Struct("=BB10x"), struct.Struct("=B3xIH2x")
_READ = 64 << 10
_ANSWER_SECONDS = 2.0


def face(address: str) -> str | None:
    """Return the MAC address of a neighbour; None if ``address`` is of none, or it does not answer.

    The address may be known at other devices too, of somebody else. It is the one to which packets go, or that of
    which the address has the ifindex (``fe80::1%2``).
    """
    address, _, ifindex = address.partition("%")
    wanted = ipaddress.ip_address(address)
    family = socket.AF_INET if wanted.version == 4 else socket.AF_INET6
    asked = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(wanted.packed), _DST) + wanted.packed
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            device = int(ifindex or 0) or _way(asking, _ROUTE.pack(family, 8 * len(wanted.packed)) + asked)
            neighbour = _ask(asking, _GET_NEIGHBOUR, _NEIGHBOUR.pack(family, device, 0) + asked)
    except OSError:
        return None
    *_, state = _NEIGHBOUR.unpack_from(neighbour)
    mac = dict(_attributes(neighbour[_NEIGHBOUR.size :])).get(_NDA_LLADDR)
    return mac.hex(":") if mac is not None and state & _VALID else None


def _way(asking: socket.socket, asked: bytes) -> int:
    """Return the ifindex of the device by which packets leave; OSError as that."""
    route = _ask(asking, _GET_ROUTE, asked)
    return int.from_bytes(dict(_attributes(route[_ROUTE.size :])).get(_RTA_OIF, b""), sys.byteorder)


def _ask(asking: socket.socket, kind: int, body: bytes) -> bytes:
    """Return the one message that answers a request; OSError if the kernel has none."""
    asking.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST, 1, 0) + body)
    answer = asking.recv(_READ)
    _, answered, *_ = _HEADER.unpack_from(answer)
    if answered != kind + _ANSWER:
        raise OSError("no such route or neighbour")
    return answer[_HEADER.size :]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        yield kind, data[offset + _ATTRIBUTE.size : offset + length]
        offset += max(_ATTRIBUTE.size, length + 3 & ~3)
