"""From observed to desired: which steps, and what to say of the link. Pure, no I/O.

Dry runs, drift reports and the reconciler all call the same two functions.
"""

import dataclasses
from collections.abc import Sequence

from vethagent import model
from vethagent.model import BridgeKind, Difference, Reason, Status
from vethagent.plumbing import astray, end_states, naming, pairs, ports, sites
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.sites import BlockedError, Site
from vethagent.plumbing.steps import LinkPlan
from vethagent.privileged import operations
from vethagent.privileged.ifinfo import Device

_UPDOWN = {True: "up", False: "down"}


def plan_link(
    link: model.BridgeLink,
    observed: Observed,
    topology: Topology,
    *,
    settled_mtu: int | None = None,
    carried: bool = False,
) -> LinkPlan:
    """Return the steps that make ``link`` as wanted, none if it is, and its state as it is now.

    ``settled_mtu`` is the ``mtu`` that the devices have had as the link is wanted now, None if it never was so, or if
    that is not known any more, as of one that ``carried`` before it was changed.

    A plan that attaches something is taken into ``topology``, so of two links that would close a loop together the one
    that is planned first goes.
    """
    try:
        found = sites.find_sites(link, observed)
    except BlockedError as blocked:
        if blocked.reason is Reason.OVSDB_UNAVAILABLE and settled_mtu is not None:
            topology.wait_for(link)
        status = Status.DOWN if blocked.reason is Reason.OVSDB_UNAVAILABLE else Status.ERROR
        return LinkPlan(_state(link, status, blocked.reason, blocked.message, ends=end_states.by_name(link, observed)))
    return _LinkPlanner(link, found, observed, topology, settled_mtu, carried).plan()


def plan_removal(ref: model.LinkRef, observed: Observed, link: model.BridgeLink | None = None) -> LinkPlan:
    """Return the steps after which nothing that carries the link's mark is left: rows first, then the pair.

    ``link`` is how it was wanted, if that is known. While OVSDB is away one with an OVS end is not said to be gone.
    """
    link_id = ref.link_id
    owned = observed.owned_devices(link_id)
    if link is not None and not owned and (pair := pairs.without_marks(link, observed)):
        # The helper deletes nothing without a mark, and once the row is gone nothing tells that the pair is ours.
        adopt = operations.AdoptPair(link_id=link_id, ifindexes=(pair[0].ifindex, pair[1].ifindex))
        return LinkPlan(_going(ref, gone=False), operations=(adopt,))
    doomed = pairs.one_of_each(owned)
    # Also one whose mark somebody took off: without its device it would stay for ever.
    rows = ports.ours(link_id, observed, link)
    gone = not owned and not rows and (observed.ovs_known or not _needs_ovs(link, observed))
    return LinkPlan(
        _going(ref, gone=gone),
        detach=tuple(ports.leave(row, link_id) for row in rows),
        operations=tuple(operations.DeletePair(link_id=link_id, ifindex=device.ifindex) for device in doomed),
    )


def _going(ref: model.LinkRef, *, gone: bool) -> model.LinkState:
    return model.LinkState(
        link_id=ref.link_id,
        generation=ref.generation,
        status=Status.DOWN if gone else Status.PENDING_DELETE,
        reason=Reason.UNPLUGGED if gone else Reason.UNPLUGGING,
    )


def plan_held(
    link: model.BridgeLink, earlier: model.BridgeLink | None, observed: Observed, topology: Topology, *, first: bool
) -> LinkPlan:
    """Return the steps that take back a link with which the host lost the way to the bus.

    One that had carried before it was changed, as ``earlier``, is made so again; the way may be over it. If something
    is against that, and of any other link, all goes: the pair first, and its rows with the next plan, for the host is
    cut off until the pair is gone, and OVSDB may be away. For the same reason one that cannot be made so is set down;
    not if it is not the ``first`` time, for it has carried since.
    """
    ref = model.LinkRef(link_id=link.id, generation=link.generation)
    why = "with it the host lost the way to bus or gateway (its log says which); any change but of labels tries again"
    if earlier is not None:
        again = plan_link(earlier, observed, topology, carried=True)
        if again.state.reason is Reason.OVSDB_UNAVAILABLE:
            return LinkPlan(again.state.model_copy(update={"generation": link.generation}))  # nobody knows how it is
        if again.state.status is not Status.ERROR or again.state.reason is Reason.PORT_ERROR:
            text = f"taken back, and as it was in generation {earlier.generation}: {why}"
            state = _state(link, Status.ERROR, Reason.CONNECTIVITY_LOST, text, ends=again.state.ends)
            shut = tuple(
                operations.ChangeEnd(link_id=link.id, ifindex=device.ifindex, up=False)
                for device in observed.owned_devices(link.id)
            )
            return dataclasses.replace(again, state=state, mtu=None, shut=shut if first else ())
    text = f"taken back: {why}"
    state = _state(link, Status.ERROR, Reason.CONNECTIVITY_LOST, text, ends=end_states.by_name(link, observed))
    removal = plan_removal(ref, observed, link)
    return dataclasses.replace(removal, state=state, detach=() if removal.operations else removal.detach)


def plan_unread(link: model.UnreadLink) -> LinkPlan:
    """Return no step for a link that is not understood: what is there of it stays as it is."""
    text = f"this agent does not understand the link, so it does nothing about it; upgrade the agent ({link.why})"
    state = model.LinkState(
        link_id=link.id,
        generation=link.generation,
        status=Status.ERROR,
        reason=Reason.NOT_UNDERSTOOD,
        message=text,
    )
    return LinkPlan(state=state)


def _needs_ovs(link: model.BridgeLink | None, observed: Observed) -> bool:
    if link is None:
        return False
    return any(
        end.kind is BridgeKind.OVS or (end.kind is BridgeKind.AUTO and observed.linux_bridge(end.bridge) is None)
        for end in link.ends
    )


@dataclasses.dataclass
class _LinkPlanner:
    link: model.BridgeLink
    sites: tuple[Site, Site]
    observed: Observed
    topology: Topology
    settled_mtu: int | None
    carried: bool
    mtu: int | None = None
    differences: list[Difference] = dataclasses.field(default_factory=list)

    def plan(self) -> LinkPlan:
        pair = pairs.find(self.link, self.sites, self.observed)
        if pair.conflict:
            return self._refused(pair.reason, pair.conflict, pair, pair.rival)
        self.mtu = sites.wanted_mtu(self.link, self.sites, self.settled_mtu)
        return self._plan(pair, self.mtu)

    def _plan(self, pair: pairs.Pair, mtu: int) -> LinkPlan:
        if pair.devices is None:
            steps, gone = self._make(pair, mtu), True
        else:
            steps = self._mend(pair, pair.devices, mtu)
            gone = pair.claimed and pairs.may_be_another(self.link, pair.devices, self.sites, self.observed)
        first = self.settled_mtu is None
        rows = ports.compare(
            self.link, self.sites, self.observed, mtu=mtu, resized=first, remake=gone, adopt=pair.adopted
        )
        self.differences += rows.differences
        if rows.conflict:
            return self._refused(Reason.NAME_CONFLICT, rows.conflict, pair, rows.rival)
        if pair.adopted and self.differences:
            wrong = f"not exactly the pair wanted: {_told(self.differences)}"
            return self._verdict(Status.ERROR, Reason.ADOPT_MISMATCH, wrong, pair)
        if not (steps or rows.detach or rows.keep or rows.attach):
            return self._settled(pair)
        if self._joins(pair.devices) and (refused := self._kept_apart(pair, rows)):
            return refused
        return self._moving(pair, steps, rows)

    def _refused(self, reason: Reason, text: str, pair: pairs.Pair, rival: str | None) -> LinkPlan:
        """Say who is in the way; what is there of the link goes if it is in the way of that one too."""
        if not pairs.gives_way(self.link, rival, self.observed):
            return dataclasses.replace(self._verdict(Status.ERROR, reason, text, pair), rival=rival)
        for end in naming.wanted_ends(self.link):
            self._differ("NAME", end.device, end.device, f"of link {rival}")
        ref = model.LinkRef(link_id=self.link.id, generation=self.link.generation)
        state = self._state(Status.DOWN, Reason.DRIFT, text, pair)
        return dataclasses.replace(plan_removal(ref, self.observed, self.link), state=state)

    def _moving(self, pair: pairs.Pair, steps: Sequence[operations.Operation], rows: ports.Rows) -> LinkPlan:
        fresh = pair.devices is None and not pair.leftovers and not rows.detach
        state = self._state(
            Status.BUILD if fresh or pair.adopted else Status.DOWN,
            Reason.PLUGGING if fresh or pair.adopted else Reason.DRIFT,
            "" if fresh or pair.adopted else _told(self.differences),
            pair,
        )
        return LinkPlan(
            state,
            detach=rows.detach,
            keep=rows.keep,
            operations=tuple(steps),
            attach=rows.attach,
            settle=rows.settle,
            mtu=self.mtu,
        )

    # -- devices -------------------------------------------------------------------------------------------------

    def _make(self, pair: pairs.Pair, mtu: int) -> list[operations.Operation]:
        link = self.link
        steps: list[operations.Operation] = [
            operations.DeletePair(link_id=link.id, ifindex=device.ifindex) for device in pair.leftovers
        ]
        first, second = (self._new_end(number, mtu) for number in (0, 1))
        steps.append(operations.CreatePair(link_id=link.id, ends=(first, second)))
        for site in self.sites:
            self._differ_of_missing(site.end, pair)
        return steps

    def _differ_of_missing(self, end: naming.WantedEnd, pair: pairs.Pair) -> None:
        there = self.observed.device(end.device)
        if not pair.leftovers or there is None or there.loose:
            self._differ("DEVICE_MISSING", end.device, "present", "absent")
            return
        peer = self.observed.peer(there)
        if peer is None or peer.name != end.other:
            self._differ("NOT_A_PAIR", end.device, f"peer of {end.other}", f"peer of {peer.name}" if peer else "alone")
        elif naming.owner(there.alias) != self.link.id:
            self._differ("ALIAS", end.device, naming.alias(self.link.id), there.alias or "none")

    def _new_end(self, number: int, mtu: int) -> operations.NewEnd:
        site, other = self.sites[number], self.sites[1 - number]
        return operations.NewEnd(
            name=site.end.device,
            mac=site.end.mac,
            mtu=mtu,
            master=site.bridge_index,
            up=self.link.admin_state_up,
            tx_checksum=not other.userspace,
        )

    def _mend(self, pair: pairs.Pair, devices: tuple[Device, Device], mtu: int) -> list[operations.Operation]:
        changes = [self._change(number, devices[number], mtu, adopted=pair.adopted) for number in (0, 1)]
        if pair.adopted or pair.claimed:
            adopt = operations.AdoptPair(link_id=self.link.id, ifindexes=(devices[0].ifindex, devices[1].ifindex))
            return [adopt]  # until it carries the mark the helper changes nothing else of it
        spares = [operations.DeletePair(link_id=self.link.id, ifindex=spare.ifindex) for spare in pair.leftovers]
        for spare in pair.leftovers:
            self._differ("SPARE_PAIR", spare.name, "absent", "present")
        return [*spares, *filter(None, changes)]

    def _change(self, number: int, device: Device, mtu: int, *, adopted: bool) -> operations.ChangeEnd | None:
        """Return the operation that makes one device as wanted; each thing wrong with it is a difference."""
        site, wanted = self.sites[number], self.sites[number].end
        change: dict[str, object] = {}
        if device.name != wanted.device:
            self._differ("NAME", wanted.device, wanted.device, device.name)
            change |= {"name": wanted.device, "up": self.link.admin_state_up}  # it is taken down for that
        if device.mtu != mtu:
            self._differ("MTU", wanted.device, mtu, device.mtu)
            change["mtu"] = mtu
            if self.settled_mtu == mtu and site.bridge_mtu == device.mtu:
                change["bridge_follows"] = True
        if device.mac != wanted.mac and (self.link.ends[number].mac or not self.link.adopt):
            self._differ("MAC", wanted.device, wanted.mac, device.mac)
            change["mac"] = wanted.mac
        if device.up != self.link.admin_state_up:
            self._differ("ADMIN_STATE", wanted.device, _UPDOWN[self.link.admin_state_up], _UPDOWN[device.up])
            change["up"] = self.link.admin_state_up
        if self.sites[1 - number].userspace and self.observed.tx_checksum.get(device.ifindex):
            self._differ("TX_CHECKSUM", wanted.device, "off", "on")
            change["tx_checksum"] = False
        if site.userspace and self.observed.gro.get(device.ifindex):
            # What it makes larger than the MTU that datapath drops.
            self._differ("GRO", wanted.device, "off", "on")
            change["gro"] = False
        change |= self._master(site, device)
        marked = device.alias == naming.alias(self.link.id)
        if not marked and not adopted:
            self._differ("ALIAS", wanted.device, naming.alias(self.link.id), device.alias or "none")
        if marked and not change:
            return None
        return operations.ChangeEnd.model_validate({"link_id": self.link.id, "ifindex": device.ifindex, **change})

    def _master(self, site: Site, device: Device) -> dict[str, object]:
        master = self.observed.held_by(device)
        if site.kind is BridgeKind.LINUX and device.master != site.bridge_index:
            code = "NOT_ATTACHED" if device.master is None else "WRONG_BRIDGE"
            self._differ(code, site.end.device, site.end.bridge, master or "none")
            return {"master": site.bridge_index}
        if site.kind is BridgeKind.OVS and master is not None:
            self._differ("WRONG_BRIDGE", site.end.device, site.end.bridge, master)
            return {"master": 0}
        return {}

    def _differ(self, code: str, device: str, wanted: object, observed: object) -> None:
        self.differences.append(Difference(code=code, device=device, wanted=str(wanted), observed=str(observed)))

    # -- loops ---------------------------------------------------------------------------------------------------

    def _kept_apart(self, pair: pairs.Pair, rows: ports.Rows) -> LinkPlan | None:
        """Return the plan of a link that would close a loop, or of which that is not known; None if it may join."""
        first = self.settled_mtu is None
        if first and not self.carried and (unsure := self._unsure()):
            return self._verdict(Status.DOWN, Reason.OVSDB_UNAVAILABLE, unsure, pair)
        if not (loop := self._loop(pair.devices)):
            return None
        refused = self._verdict(Status.ERROR, Reason.LOOP, loop, pair)
        if first or pair.claimed:
            return refused  # one that was changed stays where it was: the host may be reached by it
        return astray.withdraw(refused, pair.devices or (), self.sites, rows, self.observed)

    def _joins(self, devices: tuple[Device, Device] | None) -> bool:
        """Return whether packets may pass afterwards that do not pass now."""
        if devices is None or not self._in_place(devices):
            return True
        return self.link.admin_state_up and not all(device.up for device in devices)

    def _in_place(self, devices: tuple[Device, Device]) -> bool:
        return all(
            self.observed.bridge_of(device) == site.end.bridge for device, site in zip(devices, self.sites, strict=True)
        )

    def _own(self) -> set[str]:
        own = {device.name for device in self.observed.owned_devices(self.link.id)}
        return own | {site.end.device for site in self.sites} | {self.link.id}

    def _unsure(self) -> str:
        """Return why a link that never carried has to wait until it is known what Open vSwitch joins."""
        first, second = (site.end.bridge for site in self.sites)
        if self.link.allow_loop or not self.topology.may_join(first, second, without=self._own()):
            return ""
        return f"{first} and {second} may be joined already, by Open vSwitch, and OVSDB does not answer"

    def _loop(self, devices: tuple[Device, Device] | None) -> str:
        first, second = (site.end.bridge for site in self.sites)
        if not self.link.allow_loop:
            own = self._own()
            way = self.topology.way(first, second, without=own)
            if way and devices is not None and self._in_place(devices):
                # It is only set up. Of several that are down in their bridges the one that is planned first goes.
                way = self.topology.way(first, second, without=own | self.observed.owned_and_down())
            if way:
                return f"{first} and {second} are joined already: {way}"
        self.topology.join(self.link.id, first, second)
        return ""

    # -- what to say ---------------------------------------------------------------------------------------------

    def _settled(self, pair: pairs.Pair) -> LinkPlan:
        """Judge a link of which everything is in place; what is left is for kernel and ovs-vswitchd to say."""
        if not self.link.admin_state_up:
            return self._verdict(Status.DOWN, Reason.ADMIN_DOWN, "disabled by request", pair)
        for site in self.sites:
            row = self.observed.ports.get(site.end.device)
            if site.kind is not BridgeKind.OVS or row is None:
                continue
            if row.error or row.ofport == -1:
                text = row.error or "ovs-vswitchd could not add the port"
                return self._verdict(Status.ERROR, Reason.PORT_ERROR, f"{row.name} in {row.bridge}: {text}", pair)
            if row.ofport is None:
                text = f"waiting for ovs-vswitchd to open {row.name}"
                return self._verdict(Status.BUILD, Reason.PLUGGING, text, pair)
        dark = [device.name for device in pair.devices or () if not device.carrier]
        if dark:
            return self._verdict(Status.DOWN, Reason.NO_CARRIER, f"no carrier on {', '.join(dark)}", pair)
        if down := [site.end.bridge for site in self.sites if not site.bridge_up]:
            # Its ports are disabled then (br_stp_disable_bridge in br_stp_if.c), of which no device tells.
            text = f"Linux bridge {' and '.join(down)} itself is down, so nothing passes"
            return self._verdict(Status.DOWN, Reason.NO_CARRIER, text, pair)
        return self._verdict(Status.ACTIVE, Reason.NONE, "", pair)

    def _verdict(self, status: Status, reason: Reason, message: str, pair: pairs.Pair) -> LinkPlan:
        return LinkPlan(self._state(status, reason, message, pair), mtu=self.mtu)

    def _state(self, status: Status, reason: Reason, message: str, pair: pairs.Pair) -> model.LinkState:
        devices = pair.devices or (None, None)
        ends = tuple(
            end_states.describe(site.end, site.kind, device, self.observed)
            for site, device in zip(self.sites, devices, strict=True)
        )
        return _state(self.link, status, reason, message, ends=ends, differences=self.differences)


def _state(
    link: model.BridgeLink,
    status: Status,
    reason: Reason,
    message: str,
    *,
    ends: tuple[model.EndState, ...],
    differences: Sequence[Difference] = (),
) -> model.LinkState:
    return model.LinkState(
        link_id=link.id,
        generation=link.generation,
        status=status,
        reason=reason,
        message=message,
        ends=ends,
        differences=tuple(differences),
    )


def _told(differences: Sequence[Difference]) -> str:
    return "; ".join(f"{each.device}: {each.code} is {each.observed}, wanted {each.wanted}" for each in differences)
