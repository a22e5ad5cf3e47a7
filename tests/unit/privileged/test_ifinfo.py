import dataclasses
import errno
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from tests.unit import strategies
from vethagent.privileged import ifinfo

IFF_UP, IFF_CARRIES = 0x1, 0x10040
AF_BRIDGE = 7

indexes = st.integers(1, (1 << 31) - 1)
devices = st.builds(
    ifinfo.Device,
    ifindex=indexes,
    name=strategies.device_names,
    kind=st.sampled_from(["", "veth", "bridge", "tun"]),
    alias=strategies.texts,
    master=st.none() | indexes,
    peer=st.none() | indexes,
    mac=strategies.macs(),
    mtu=st.integers(0, (1 << 32) - 1),
    up=st.booleans(),
    carrier=st.booleans(),
    group=st.integers(0, (1 << 32) - 1),
)


def encode(device: ifinfo.Device, **header: Any) -> bytes:
    """Return the message with which the kernel tells of a device, as pyroute2 writes it."""
    attributes: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", device.name),
        ("IFLA_TXQLEN", 1000),
        ("IFLA_MTU", device.mtu),
        ("IFLA_GROUP", device.group),
    ]
    if device.mac:
        attributes.append(("IFLA_ADDRESS", device.mac))
    if device.alias:
        attributes.append(("IFLA_IFALIAS", device.alias))
    if device.master:
        attributes.append(("IFLA_MASTER", device.master))
    if device.peer:
        attributes.append(("IFLA_LINK", device.peer))
    if device.kind:
        info: list[tuple[str, Any]] = [("IFLA_INFO_KIND", device.kind)]
        if device.kind == "bridge":
            address = "00:00:00:00:00:00" if device.follows else device.mac or "02:00:00:00:00:01"
            named = {"prio": 32768, "addr": address}
            data = [("IFLA_BR_AGEING_TIME", 7), ("IFLA_BR_STP_STATE", device.stp), ("IFLA_BR_BRIDGE_ID", named)]
            info.append(("IFLA_INFO_DATA", {"attrs": data}))
        attributes.append(("IFLA_LINKINFO", {"attrs": info}))
    return message(device.ifindex, attributes, up=device.up, carrier=device.carrier, **header)


def message(
    ifindex: int,
    attributes: list[tuple[str, Any]],
    *,
    up: bool = False,
    carrier: bool = False,
    kind: int = ifinfo.RTM_NEWLINK,
    seq: int = 0,
    flags: int = 0,
    family: int = 0,
) -> bytes:
    made = ifinfmsg()
    made["family"] = family
    made["index"] = ifindex
    made["flags"] = IFF_UP * up | IFF_CARRIES * carrier
    made["attrs"] = attributes
    made["header"] = {"type": kind, "flags": flags, "sequence_number": seq}
    made.encode()
    return bytes(made.data)


def answer(code: int, seq: int = 1, text: str = "", *, capped: bool = True, request: bytes = b"") -> bytes:
    """Return an acknowledgement, with the request repeated in it unless capped."""
    header = struct.pack("=IHHII", 16 + len(request), ifinfo.RTM_SETLINK, 0, seq, 0)
    body = struct.pack("=i", -code) + header + (b"" if capped else request)
    flags = ifinfo.NLM_F_CAPPED if capped else 0
    if text:
        flags |= ifinfo.NLM_F_ACK_TLVS
        data = text.encode() + b"\0"
        body += struct.pack("=HH", 4 + len(data), 1) + data + b"\0" * (-len(data) % 4)
    return struct.pack("=IHHII", 16 + len(body), ifinfo.NLMSG_ERROR, flags, seq, 0) + body


def only(data: bytes) -> ifinfo.Message:
    (found,) = ifinfo.parse(data)
    return found


@given(devices, st.booleans(), st.booleans())
def test_a_device_comes_back_as_it_was_written(device: ifinfo.Device, stp: bool, follows: bool) -> None:
    if device.kind == "bridge":
        device = dataclasses.replace(device, stp=stp, follows=follows)
    assert only(encode(device)).device == device


@given(devices, st.sampled_from([ifinfo.RTM_NEWLINK, ifinfo.RTM_DELLINK]), st.integers(0, (1 << 32) - 1))
def test_what_is_gone_and_what_is_asked_for_is_told_apart(device: ifinfo.Device, kind: int, seq: int) -> None:
    found = only(encode(device, kind=kind, seq=seq))
    assert (found.type, found.seq, found.interrupted) == (kind, seq, False)


@given(st.lists(devices, max_size=5))
def test_all_of_a_datagram_is_read(several: list[ifinfo.Device]) -> None:
    data = b"".join(encode(device) for device in several)
    assert [found.device for found in ifinfo.parse(data)] == several


@given(st.lists(devices, max_size=5))
def test_of_devices_only_the_group_can_be_read(several: list[ifinfo.Device]) -> None:
    data = b"".join(encode(device) for device in several)
    found = [message.device for message in ifinfo.parse(data, ifinfo.GROUP)]
    assert [(device.ifindex, device.group) for device in found if device] == [
        (device.ifindex, device.group) for device in several
    ]


def test_a_peer_in_another_namespace_is_nobody_here() -> None:
    data = message(7, [("IFLA_IFNAME", "a"), ("IFLA_LINK", 8), ("IFLA_LINK_NETNSID", 0)])
    device = only(data).device
    assert device is not None and device.peer is None


def test_a_veth_that_the_kernel_is_just_deleting_has_no_other_end() -> None:
    veth = ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "veth")]})
    for attributes, loose in (
        ([("IFLA_LINK", 0), veth], True),
        ([("IFLA_LINK", 8), veth], False),
        ([("IFLA_LINK", 0), ("IFLA_LINK_NETNSID", 0), veth], False),
        ([("IFLA_LINK", 0)], False),
    ):
        device = only(message(7, [("IFLA_IFNAME", "a"), *attributes])).device
        assert device is not None and device.loose is loose, attributes


def test_no_master_and_no_link_are_none_and_not_zero() -> None:
    device = only(message(7, [("IFLA_IFNAME", "a"), ("IFLA_MASTER", 0), ("IFLA_LINK", 0)])).device
    assert device is not None and device.master is None and device.peer is None


def test_what_a_bridge_tells_of_its_ports_is_left_out() -> None:
    """A port that leaves its bridge gives an RTM_DELLINK of family AF_BRIDGE: the device is still there."""
    gone = message(7, [("IFLA_IFNAME", "a")], kind=ifinfo.RTM_DELLINK, family=AF_BRIDGE)
    still = message(7, [("IFLA_IFNAME", "a")])
    assert [found.type for found in ifinfo.parse(gone + still)] == [ifinfo.RTM_NEWLINK]


def test_a_name_that_is_no_text_can_be_told() -> None:
    data = message(7, [("IFLA_IFNAME", "abc")]).replace(b"abc", b"a\xffc")
    device = only(data).device
    assert device is not None and device.name == "a\\xffc"


def test_a_dump_that_was_interrupted_says_so() -> None:
    device = ifinfo.Device(7, "a")
    assert only(encode(device, flags=ifinfo.NLM_F_DUMP_INTR)).interrupted
    done = struct.pack("=IHHIIi", 20, ifinfo.NLMSG_DONE, ifinfo.NLM_F_DUMP_INTR, 5, 0, 0)
    assert only(done) == ifinfo.Message(ifinfo.NLMSG_DONE, 5, interrupted=True)


def test_a_dump_that_failed_says_so() -> None:
    """The kernel puts the errno of a dump that it broke off into NLMSG_DONE (netlink_dump_done)."""
    done = struct.pack("=IHHIIi", 20, ifinfo.NLMSG_DONE, 0, 5, 0, -errno.EMSGSIZE)
    assert only(done).errno == errno.EMSGSIZE


@pytest.mark.parametrize("capped", [True, False])
def test_answers(capped: bool) -> None:
    request = encode(ifinfo.Device(7, "a"))[16:]
    assert only(answer(0, 9, capped=capped, request=request)) == ifinfo.Message(ifinfo.NLMSG_ERROR, 9)
    plain = only(answer(errno.EEXIST, 9, capped=capped, request=request))
    assert (plain.errno, plain.text) == (errno.EEXIST, "EEXIST: File exists")
    said = only(answer(errno.EINVAL, 9, "Device is up", capped=capped, request=request))
    assert (said.errno, said.text) == (errno.EINVAL, "Device is up")


def test_an_errno_that_nobody_knows_is_shown_as_a_number() -> None:
    assert "4242" in only(answer(4242)).text
    assert only(answer((1 << 31), 1)).errno != 0


# -- what is not as it should be -----------------------------------------------------------------------------------


@given(devices, st.data())
def test_a_datagram_that_was_cut_off_ends_quietly(device: ifinfo.Device, data: st.DataObject) -> None:
    whole = encode(device) + answer(errno.EEXIST, text="no")
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert len(list(ifinfo.parse(cut))) <= 1


@given(st.binary(max_size=200))
def test_noise_ends_quietly(noise: bytes) -> None:
    list(ifinfo.parse(noise))


@given(
    st.sampled_from([ifinfo.NLMSG_ERROR, ifinfo.NLMSG_DONE, ifinfo.RTM_NEWLINK, ifinfo.RTM_DELLINK]),
    st.integers(0, 0xFFFF),
    st.binary(max_size=120),
)
def test_noise_under_a_good_header_ends_quietly(kind: int, flags: int, noise: bytes) -> None:
    list(ifinfo.parse(struct.pack("=IHHII", 16 + len(noise), kind, flags, 1, 0) + noise))
    family_and_flags = b"\0" * 16
    list(ifinfo.parse(struct.pack("=IHHII", 32 + len(noise), kind, flags, 1, 0) + family_and_flags + noise))


@given(devices, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_message_with_wrong_bytes_ends_quietly(device: ifinfo.Device, wrong: list[tuple[int, int]]) -> None:
    data = bytearray(encode(device) + answer(errno.EEXIST, text="no"))
    for place, value in wrong:
        data[place % len(data)] = value
    list(ifinfo.parse(bytes(data)))
