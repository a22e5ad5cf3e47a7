"""An Observed that is kept by changes says what one says that is made anew from the same devices and rows."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID
from vethagent.plumbing import naming
from vethagent.plumbing.observed import Observed, OvsBridge, OvsPort
from vethagent.privileged.ifinfo import Device

indexes = st.integers(1, 6)
names = st.sampled_from(["a", "b", "c", "br1", "br2"])
aliases = st.sampled_from(["", "uplink", naming.alias(LINK_ID), naming.alias(OTHER_ID), naming.alias(LINK_ID) + "0"])
owners = st.sampled_from([None, LINK_ID, OTHER_ID])


class Comparison(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.observed = Observed()
        self.devices: dict[int, Device] = {}
        self.bridges: dict[str, OvsBridge] = {}
        self.ports: dict[str, OvsPort] = {}

    @rule(
        index=indexes,
        name=names,
        kind=st.sampled_from(["veth", "veth", "bridge", "tun"]),
        alias=aliases,
        master=st.none() | indexes,
        peer=st.none() | indexes,
    )
    def put_device(self, index: int, name: str, peer: int | None, **fields: Any) -> None:
        # No two devices say that they have the same other end.
        if any(device.peer == peer and device.ifindex != index for device in self.devices.values()):
            peer = None
        # Two devices never have one name: who takes it from another sees that one renamed or gone first.
        for other in [device for device in self.devices.values() if device.name == name and device.ifindex != index]:
            self.drop_device(other.ifindex)
        device = Device(index, name, peer=peer, **fields)
        assert self.observed.put_device(index, device) == self.devices.get(index)
        self.devices[index] = device

    @rule(index=indexes)
    def drop_device(self, index: int) -> None:
        assert self.observed.put_device(index, None) == self.devices.pop(index, None)
        assert index not in self.observed.tx_checksum

    @rule(first=names, second=names)
    def swap_names(self, first: str, second: str) -> None:
        """Each is told of after both have happened, so for a moment two seem to have one name."""
        found = [device for device in self.devices.values() if device.name in (first, second)]
        for device in found if first != second else ():
            renamed = dataclasses.replace(device, name=second if device.name == first else first)
            self.observed.put_device(device.ifindex, renamed)
            self.devices[device.ifindex] = renamed

    @rule(name=names, bridge=st.none() | st.builds(OvsBridge, names, st.sampled_from(["", "netdev"]), st.booleans()))
    def put_bridge(self, name: str, bridge: OvsBridge | None) -> None:
        bridge = bridge and dataclasses.replace(bridge, name=name)
        assert self.observed.put_bridge(name, bridge) == self.bridges.pop(name, None)
        if bridge:
            self.bridges[name] = bridge

    @rule(name=names, bridge=names, link_id=owners, patch=st.booleans(), peer=names, gone=st.booleans())
    def put_port(self, *, name: str, bridge: str, link_id: str | None, patch: bool, peer: str, gone: bool) -> None:
        port = OvsPort(name, name, bridge, link_id=link_id)
        if patch:
            port = dataclasses.replace(port, type="patch", peer=peer)
        assert self.observed.put_port(name, None if gone else port) == self.ports.pop(name, None)
        if not gone:
            self.ports[name] = port

    # -- what is asked ----------------------------------------------------------------------------------------------

    @invariant()
    def names_are_found(self) -> None:
        for name in ("a", "b", "c", "br1", "br2"):
            found = [device for device in self.devices.values() if device.name == name]
            assert self.observed.device(name) == (found[0] if found else None)

    @invariant()
    def marks_are_found(self) -> None:
        for link_id in (LINK_ID, OTHER_ID):
            mark = naming.alias(link_id)
            devices = [d for d in self.devices.values() if d.alias == mark and d.kind == "veth"]
            ports = [port for port in self.ports.values() if port.link_id == link_id]
            assert self.observed.owned_devices(link_id) == sorted(devices, key=lambda device: device.ifindex)
            assert self.observed.owned_ports(link_id) == sorted(ports, key=lambda port: port.name)
            assert (link_id in self.observed.owners()) == bool(devices or ports)

    @invariant()
    def bridges_know_their_ports(self) -> None:
        for bridge in ("br1", "br2"):
            ports = {port.name for port in self.ports.values() if port.bridge == bridge}
            members = {d.name for d in self.devices.values() if self._linux_master(d) == bridge}
            assert self.observed.ports_of(bridge) == sorted(ports | members)
            assert self.observed.degree(bridge) == len(ports) + len(members)
            assert sorted(self.observed.neighbours(bridge)) == sorted(self._neighbours(bridge))

    @invariant()
    def one_made_anew_says_the_same(self) -> None:
        anew = Observed()
        for index, device in self.devices.items():
            anew.put_device(index, device)
        for name, bridge in self.bridges.items():
            anew.put_bridge(name, bridge)
        for name, port in self.ports.items():
            anew.put_port(name, port)
        assert _shown(self.observed) == _shown(anew)

    def _linux_master(self, device: Device) -> str | None:
        master = self.devices.get(device.master or 0)
        return master.name if master is not None and master.kind == "bridge" else None

    def _bridge_of(self, device: Device) -> str | None:
        port = self.ports.get(device.name)
        return self._linux_master(device) or (port.bridge if port else None)

    def _neighbours(self, bridge: str) -> Iterable[tuple[str, str]]:
        own = self.observed.device(bridge)
        if own is not None and (around := self._bridge_of(own)) and around != bridge:
            yield bridge, around
        for port in (port for port in self.ports.values() if port.bridge == bridge):
            if port.type == "patch" and port.peer in self.ports:
                other = self.ports[port.peer]
                if other.type == "patch" and other.peer == port.name:
                    yield port.name, other.bridge
            else:
                yield from self._across(self.observed.device(port.name))
        for device in self.devices.values():
            if self._linux_master(device) == bridge:
                yield from self._across(device)

    def _across(self, device: Device | None) -> Iterable[tuple[str, str]]:
        if device is not None and (device.kind == "bridge" or device.name in self.bridges):
            yield device.name, device.name
        if device is None or device.kind != "veth" or device.name in self.bridges:
            return
        peer = self.devices.get(self._peer_index(device))
        if peer is not None and self._peer_index(peer) == device.ifindex and (bridge := self._bridge_of(peer)):
            yield device.name, bridge

    def _peer_index(self, device: Device) -> int:
        """Return what the device says or, if it says nothing of one that is there, the one that says so of it."""
        others = (other for other in self.devices.values() if other.kind == "veth" and other.peer == device.ifindex)
        return device.peer if device.peer in self.devices else next((other.ifindex for other in others), 0)


def _shown(observed: Observed) -> Any:
    hidden = [getattr(observed, name) for name in ("_names", "_members", "_owned_devices", "_ports_of", "_owned_ports")]
    return observed.devices, observed.bridges, observed.ports, [dict(index) for index in hidden]


TestObserved = Comparison.TestCase
TestObserved.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_peer_is_one_only_if_both_say_so() -> None:
    observed = Observed()
    first, second = Device(1, "a", kind="veth", peer=2), Device(2, "b", kind="veth", peer=3)
    observed.put_device(1, first)
    assert observed.peer(first) is None
    observed.put_device(2, second)
    observed.put_device(3, Device(3, "c", kind="veth"))
    assert observed.peer(first) is None
    observed.put_device(2, dataclasses.replace(second, peer=1))
    assert observed.peer(first) == observed.device("b")


def test_a_peer_that_came_back_by_another_number_is_one() -> None:
    """What the end that stayed says of it is old, as it tells of no device that is there."""
    observed = Observed()
    stayed, back = Device(1, "a", kind="veth", peer=2), Device(3, "b", kind="veth", peer=1)
    observed.put_device(1, stayed)
    observed.put_device(3, back)
    assert (observed.peer(stayed), observed.peer(back)) == (back, stayed)


def test_the_kernel_datapath_of_ovs_is_no_bridge_to_be_in() -> None:
    observed = Observed()
    observed.put_device(1, Device(1, "ovs-system", kind="openvswitch"))
    port = Device(2, "a", kind="veth", master=1)
    observed.put_device(2, port)
    assert observed.master_name(port) is None and observed.bridge_of(port) is None
    observed.put_port("a", OvsPort("a", "a", "br-eth1"))
    assert observed.bridge_of(port) == "br-eth1"
