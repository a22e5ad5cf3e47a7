"""Under which MAC address a neighbour of this host answers, of IPv4 or of IPv6. Needs no privilege.

Numbers and layouts: include/uapi/linux/{netlink,rtnetlink,neighbour}.h.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterator

_RTM_NEWNEIGH, _RTM_GETNEIGH = 28, 30
_REQUEST_DUMP = 0x301
_NDA_DST, _NDA_LLADDR = 1, 2
#: PERMANENT, NOARP, PROBE, DELAY, STALE or REACHABLE: it has answered, and is not known to have gone.
_VALID = 0x80 | 0x40 | 0x10 | 0x08 | 0x04 | 0x02
#: Of a neighbour its state is read, and then its attributes.
_HEADER, _NEIGHBOUR, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=8xH2x"), struct.Struct("=HH")
_DUMP = struct.Struct("=IHHIIB11x")
_READ = 64 << 10
_ANSWER_SECONDS = 2.0


def face(address: str) -> str | None:
    """Return the MAC address of a neighbour; None if ``address`` is of none, or it does not answer."""
    wanted = ipaddress.ip_address(address)
    family = socket.AF_INET if wanted.version == 4 else socket.AF_INET6
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            asking.send(_DUMP.pack(_DUMP.size, _RTM_GETNEIGH, _REQUEST_DUMP, 1, 0, family))
            for message in _neighbours(asking):
                (state,) = _NEIGHBOUR.unpack_from(message)
                attributes = dict(_parts(_ATTRIBUTE, message[_NEIGHBOUR.size :]))
                if attributes.get(_NDA_DST) == wanted.packed and state & _VALID and _NDA_LLADDR in attributes:
                    return attributes[_NDA_LLADDR].hex(":")
    except OSError:
        pass
    return None


def _neighbours(asking: socket.socket) -> Iterator[bytes]:
    while True:
        for kind, message in _parts(_HEADER, asking.recv(_READ)):
            if kind != _RTM_NEWNEIGH:
                return  # the end, or an error
            yield message


def _parts(header: struct.Struct, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each message, or attribute: all begin with their length, and their kind."""
    offset = 0
    while offset + header.size <= len(data):
        length, kind, *_ = header.unpack_from(data, offset)
        yield kind, data[offset + header.size : offset + length]
        offset += max(header.size, length + 3 & ~3)
