"""Under which MAC address the way to another host begins, with IPv4 or with IPv6. Needs no privilege.

Numbers and layouts: include/uapi/linux/{netlink,rtnetlink,neighbour}.h.
"""

import contextlib
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

_GET_ROUTE, _GET_NEIGHBOUR, _REQUEST = 26, 30, 0x1
#: From the number of a request to that of what answers it.
_ANSWER = -2
#: The address that is asked for; of a route from where, its device, the router that it leads to, which has an address
#: of the same family or, behind two bytes with its family, of another, and the address of this host that packets have;
#: of a neighbour its MAC address.
_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_VIA, _RTA_PREFSRC, _NDA_LLADDR = 1, 2, 4, 5, 18, 7, 2
_VIA_FAMILY = 2
#: Family by the length of an address.
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}
#: Of a route that it leads to this host itself.
_LOCAL = 2
#: PERMANENT, NOARP, PROBE, DELAY, STALE or REACHABLE: it has answered, and is not known to have gone.
_VALID = 0x80 | 0x40 | 0x10 | 0x08 | 0x04 | 0x02
_HEADER, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
#: Of a route its family, the length of either address and its type; of a neighbour its family, its device, its state.
_ROUTE, _NEIGHBOUR = struct.Struct("=BBB4xB4x"), struct.Struct("=B3xIH2x")
_READ = 64 << 10
_ANSWER_SECONDS = 2.0


def face(address: str) -> str | None:
    """Return the MAC address of a neighbour, or of the router to who is none; None if it does not answer.

    The neighbour may be known at other devices too, of somebody else. It is the one to which packets go, or that of
    which the address has the ifindex (``fe80::1%2``).
    """
    address, _, ifindex = address.partition("%")
    hop, device = ipaddress.ip_address(address).packed, int(ifindex or 0)
    try:
        with _asking() as asking:
            if not device:
                hop, device = _first_hop(asking, hop)
            neighbour = _ask(
                asking, _GET_NEIGHBOUR, _NEIGHBOUR.pack(_FAMILIES[len(hop)], device, 0) + _attribute(_DST, hop)
            )
    except OSError:
        return None
    *_, state = _NEIGHBOUR.unpack_from(neighbour)
    mac = dict(_attributes(neighbour[_NEIGHBOUR.size :])).get(_NDA_LLADDR)
    return mac.hex(":") if mac is not None and state & _VALID else None


def ipv6_gateway() -> str | None:
    """Return the router to what no other route leads to, with the ifindex of the device behind it; None without one."""
    everywhere = bytes(16)
    try:
        with _asking() as asking:
            hop, device = _first_hop(asking, everywhere)
    except OSError:
        return None
    return None if hop == everywhere else f"{ipaddress.ip_address(hop)}%{device}"


def is_own(address: str) -> bool:
    """Return whether ``address`` is one of this host."""
    address, _, _ = address.partition("%")
    try:
        with _asking() as asking:
            kind, _ = _route(asking, ipaddress.ip_address(address).packed)
    except OSError:
        return False
    return kind == _LOCAL


@contextlib.contextmanager
def _asking() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
        asking.settimeout(_ANSWER_SECONDS)
        yield asking


def _first_hop(asking: socket.socket, address: bytes) -> tuple[bytes, int]:
    """Return which neighbour packets are given to, and the ifindex of the device by which they leave; OSError.

    That may depend on where they come from, by a rule or if there are several next hops, and so does a connection.
    """
    _, found = _route(asking, address)
    if source := found.get(_RTA_PREFSRC):
        _, found = _route(asking, address, source)
    router = found.get(_RTA_GATEWAY) or found.get(_RTA_VIA, b"")[_VIA_FAMILY:]
    return router or address, int.from_bytes(found.get(_RTA_OIF, b""), sys.byteorder)


def _route(asking: socket.socket, address: bytes, source: bytes = b"") -> tuple[int, dict[int, bytes]]:
    """Return of which type the route to ``address`` is, and its attributes; OSError if there is none."""
    origin = _attribute(_RTA_SRC, source) if source else b""
    header = _ROUTE.pack(_FAMILIES[len(address)], 8 * len(address), 8 * len(source), 0)
    route = _ask(asking, _GET_ROUTE, header + _attribute(_DST, address) + origin)
    *_, kind = _ROUTE.unpack_from(route)
    return kind, dict(_attributes(route[_ROUTE.size :]))


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value


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
