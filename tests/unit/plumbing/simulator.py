"""A host in memory: a kernel behind the real helper's batch, and rows of OVSDB with an ovs-vswitchd that is slow."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from unittest import mock

from tests.unit.privileged.kernel import FakeKernel
from vethagent import exceptions, model
from vethagent.plumbing import naming
from vethagent.plumbing.apply import Applier, Failure
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import Observed, OvsBridge, OvsPort
from vethagent.plumbing.plan import plan_link, plan_removal
from vethagent.plumbing.steps import AttachPort, DetachPort, KeepBridge, LinkPlan
from vethagent.privileged import batch, ethtool, operations
from vethagent.privileged.ifinfo import Device
from vethagent.privileged.recovery import Outcome


class Host:
    """Kernel, Open vSwitch and what an agent sees of them: ``observed`` is as of the last ``look``.

    It is helper and Ovs of an Applier at once, so plans take the way that they take in an agent.
    """

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.bridges: dict[str, OvsBridge] = {}
        self.rows: dict[str, OvsPort] = {}
        self.offload: dict[int, bool] = {}
        #: As before Linux 5.13 a device has it on when it is made.
        self.gro: dict[int, bool] = {}
        self.mtu_requests: dict[str, int] = {}
        self.observed = Observed()
        self.observed.ovs_known = True
        #: Whether OVSDB is there for an agent.
        self.connected = True
        self._indexes = itertools.count(2)
        self._ofports = itertools.count(1)
        self._applier = Applier(self, self)  # type: ignore[arg-type]

    # -- what people and other programs do --------------------------------------------------------------------------

    def add(self, name: str, **fields: object) -> Device:
        """Make a device."""
        device = dataclasses.replace(Device(next(self._indexes), name, mtu=1500, up=True), **fields)  # type: ignore[arg-type]
        self.kernel.devices[device.ifindex] = device
        return device

    def add_pair(self, *names: str, alias: str = "", masters: tuple[int | None, int | None] = (None, None)) -> Device:
        """Make a veth pair; return its first end."""
        first, second = (self.add(name, kind="veth", alias=alias, master=masters[n]) for n, name in enumerate(names))
        self.change(first.ifindex, peer=second.ifindex)
        self.change(second.ifindex, peer=first.ifindex)
        return self.kernel.devices[first.ifindex]

    def change(self, index: int, **fields: object) -> None:
        """Change a device."""
        self.kernel.devices[index] = dataclasses.replace(self.kernel.devices[index], **fields)  # type: ignore[arg-type]
        self.kernel.follow()

    def delete(self, index: int) -> None:
        """Delete a device, and its peer if it is a veth."""
        device = self.kernel.devices.pop(index)
        if device.kind == "veth" and device.peer is not None:
            self.kernel.devices.pop(device.peer, None)

    def add_linux_bridge(self, name: str, **fields: object) -> Device:
        """Make a Linux bridge."""
        return self.add(name, kind="bridge", **fields)

    def add_ovs_bridge(self, name: str, *, datapath_type: str = "netdev", stp: bool = False) -> None:
        """Make an OVS bridge with its local port."""
        self.bridges[name] = OvsBridge(name, datapath_type, stp)
        self.rows[name] = OvsPort(name, name, name, type="internal", ofport=65534)
        self.add(name, kind="tun")

    def add_row(self, name: str, bridge: str, **fields: object) -> None:
        """Put a port into an OVS bridge."""
        self.rows[name] = dataclasses.replace(OvsPort(name, name, bridge), **fields)  # type: ignore[arg-type]

    # -- what the agent does ----------------------------------------------------------------------------------------

    def look(self) -> Observed:
        """Let ovs-vswitchd act and the agent see everything as it is now."""
        for row in self.rows.values():
            if row.type == "" and not (row.ofport and row.ofport > 0):
                there = any(device.name == row.name for device in self.kernel.devices.values())
                ofport = next(self._ofports) if there else -1
                self.rows[row.name] = dataclasses.replace(row, ofport=ofport, error=None if there else "no such device")
        for bridge in self.bridges:
            self._follow(bridge)
        self._observe()
        return self.observed

    def plan(self, link: model.BridgeLink, settled_mtu: int | None = None) -> LinkPlan:
        """Return the plan for a link by what was seen last."""
        return plan_link(link, self.observed, Topology(self.observed), settled_mtu=settled_mtu)

    def carry_out(self, *plans: LinkPlan) -> dict[str, Failure]:
        """Apply plans and look; return what failed."""
        failures = self._applier.apply([plan for plan in plans if not plan.empty]).failures
        self.look()
        return failures

    def remove(self, link: model.BridgeLink) -> LinkPlan:
        """Unplug a link; return the last plan."""
        ref = model.LinkRef(link_id=link.id, generation=link.generation)
        for _ in range(3):
            plan = plan_removal(ref, self.observed, link)
            if plan.empty:
                break
            self.carry_out(plan)
        return plan

    # -- helper and Ovs ---------------------------------------------------------------------------------------------

    def apply(self, batch_operations: list[operations.Operation]) -> list[Outcome]:
        body = operations.dump(batch_operations)
        with mock.patch.multiple(ethtool, set_tx_checksum=self._set_tx_checksum, set_gro=self._set_gro):
            return [Outcome(*outcome) for outcome in batch._Batch(self.kernel, operations.parse(body)).run()]  # type: ignore[arg-type]

    def is_stuck(self, ports: Iterable[str]) -> bool:
        return False

    def settle(self, ports: Iterable[str]) -> None:
        pass

    def begin(self, *, attach: Iterable[AttachPort]) -> Callable[[], None]:
        self.commit(attach=attach)
        return lambda: None

    def commit(
        self,
        *,
        detach: Iterable[DetachPort] = (),
        attach: Iterable[AttachPort] = (),
        keep: Iterable[KeepBridge] = (),
    ) -> None:
        rows = dict(self.rows)
        for kept in keep:
            if kept.mtu is not None:
                self.mtu_requests.setdefault(kept.bridge, kept.mtu)
        for leaving in detach:
            row = rows.get(leaving.device)
            if (
                row is not None
                and row.bridge == leaving.bridge
                and (leaving.link_id if leaving.marked else None) in (row.link_id, row.inner_link_id or row.link_id)
            ):
                del rows[leaving.device]
        for coming in attach:
            row = rows.get(coming.device)
            if coming.bridge not in self.bridges:
                raise exceptions.OvsdbRefused(f"no bridge {coming.bridge}")
            if row is not None and row.link_id and coming.link_id not in (row.link_id, row.inner_link_id):
                raise exceptions.OvsdbRefused(f"port {row.name} belongs to link {row.link_id}")
            row = row or OvsPort(coming.device, coming.device, coming.bridge, key=object())
            plain = {"type": "", "vlans": "", "inner_link_id": None, "marked": True, "alone": True, "mtu_request": None}
            rows[coming.device] = dataclasses.replace(row, link_id=coming.link_id, tag=coming.tag, **plain)  # type: ignore[arg-type]
            if coming.keep_mtu is not None:
                self.mtu_requests.setdefault(coming.bridge, coming.keep_mtu)
        self.rows = rows

    # -- within -----------------------------------------------------------------------------------------------------

    def _set_tx_checksum(self, index: int, name: str, on: bool) -> None:
        self.offload[self.kernel.named(name).ifindex] = on

    def _set_gro(self, index: int, name: str, on: bool) -> None:
        self.gro[self.kernel.named(name).ifindex] = on

    def _follow(self, bridge: str) -> None:
        local = self.kernel.named(bridge)
        ports = {row.name for row in self.rows.values() if row.bridge == bridge and row.name != bridge}
        mtus = [device.mtu for device in self.kernel.devices.values() if device.name in ports]
        mtu = self.mtu_requests.get(bridge) or min(mtus, default=local.mtu)
        self.kernel.devices[local.ifindex] = dataclasses.replace(local, mtu=mtu)

    def _observe(self) -> None:
        devices = self.kernel.devices
        for index in self.observed.devices.keys() - devices.keys():
            self.observed.put_device(index, None)
        for index, device in devices.items():
            peer = devices.get(device.peer) if device.peer else None
            carrier = device.up and (peer.up if peer else device.kind != "veth")
            self.observed.put_device(index, dataclasses.replace(device, carrier=carrier))
            if naming.owner(device.alias) and device.kind == "veth":
                self.observed.tx_checksum[index] = self.offload.get(index, True)
                if device.master is None:
                    self.observed.gro[index] = self.gro.get(index, True)
        for name in self.observed.ports.keys() - self.rows.keys():
            self.observed.put_port(name, None)
        for name, row in self.rows.items():
            self.observed.put_port(name, row)
        for name in self.observed.bridges.keys() | self.bridges.keys():
            self.observed.put_bridge(name, self.bridges.get(name))
