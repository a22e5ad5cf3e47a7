"""From RTM_NEWLINK and RTM_DELLINK to what is needed of a device, and no more.

A full parse of one such message takes 0.7 ms and one plug causes a dozen of them, so the attributes that matter are
picked out by hand. Numbers and layouts: include/uapi/linux/{netlink,rtnetlink,if_link,veth}.h.
"""

import dataclasses
import errno
import os
import struct
from collections.abc import Collection, Iterator

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_DUMP_INTR, NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x10, 0x100, 0x200
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK, RTM_DELLINKPROP = 16, 17, 18, 19, 109

AF_UNSPEC = 0
#: Bytes to read at once. What tells of one device is 2 KiB, and of a dump the kernel gives 32 KiB (netlink_dump in
#: af_netlink.c). Python makes room for all of it with each read, which from 128 KiB on takes ten times as long.
READ = 64 << 10

IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000
#: A bridge does not forward to a port before it is running, which the kernel finds out a moment after the carrier came
#: (br_port_carrier_check in br_if.c, link_watch.c).
_CARRIES = IFF_LOWER_UP | IFF_RUNNING

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK = 1, 3, 4, 5
_IFLA_MASTER, _IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_GROUP, _IFLA_LINK_NETNSID = 10, 18, 20, 27, 37
#: What is read of a device, or less, and all else of it is then as if it had none.
WHOLE = frozenset(
    {
        _IFLA_ADDRESS,
        _IFLA_IFNAME,
        _IFLA_MTU,
        _IFLA_LINK,
        _IFLA_MASTER,
        _IFLA_LINKINFO,
        _IFLA_IFALIAS,
        _IFLA_GROUP,
        _IFLA_LINK_NETNSID,
    }
)
GROUP = frozenset({_IFLA_GROUP})
#: What a bridge takes from its ports.
TAKEN = frozenset({_IFLA_ADDRESS, _IFLA_MTU})
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_IFLA_BR_STP_STATE, _IFLA_BR_BRIDGE_ID = 5, 11
_NLMSGERR_ATTR_MSG = 1

_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")
_S32 = struct.Struct("=i")
_TYPE_MASK = 0x3FFF


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """A network device. ``peer`` is the ifindex of a veth's other end, None if that is in another namespace.

    ``loose`` is a veth that is tied to no other end: it is just being made, or deleted (drivers/net/veth.c).
    ``follows`` is a bridge that takes its address from its next port, as it has had none and nobody has set one.
    """

    ifindex: int
    name: str
    kind: str = ""
    alias: str = ""
    master: int | None = None
    peer: int | None = None
    mac: str = ""
    mtu: int = 0
    up: bool = False
    carrier: bool = False
    group: int = 0
    stp: bool = False
    follows: bool = False
    loose: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One netlink message: a device that is there, one that is gone, or the answer to request ``seq``."""

    type: int
    seq: int
    device: Device | None = None
    errno: int = 0
    text: str = ""
    interrupted: bool = False


def parse(data: bytes, wanted: Collection[int] = WHOLE) -> Iterator[Message]:
    """Yield the messages of one datagram; those of other families (a bridge tells of its ports) are left out.

    ``wanted`` are the attributes that are read of a device. What is cut off or makes no sense ends it without an error.
    """
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, seq, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            return
        body, end = offset + _HEADER.size, offset + length
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            if end - body >= _IFINFO.size and data[body] == AF_UNSPEC:
                interrupted = bool(flags & NLM_F_DUMP_INTR)
                yield Message(kind, seq, device=_device(data, body, end, wanted), interrupted=interrupted)
        elif kind == NLMSG_ERROR:
            yield _answer(data, body, end, seq, flags)
        elif kind == NLMSG_DONE:
            # A dump that the kernel breaks off ends with the error in here (netlink_dump_done in af_netlink.c).
            code = -_number(data, body, end, _S32)
            yield Message(kind, seq, errno=code, text=_explain(code), interrupted=bool(flags & NLM_F_DUMP_INTR))
        offset += (length + 3) & ~3


def newest(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (ifindex, type, message) for what one datagram tells of devices, for ``device`` to read.

    So of many messages about one device only the last one has to be taken apart.
    """
    offset = 0
    while offset + _HEADER.size + _IFINFO.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            return
        if kind in (RTM_NEWLINK, RTM_DELLINK) and data[offset + _HEADER.size] == AF_UNSPEC:
            _, _, ifindex, _, _ = _IFINFO.unpack_from(data, offset + _HEADER.size)
            yield ifindex, kind, data[offset : offset + length]
        offset += (length + 3) & ~3


def device(message: bytes) -> Device:
    """Return the device that a message is about."""
    return _device(message, _HEADER.size, len(message), WHOLE)


def _attributes(data: bytes, offset: int, end: int) -> Iterator[tuple[int, int, int]]:
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4 or offset + length > end:
            return
        yield kind & _TYPE_MASK, offset + 4, offset + length
        offset += (length + 3) & ~3


def _number(data: bytes, start: int, end: int, layout: struct.Struct = _U32) -> int:
    return int(layout.unpack_from(data, start)[0]) if end - start >= layout.size else 0


def _text(data: bytes, start: int, end: int) -> str:
    return data[start:end].rstrip(b"\0").decode(errors="backslashreplace")


def _device(data: bytes, body: int, end: int, wanted: Collection[int]) -> Device:
    _, _, ifindex, flags, _ = _IFINFO.unpack_from(data, body)
    # Of some 45 attributes nine matter, and most of the time goes into passing over the others.
    places: dict[int, tuple[int, int]] = {}
    offset, unpack = body + _IFINFO.size, _ATTRIBUTE.unpack_from
    while offset + 4 <= end and len(places) < len(wanted):
        length, attribute = unpack(data, offset)
        if length < 4 or offset + length > end:
            break
        if attribute & _TYPE_MASK in wanted:
            places[attribute & _TYPE_MASK] = offset + 4, offset + length
        offset += (length + 3) & ~3

    def number(attribute: int) -> int:
        return _number(data, *places[attribute]) if attribute in places else 0

    def text(attribute: int) -> str:
        return _text(data, *places[attribute]) if attribute in places else ""

    kind, stp, follows = _linkinfo(data, *places[_IFLA_LINKINFO]) if _IFLA_LINKINFO in places else ("", False, False)
    address = places.get(_IFLA_ADDRESS)
    peer = None if _IFLA_LINK_NETNSID in places or _IFLA_LINK not in places else number(_IFLA_LINK)
    return Device(
        ifindex=ifindex,
        name=text(_IFLA_IFNAME),
        kind=kind,
        alias=text(_IFLA_IFALIAS),
        master=number(_IFLA_MASTER) or None,
        peer=peer or None,
        mac=data[address[0] : address[1]].hex(":") if address else "",
        mtu=number(_IFLA_MTU),
        up=bool(flags & IFF_UP),
        carrier=flags & _CARRIES == _CARRIES,
        group=number(_IFLA_GROUP),
        stp=stp,
        follows=follows,
        loose=kind == "veth" and peer == 0,
    )


def _linkinfo(data: bytes, start: int, end: int) -> tuple[str, bool, bool]:
    kind, stp, follows = "", False, False
    for attribute, begin, stop in _attributes(data, start, end):
        if attribute == _IFLA_INFO_KIND:
            kind = _text(data, begin, stop)
        elif attribute == _IFLA_INFO_DATA and kind == "bridge":
            for inner, first, last in _attributes(data, begin, stop):
                if inner == _IFLA_BR_STP_STATE:
                    stp = _number(data, first, last) != 0
                elif inner == _IFLA_BR_BRIDGE_ID:
                    # The address in its id is the one that it has been given (br_stp_change_bridge_id in br_stp_if.c).
                    follows = not any(data[first + 2 : last])
                    break  # some forty others follow
    return kind, stp, follows


def _answer(data: bytes, body: int, end: int, seq: int, flags: int) -> Message:
    code = -_number(data, body, end, _S32)
    text = ""
    if code and flags & NLM_F_ACK_TLVS:
        echoed = _HEADER.size if flags & NLM_F_CAPPED else _number(data, body + 4, end)
        for attribute, start, stop in _attributes(data, body + 4 + echoed, end):
            if attribute == _NLMSGERR_ATTR_MSG:
                text = _text(data, start, stop)
    return Message(NLMSG_ERROR, seq, errno=code, text=text or _explain(code))


def _explain(code: int) -> str:
    if (
        code == errno.EXFULL
    ):  # by find_portno in br_if.c, where number 0 is of no port; of itself the kernel says "Exchange full"
        return "EXFULL: the Linux bridge has 1023 ports already, the most that the kernel allows"
    if code in errno.errorcode:
        return f"{errno.errorcode[code]}: {os.strerror(code)}"
    return f"errno {code}" if code else ""
