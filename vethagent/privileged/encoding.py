"""From a request of rtnetlink to bytes, quickly.

pyroute2 encodes any message that there is, and takes 0.3 ms for those of one veth pair, as long as the kernel does to
make it. What a batch is made of is packed here instead, by the tables in which pyroute2 has the numbers and the types
of attributes; all else is left to pyroute2.
"""

import dataclasses
import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from vethagent.privileged import messages

_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")

#: Names as pyroute2 has them, each with its value; a value with others in it is {"attrs": Attributes}, and that of
#: IFLA_AF_SPEC is bytes.
Attributes = Sequence[tuple[str, Any]]


@dataclasses.dataclass(slots=True)
class Request:
    """One request about a device; ``kind`` is RTM_…, ``flags`` are NLM_F_…, ``up`` None leaves it as it is."""

    kind: int
    index: int
    flags: int
    up: bool | None
    attributes: Attributes


_IFF_UP = 0x1

_AF_INET6, _IFLA_INET6_ADDR_GEN_MODE, _IN6_ADDR_GEN_MODE_NONE = 10, 8, 1

#: What has a device make no IPv6 address by itself. It is always the same, so it is packed once.
NO_IPV6_ADDRESS = (
    "IFLA_AF_SPEC",
    struct.pack("=HHHHB3x", 12, _AF_INET6, 5, _IFLA_INET6_ADDR_GEN_MODE, _IN6_ADDR_GEN_MODE_NONE),
)

#: Attribute -> (number, what packs its value, None if that is left to pyroute2).
_Table = dict[str, tuple[int, Callable[[Any], bytes] | None]]


class _Tables(NamedTuple):
    """What pyroute2 knows: its class of messages about devices, and the attributes of those, one table a level."""

    message: Any
    link: _Table
    info: _Table
    veth: _Table


class _Other(Exception):
    """An attribute that is not packed here."""


@functools.cache
def prepare() -> _Tables:
    """Read the tables, which takes a tenth of a second, and only a helper encodes."""
    ifinfmsg = messages.link_message()
    return _Tables(ifinfmsg, *map(_table, (ifinfmsg, ifinfmsg.ifinfo, ifinfmsg.ifinfo.veth_data)))


def encode(request: Request, seq: int) -> bytes:
    """Return ``request`` with the number ``seq`` as the kernel wants it."""
    change = 0 if request.up is None else _IFF_UP
    try:
        data = _packed(prepare().link, request.attributes)
    except _Other:
        return _by_pyroute2(request, seq, change)
    header = _HEADER.pack(_HEADER.size + _IFINFO.size + len(data), request.kind, request.flags, seq, 0)
    return header + _IFINFO.pack(0, 0, request.index, _IFF_UP if request.up else 0, change) + data


def _by_pyroute2(request: Request, seq: int, change: int) -> bytes:
    message = prepare().message()
    message["index"], message["change"], message["flags"] = request.index, change, _IFF_UP if request.up else 0
    message["attrs"] = list(request.attributes)
    message["header"] = {"type": request.kind, "flags": request.flags, "sequence_number": seq}
    message.encode()
    return bytes(message.data)


def _packed(table: _Table, attributes: Attributes) -> bytes:
    parts: list[bytes] = []
    for name, value in attributes:
        number, pack = table.get(name, (0, None))
        if pack is None:
            raise _Other
        data = pack(value)
        parts += (_ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), number), data, bytes(-len(data) % 4))
    return b"".join(parts)


def _peer(value: dict[str, Any]) -> bytes:
    """Return what tells of a pair's other end: as the request itself, without its header."""
    return _IFINFO.pack(0, 0, value["index"], 0, 0) + _packed(prepare().link, value["attrs"])


_PACKING: dict[str, Callable[[Any], bytes]] = {
    "uint32": struct.Struct("=I").pack,
    "asciiz": lambda value: value.encode() + b"\0",
    "l2addr": lambda value: bytes.fromhex(value.replace(":", "")),
    "ifinfo": lambda value: _packed(prepare().info, value["attrs"]),
    "info_data": lambda value: _packed(prepare().veth, value["attrs"]),
    "info_peer": _peer,
    "af_spec": bytes,
}


def _table(kind: Any) -> _Table:
    return {entry[-2]: (number, _PACKING.get(entry[-1])) for number, entry in enumerate(kind.nla_map)}
