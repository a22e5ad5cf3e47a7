"""Which ports ovs-vswitchd has lost, by the packet sockets that are there."""

import dataclasses
from typing import Any

import pytest

from tests.unit.plumbing.builders import LINK_ID
from vethagent.plumbing import naming, packet_sockets
from vethagent.plumbing.observed import Observed, OvsBridge, OvsPort
from vethagent.privileged.ifinfo import Device

GONE = -1
#: Of ovs-vswitchd 3.1 with three ports, of which one has gone, beside lldpd and what it sends with.
FILE = """\
sk               RefCnt Type Proto  Iface R Rmem   User   Inode
00000000a4d8a1c3 3      3    0003   6     1 0      0      70211
00000000be02a1c3 3      3    0003   -1    0 0      0      70212
00000000cc12a1c3 3      3    88cc   2     1 0      104    70213
00000000dd22a1c3 3      3    0000   0     0 0      0      70214
00000000ee32a1c3 3      2    0003   7     1 0      0      70215
00000000ff42a1c3 3      3    0003   8     0 0      0      70216
"""


def test_the_file_of_the_kernel() -> None:
    assert packet_sockets.parse(FILE) == [6, GONE, 8]
    assert packet_sockets.parse("") == []


def test_no_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_sockets, "_FILE", tmp_path / "packet")
    assert packet_sockets.read() == []


@pytest.fixture
def observed() -> Observed:
    """Ports ``ours`` (5) and ``theirs`` (6) on a userspace datapath; the other end of ours is 4."""
    made = Observed()
    made.put_bridge("br-eth1", OvsBridge("br-eth1", "netdev"))
    made.put_device(4, Device(4, "other", kind="veth", peer=5, alias=naming.alias(LINK_ID)))
    made.put_device(5, Device(5, "ours", kind="veth", peer=4, alias=naming.alias(LINK_ID)))
    made.put_device(6, Device(6, "theirs"))
    made.put_port("ours", OvsPort("ours", "ours", "br-eth1", link_id=LINK_ID, ofport=1))
    made.put_port("theirs", OvsPort("theirs", "theirs", "br-eth1", type="system", ofport=2))
    return made


def test_a_port_that_is_open_is_not_lost(observed: Observed) -> None:
    assert packet_sockets.lost(observed, [5, 6]) == set()
    assert packet_sockets.lost(observed, [GONE, 5, 6, GONE]) == set()


def test_a_port_whose_socket_is_bound_to_nothing_is_lost(observed: Observed) -> None:
    assert packet_sockets.lost(observed, [GONE, 6]) == {"ours"}
    assert packet_sockets.lost(observed, [GONE, GONE]) == {"ours", "theirs"}


def test_a_port_whose_socket_is_bound_to_the_other_end_is_lost(observed: Observed) -> None:
    """Somebody has exchanged the names."""
    assert packet_sockets.lost(observed, [4, 6]) == {"ours"}


@pytest.mark.parametrize("sockets", [[], [6], [GONE], [99, 6]])
def test_nothing_is_judged_unless_all_that_was_opened_is_seen(observed: Observed, sockets: list[int]) -> None:
    """ovs-vswitchd is starting, is in another network namespace, or reads devices by other means."""
    assert packet_sockets.lost(observed, sockets) == set()


@pytest.mark.parametrize("fields", [{"ofport": None}, {"ofport": -1}, {"type": "internal"}, {"type": "afxdp"}])
def test_a_port_that_need_not_be_open_is_not_lost(observed: Observed, fields: dict[str, Any]) -> None:
    observed.put_port("ours", dataclasses.replace(observed.ports["ours"], **fields))
    assert packet_sockets.lost(observed, [GONE, 6]) == set()


def test_a_port_without_a_device_is_not_lost(observed: Observed) -> None:
    observed.put_device(5, None)
    assert packet_sockets.lost(observed, [GONE, 6]) == set()


@pytest.mark.parametrize("bridge", [OvsBridge("br-eth1"), OvsBridge("br-eth1", "system"), None])
def test_the_kernel_datapath_has_no_sockets(observed: Observed, bridge: OvsBridge | None) -> None:
    observed.put_bridge("br-eth1", bridge)
    assert packet_sockets.lost(observed, [GONE, GONE]) == set()
