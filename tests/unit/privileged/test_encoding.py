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


def numbered(message: ifinfmsg) -> ifinfmsg:
    message["header"]["sequence_number"] = 7
    return message


@given(st.lists(FLAT, max_size=6), NUMBERS, st.sampled_from([True, False, None]))
def test_it_is_what_pyroute2_makes_of_it(attributes: list[tuple[str, Any]], index: int, up: bool | None) -> None:
    ours, theirs = (
        numbered(rtnl.link_message(ifinfo.RTM_SETLINK, index=index, up=up, attributes=attributes)) for _ in range(2)
    )
    theirs.encode()
    assert encoding.encode(ours) == bytes(theirs.data)


@given(NAMES, NAMES, MACS, NUMBERS, NUMBERS)
def test_a_pair_is_read_as_it_was_written(first: str, second: str, mac: str, index: int, peer: int) -> None:
    other = {"index": peer, "attrs": [("IFLA_IFNAME", second), ("IFLA_ADDRESS", mac)]}
    info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", other)]})]}
    attributes = [("IFLA_IFNAME", first), ("IFLA_LINKINFO", info)]
    made = decoded(encoding.encode(numbered(rtnl.link_message(ifinfo.RTM_NEWLINK, index=index, attributes=attributes))))
    assert (made["index"], made.get_attr("IFLA_IFNAME")) == (index, first)
    read = made.get_attr("IFLA_LINKINFO")
    assert read.get_attr("IFLA_INFO_KIND") == "veth"
    found = read.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert (found["index"], found.get_attr("IFLA_IFNAME"), found.get_attr("IFLA_ADDRESS")) == (peer, second, mac)


@pytest.mark.parametrize("attribute", [("IFLA_CARRIER", 1), ("IFLA_NUM_TX_QUEUES", 2)])
def test_what_is_not_known_here_is_left_to_pyroute2(attribute: tuple[str, int]) -> None:
    ours, theirs = (numbered(rtnl.link_message(ifinfo.RTM_SETLINK, index=3, attributes=[attribute])) for _ in range(2))
    theirs.encode()
    assert encoding.encode(ours) == bytes(theirs.data)
