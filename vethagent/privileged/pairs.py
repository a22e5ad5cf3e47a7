"""The messages that make a pair, still down and in no bridge, and set what it has to have before it is up."""

import os
from typing import Any

from vethagent.privileged import encoding, ifinfo, operations, rtnl
from vethagent.privileged.encoding import Request

#: A device whose packets are smaller than this has no IPv6 (IPV6_MIN_MTU in include/linux/ipv6.h).
_IPV6_MTU = 1280

#: As many as a new device has in use. By itself the kernel makes one for each processor that there may be, and takes
#: all but the first out of use again (veth_init_queues in drivers/net/veth.c): each time it waits for RCU, two thirds
#: of what it takes for a pair.
_QUEUES: list[tuple[str, Any]] = [("IFLA_NUM_TX_QUEUES", 1), ("IFLA_NUM_RX_QUEUES", 1)]


def has_ipv6() -> bool:
    """Return whether this network namespace has IPv6; ``disable_ipv6`` is not asked for, devices have it all the same.

    A kernel that was built without it, or started with ipv6.disable=1, has no such file.
    """
    return os.path.exists("/proc/thread-self/net/if_inet6")


def making(create: operations.CreatePair, indexes: tuple[int, int], *, ipv6: bool) -> tuple[Request, ...]:
    """Return three messages: the pair, and as RTM_NEWLINK does not take it, what marks each device."""
    first, second = create.ends
    peer = {"index": indexes[1], "attrs": _identity(second)}
    info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]}
    made = rtnl.link_message(
        ifinfo.RTM_NEWLINK,
        index=indexes[0],
        flags=rtnl.NLM_F_ACK | rtnl.NLM_F_CREATE | rtnl.NLM_F_EXCL,
        attributes=[*_identity(first), ("IFLA_LINKINFO", info)],
    )
    return made, *marking(create, indexes, ipv6=ipv6)


def marking(create: operations.CreatePair, indexes: tuple[int, int], *, ipv6: bool) -> list[Request]:
    """Return what marks each device, and with ``ipv6`` has it make no IPv6 address when it comes up.

    Of a device that has no IPv6 the kernel refuses the whole message with EAFNOSUPPORT, the mark with it (rtnetlink.c,
    addrconf.c). So it is asked only of one that is going to have it.
    """
    mark = ("IFLA_IFALIAS", create.alias)
    return [
        rtnl.link_message(
            ifinfo.RTM_SETLINK,
            index=index,
            attributes=[mark, encoding.NO_IPV6_ADDRESS] if ipv6 and end.mtu >= _IPV6_MTU else [mark],
        )
        for end, index in zip(create.ends, indexes, strict=True)
    ]


def _identity(end: operations.NewEnd) -> list[tuple[str, Any]]:
    return [("IFLA_IFNAME", end.name), ("IFLA_MTU", end.mtu), ("IFLA_ADDRESS", end.mac), *_QUEUES]
