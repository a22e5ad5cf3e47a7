import dataclasses
from typing import Any

import pytest

from tests.unit.agent.builders import end_of, ids
from tests.unit.plumbing.builders import link
from vethagent.agent.desired import Desired
from vethagent.agent.inbox import Batch
from vethagent.agent.observer import Observer
from vethagent.agent.store import Store
from vethagent.plumbing.observed import Observed, OvsBridge, OvsPort
from vethagent.privileged import ethtool
from vethagent.privileged.ifinfo import Device

A, B, C = ids(3)
BR1 = Device(1, "br1", kind="bridge", mtu=1500, up=True)
USERSPACE = OvsBridge("br-eth1", "netdev")
PORT = OvsPort("eth1-br1", "eth1-br1", "br-eth1", link_id=A, ofport=1)


class Setup:
    """An observer of a host on which A joins br1 and br-eth1, and B two others."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.desired = Desired(Store(":memory:"))
        self.desired.put(link(id=A))
        self.desired.put(link(id=B, end0={"bridge": "br2", "device": "p2"}, end1={"bridge": "br3", "device": "e2"}))
        self.observed = Observed()
        self.kernel: dict[int, Device] = {}
        self.offload: dict[str, bool] = {}
        self.gro: set[str] = set()
        #: At each look, or the same at each.
        self.sockets: list[list[int]] = [[]]
        self.observer = Observer(self.observed, self.desired, self._dump, self._read_sockets)
        self.failing = False
        patch.setattr(ethtool, "read", self._read)

    def sees(self, *devices: Device, **rows: Any) -> set[str]:
        """Return the links that are dirty after these were told."""
        return self.observer.absorb(Batch(devices={device.ifindex: device for device in devices}, **rows))

    def gone(self, *indexes: int) -> set[str]:
        return self.observer.absorb(Batch(devices=dict.fromkeys(indexes)))

    def unjoined(self) -> bool:
        was, self.observer.unjoined = self.observer.unjoined, False
        return was

    def _dump(self) -> dict[int, Device]:
        if self.failing:
            raise TimeoutError("rtnetlink did not answer")
        return dict(self.kernel)

    def _read_sockets(self) -> list[int]:
        return self.sockets.pop(0) if len(self.sockets) > 1 else self.sockets[0]

    def _read(self, name: str, *, gro: bool) -> tuple[bool, bool | None]:
        if name not in self.offload:
            raise OSError(19, "no such device")
        return self.offload[name], name in self.gro if gro else None


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    return Setup(monkeypatch)


def test_what_is_nobodys_makes_nothing_dirty(setup: Setup) -> None:
    assert setup.sees(Device(7, "eth0"), Device(8, "veth0", kind="veth", alias="uplink")) == set()
    assert setup.gone(7, 8, 99) == set()


def test_who_is_marked_is_looked_at_whoever_asks(setup: Setup) -> None:
    assert setup.sees(dirty={C}) == {C}
    assert setup.sees(all_dirty=True) == {A, B}


def test_a_device_concerns_the_link_of_its_mark_also_when_it_goes(setup: Setup) -> None:
    assert setup.sees(end_of(C, 7, "x")) == {C}
    assert setup.sees(end_of(C, 7, "x")) == set()
    assert setup.sees(end_of(C, 7, "x", up=False)) == {C}
    assert setup.gone(7) == {C}


def test_a_mark_that_is_taken_off_or_changed_concerns_both(setup: Setup) -> None:
    setup.sees(end_of(A, 7, "x"))
    assert setup.sees(end_of(B, 7, "x")) == {A, B}
    assert setup.sees(end_of(B, 7, "x", alias="")) == {B}


def test_the_other_end_of_a_marked_device_concerns_its_link(setup: Setup) -> None:
    setup.sees(end_of(C, 7, "x", peer=8))
    assert setup.sees(Device(8, "y", kind="veth", peer=7)) == {C}


def test_a_wanted_name_concerns_who_wants_it_when_it_comes_and_when_it_is_freed(setup: Setup) -> None:
    taken = Device(7, "phy-br1", kind="tun")
    assert setup.sees(taken) == {A}
    assert setup.sees(dataclasses.replace(taken, name="other")) == {A}
    setup.sees(taken)
    assert setup.gone(7) == {A}


@pytest.mark.parametrize("change", [{"mtu": 1400}, {"up": False}, {"name": "other"}, {"stp": True}])
def test_a_linux_bridge_concerns_the_links_in_it(setup: Setup, change: dict[str, Any]) -> None:
    assert setup.sees(BR1) == {A}
    assert setup.sees(dataclasses.replace(BR1, **change)) == {A}
    assert A in setup.sees(BR1)
    assert setup.gone(1) == {A}


def test_a_device_with_the_name_of_a_bridge_is_none(setup: Setup) -> None:
    assert setup.sees(dataclasses.replace(BR1, kind="tun")) == set()


def test_an_ovs_bridge_concerns_the_links_in_it_and_so_does_its_local_port(setup: Setup) -> None:
    assert setup.sees(bridges={"br-eth1": OvsBridge("br-eth1")}) == {A}
    assert setup.sees(bridges={"br-eth1": OvsBridge("br-eth1")}) == set()
    assert setup.sees(Device(9, "br-eth1", kind="tun", mtu=1400)) == {A}
    assert setup.sees(bridges={"br-eth1": None}) == {A}


def test_a_row_concerns_who_wants_its_name_and_whose_mark_it_has(setup: Setup) -> None:
    assert setup.sees(ports={"eth1-br1": PORT}) == {A}
    assert setup.sees(ports={"eth1-br1": PORT}) == set()
    assert setup.sees(ports={"eth1-br1": dataclasses.replace(PORT, link_id=C)}) == {A, C}
    assert setup.sees(ports={"eth1-br1": None}) == {A, C}
    assert setup.sees(ports={"x": dataclasses.replace(PORT, name="x", port="x", link_id=B)}) == {B}


def test_all_rows_take_the_place_of_those_before(setup: Setup) -> None:
    setup.sees(bridges={"br-eth1": OvsBridge("br-eth1"), "gone": OvsBridge("gone")}, ports={"eth1-br1": PORT})
    assert not setup.observed.ovs_known
    assert setup.sees(bridges={"br-eth1": OvsBridge("br-eth1")}, whole=True) == {A, B}
    assert setup.observed.ovs_known
    assert set(setup.observed.bridges) == {"br-eth1"} and setup.observed.ports == {}
    assert setup.sees(bridges={"br-eth1": OvsBridge("br-eth1")}, whole=True) == set()


def test_a_look_at_all_devices_finds_what_was_lost(setup: Setup) -> None:
    setup.sees(end_of(A, 7, "x"), end_of(C, 8, "y"), Device(9, "eth0"))
    setup.kernel = {7: end_of(A, 7, "x"), 10: end_of(B, 10, "z"), 9: Device(9, "eth0", mtu=9000)}
    assert setup.sees(look_again=True) == {B, C}
    assert setup.observed.devices == setup.kernel


def test_a_look_that_fails_does_not_lose_what_was_told(setup: Setup) -> None:
    setup.failing = True
    with pytest.raises(TimeoutError):
        setup.sees(
            BR1, bridges={"br-eth1": OvsBridge("br-eth1")}, ports={"eth1-br1": PORT}, whole=True, look_again=True
        )
    assert setup.observed.ovs_known and set(setup.observed.ports) == {"eth1-br1"}
    assert setup.observed.devices == {1: BR1}


# -- offload -------------------------------------------------------------------------------------------------------


def test_offload_is_read_of_ours_only(setup: Setup) -> None:
    setup.offload = {"x": True, "eth0": True}
    setup.sees(end_of(A, 7, "x"), Device(8, "eth0"), Device(9, "eth0", kind="veth", alias="uplink"))
    assert setup.observed.tx_checksum == {7: True}


def test_offload_that_changes_makes_its_link_dirty(setup: Setup) -> None:
    """The kernel tells of it by a message in which nothing else has changed."""
    setup.offload = {"x": False}
    setup.sees(end_of(A, 7, "x"))
    setup.offload = {"x": True}
    assert setup.sees(end_of(A, 7, "x")) == {A}
    assert setup.observed.tx_checksum == {7: True}


def test_gro_that_is_turned_on_makes_the_link_of_a_device_dirty_that_is_in_no_linux_bridge(setup: Setup) -> None:
    devices = end_of(A, 7, "x"), dataclasses.replace(end_of(B, 8, "y"), master=3)
    setup.offload = {"x": False, "y": False}
    setup.sees(*devices)
    setup.gro = {"x", "y"}
    assert setup.sees(*devices) == {A}
    assert setup.observed.gro == {7: True}


def test_a_device_that_has_just_gone_cannot_be_read_and_that_is_no_error(setup: Setup) -> None:
    assert setup.sees(end_of(A, 7, "x")) == {A}
    assert setup.observed.tx_checksum == {}


# -- ways that may have gone ---------------------------------------------------------------------------------------

MEMBER = Device(7, "x", kind="veth", master=1, peer=8, up=True)
BONDED = OvsPort("x1", "eth1-br1", "br-eth1", alone=False)


def test_a_port_of_the_name_of_a_device_concerns_its_link(setup: Setup) -> None:
    assert setup.sees(ports={"x1": BONDED}) == {A}
    assert setup.sees(ports={"x1": None}) == {A}


PATCH = OvsPort("p", "p", "br-eth1", type="patch", peer="q")


@pytest.mark.parametrize(
    "after",
    [
        None,
        dataclasses.replace(MEMBER, master=None),
        dataclasses.replace(MEMBER, master=2),
        dataclasses.replace(MEMBER, peer=None),
        dataclasses.replace(MEMBER, name="y"),
        dataclasses.replace(MEMBER, up=False),
    ],
)
def test_a_device_that_leaves_may_end_a_loop(setup: Setup, after: Device | None) -> None:
    setup.sees(MEMBER)
    assert not setup.unjoined()
    setup.observer.absorb(Batch(devices={7: after}))
    assert setup.unjoined()


def test_none_that_came_and_went_unseen_was_one(setup: Setup) -> None:
    """As those of a pair that the kernel could not put into its bridge."""
    assert setup.gone(7) == set()
    assert not setup.unjoined()


@pytest.mark.parametrize(
    "after",
    [
        None,
        dataclasses.replace(PATCH, bridge="br2"),
        dataclasses.replace(PATCH, peer="r"),
        dataclasses.replace(PATCH, type="internal"),
    ],
)
def test_a_port_that_leaves_may_end_a_loop(setup: Setup, after: OvsPort | None) -> None:
    setup.sees(ports={"p": PATCH})
    assert not setup.unjoined()
    setup.sees(ports={"p": after})
    assert setup.unjoined()


def test_a_bridge_that_begins_to_span_a_tree_may_end_a_loop(setup: Setup) -> None:
    setup.sees(BR1, bridges={"br-eth1": OvsBridge("br-eth1")})
    setup.unjoined()
    setup.sees(dataclasses.replace(BR1, stp=True))
    assert setup.unjoined()
    setup.sees(bridges={"br-eth1": OvsBridge("br-eth1", stp=True)})
    assert setup.unjoined()


def test_other_changes_do_not(setup: Setup) -> None:
    setup.sees(dataclasses.replace(MEMBER, up=False), BR1, ports={"p": PATCH})
    setup.unjoined()
    setup.sees(dataclasses.replace(MEMBER, mtu=1400, carrier=True), dataclasses.replace(BR1, mtu=1400))
    setup.sees(ports={"p": dataclasses.replace(PATCH, ofport=7, tag=7)})
    assert not setup.unjoined()


@pytest.mark.parametrize("gap", [{"look_again": True}, {"whole": True, "bridges": {"br-eth1": USERSPACE}}])
def test_a_port_that_was_lost_unheard_is_found_after_a_gap(setup: Setup, gap: dict[str, Any]) -> None:
    device = end_of(A, 7, "eth1-br1")
    setup.kernel[7] = device
    setup.sees(device, whole=True, bridges={"br-eth1": USERSPACE}, ports={"eth1-br1": PORT})
    setup.sockets = [[-1]]
    assert setup.sees(dirty={B}) == {B}
    assert setup.sees(**gap, ports={"eth1-br1": PORT}) == {A}
    assert setup.observed.opened.stale == {"eth1-br1"}
    assert setup.sees(look_again=True) == set()  # known by now


@pytest.mark.parametrize("looks", [[[-1], [-1, 7]], [[-1], [-1], [-1, 7]]])
def test_a_socket_that_is_passed_over_in_a_look_is_there(setup: Setup, looks: list[list[int]]) -> None:
    device = end_of(A, 7, "eth1-br1")
    setup.kernel[7] = device
    setup.sockets = looks
    setup.sees(device, whole=True, bridges={"br-eth1": USERSPACE}, ports={"eth1-br1": PORT})
    assert setup.observed.opened.stale == set()
