from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from vethagent.privileged import encoding, ifinfo, rtnl

NAMES = st.from_regex(r"[a-z0-9.-]{1,15}", fullmatch=True)
MACS = st.binary(min_size=6, max_size=6).map(lambda data: data.hex(":"))
NUMBERS = st.integers(0, (1 << 31) - 1)
FLAT = st.one_of(
    st.tuples(st.just("IFLA_IFNAME"), NAMES),
    st.tuples(st.just("IFLA_IFALIAS"), NAMES),
    st.tuples(st.just("IFLA_ADDRESS"), MACS),
    st.tuples(st.sampled_from(["IFLA_MTU", "IFLA_MASTER", "IFLA_GROUP", "IFLA_EXT_MASK"]), NUMBERS),
)


def decoded(data: bytes) -> ifinfmsg:
    """Return a message as pyroute2 reads it."""
    message = ifinfmsg(data)
    message.decode()
    return message


def by_pyroute2(index: int, up: bool | None, attributes: list[tuple[str, Any]]) -> bytes:
    """Return what pyroute2 makes of an RTM_SETLINK with the number 7."""
    message = ifinfmsg()
    message["index"], message["attrs"] = index, attributes
    if up is not None:
        message["change"], message["flags"] = ifinfo.IFF_UP, ifinfo.IFF_UP * up
    flags = rtnl.NLM_F_REQUEST | rtnl.NLM_F_ACK
    message["header"] = {"type": ifinfo.RTM_SETLINK, "flags": flags, "sequence_number": 7}
    message.encode()
    return bytes(message.data)


@given(st.lists(FLAT, max_size=6), NUMBERS, st.sampled_from([True, False, None]))
def test_it_is_what_pyroute2_makes_of_it(attributes: list[tuple[str, Any]], index: int, up: bool | None) -> None:
    ours = rtnl.link_message(ifinfo.RTM_SETLINK, index=index, up=up, attributes=attributes)
    assert encoding.encode(ours, 7) == by_pyroute2(index, up, attributes)


@given(NAMES, NAMES, MACS, NUMBERS, NUMBERS)
def test_a_pair_is_read_as_it_was_written(first: str, second: str, mac: str, index: int, peer: int) -> None:
    other = {"index": peer, "attrs": [("IFLA_IFNAME", second), ("IFLA_ADDRESS", mac)]}
    info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", other)]})]}
    attributes = [("IFLA_IFNAME", first), ("IFLA_LINKINFO", info)]
    made = decoded(encoding.encode(rtnl.link_message(ifinfo.RTM_NEWLINK, index=index, attributes=attributes), 7))
    assert (made["index"], made.get_attr("IFLA_IFNAME")) == (index, first)
    read = made.get_attr("IFLA_LINKINFO")
    assert read.get_attr("IFLA_INFO_KIND") == "veth"
    found = read.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert (found["index"], found.get_attr("IFLA_IFNAME"), found.get_attr("IFLA_ADDRESS")) == (peer, second, mac)


def test_no_ipv6_address_is_what_pyroute2_makes_of_it() -> None:
    families = {"attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]}
    attributes = [("IFLA_IFALIAS", "mark"), encoding.NO_IPV6_ADDRESS]
    ours = rtnl.link_message(ifinfo.RTM_SETLINK, index=3, attributes=attributes)
    assert encoding.encode(ours, 7) == by_pyroute2(3, None, [attributes[0], ("IFLA_AF_SPEC", families)])


@pytest.mark.parametrize("attribute", [("IFLA_CARRIER", 1), ("IFLA_NUM_TX_QUEUES", 2)])
def test_what_is_not_known_here_is_left_to_pyroute2(attribute: tuple[str, int]) -> None:
    ours = rtnl.link_message(ifinfo.RTM_SETLINK, index=3, up=True, attributes=[attribute])
    assert encoding.encode(ours, 7) == by_pyroute2(3, True, [attribute])
