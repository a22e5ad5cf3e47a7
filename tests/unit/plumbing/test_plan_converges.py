"""From any state, however broken, a few rounds lead to what is wanted or to an error that stays."""

import dataclasses
from collections.abc import Callable
from typing import Any

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import BridgeKind, Reason, Status
from vethagent.plumbing import naming
from vethagent.plumbing.observed import OvsPort
from vethagent.plumbing.steps import LinkPlan
from vethagent.privileged import operations
from vethagent.privileged.ifinfo import Device

_ROUNDS = 6
_MARK = naming.alias(LINK_ID)

Damage = Callable[[Host, model.BridgeLink], None]


# -- hosts and links -----------------------------------------------------------------------------------------------


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """A host with two Linux and two OVS bridges, and things on it that are nobody's business."""
    host = Host()
    for name in ("br1", "br3"):
        host.add_linux_bridge(name, stp=draw(st.booleans()), mac=f"02:00:00:00:00:{name[2:]:0>2}")
    for name in ("br-eth1", "br-eth2"):
        host.add_ovs_bridge(name, datapath_type=draw(st.sampled_from(["netdev", ""])), stp=draw(st.booleans()))
    host.add("eth0", master=host.kernel.named("br1").ifindex)
    host.add_pair("their-a", "their-b", alias=draw(st.sampled_from(["", "uplink", naming.alias(OTHER_ID)])))
    host.add_row("eth9", "br-eth1", ofport=9)
    host.look()
    return host


@st.composite
def wanted(draw: st.DrawFn) -> model.BridgeLink:
    bridges = draw(st.permutations(["br1", "br3", "br-eth1", "br-eth2"]))[:2]
    ends: list[dict[str, Any]] = []
    for number, bridge in enumerate(bridges):
        ovs = bridge.startswith("br-eth")
        ends.append(
            {
                "bridge": bridge,
                "kind": draw(st.sampled_from(["auto", "ovs" if ovs else "linux"])),
                "device": draw(st.sampled_from([None, ("phy-br1", "eth1-br1")[number]])),
                "mac": draw(st.sampled_from([None, f"02:00:00:00:01:0{number}"])),
                "tag": draw(st.sampled_from([None, 100])) if ovs else None,
            }
        )
    return link(
        end0=ends[0],
        end1=ends[1],
        mtu=draw(st.sampled_from([None, 1400, 1500, 9000])),
        adopt=draw(st.booleans()),
        allow_loop=draw(st.booleans()),
        admin_state_up=draw(st.sampled_from([True, True, True, False])),
    )


# -- what can be wrong ---------------------------------------------------------------------------------------------


def _ours(host: Host) -> list[Device]:
    marked = [device for device in host.kernel.devices.values() if device.alias == _MARK and device.kind == "veth"]
    peers = [host.kernel.devices[device.peer] for device in marked if device.peer in host.kernel.devices]
    return sorted({device.ifindex: device for device in marked + peers}.values(), key=lambda device: device.ifindex)


def _rows(host: Host, wanted_link: model.BridgeLink) -> list[OvsPort]:
    names = {end.device for end in naming.wanted_ends(wanted_link)}
    return [row for row in host.rows.values() if row.name in names]


def _device_damage(number: int, **fields: object) -> Damage:
    def damage(host: Host, _: model.BridgeLink) -> None:
        if ours := _ours(host)[number : number + 1]:
            host.change(ours[0].ifindex, **fields)

    return damage


def _row_damage(**fields: object) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        for row in _rows(host, wanted_link)[:1]:
            host.rows[row.name] = dataclasses.replace(row, **fields)  # type: ignore[arg-type]

    return damage


def _pull_out(host: Host, _: model.BridgeLink) -> None:
    for device in _ours(host)[:1]:
        host.delete(device.ifindex)


def _send_away(number: int) -> Damage:
    """One end goes into another namespace."""

    def damage(host: Host, _: model.BridgeLink) -> None:
        ours = _ours(host)
        if len(ours) == 2:
            del host.kernel.devices[ours[number].ifindex]
            host.change(ours[1 - number].ifindex, peer=None)

    return damage


def _move(number: int, bridge: str) -> Damage:
    def damage(host: Host, _: model.BridgeLink) -> None:
        for device in _ours(host)[number : number + 1]:
            host.change(device.ifindex, master=host.kernel.named(bridge).ifindex)

    return damage


def _swap_names(host: Host, _: model.BridgeLink) -> None:
    if len(ours := _ours(host)) == 2:
        host.change(ours[0].ifindex, name=ours[1].name)
        host.change(ours[1].ifindex, name=ours[0].name)


def _unmark(host: Host, _: model.BridgeLink) -> None:
    for device in _ours(host):
        host.change(device.ifindex, alias="")


def _lose_rows(host: Host, wanted_link: model.BridgeLink) -> None:
    for row in _rows(host, wanted_link):
        del host.rows[row.name]


def _turn_offload_on(host: Host, _: model.BridgeLink) -> None:
    host.offload.clear()


def _take_name(number: int, kind: str) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        name = naming.wanted_ends(wanted_link)[number].device
        if name in {device.name for device in host.kernel.devices.values()}:
            return
        if kind == "veth":
            host.add_pair(name, "their-c")
        else:
            host.add(name, kind=kind)

    return damage


def _take_row(number: int, bridge: str, owner: str | None) -> Damage:
    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        name = naming.wanted_ends(wanted_link)[number].device
        if name not in host.rows:
            host.add_row(name, bridge, link_id=owner)

    return damage


def _leave_row(host: Host, _: model.BridgeLink) -> None:
    host.add_row("stale0", "br-eth2", link_id=LINK_ID, ofport=-1)


def _by_hand(exact: bool) -> Damage:
    """Somebody made the pair before, as the link wants it or nearly."""

    def damage(host: Host, wanted_link: model.BridgeLink) -> None:
        ends = naming.wanted_ends(wanted_link)
        if {end.device for end in ends} & ({d.name for d in host.kernel.devices.values()} | host.rows.keys()):
            return
        masters = [host.kernel.named(end.bridge) for end in ends]
        first, second = (master.ifindex if master.kind == "bridge" else None for master in masters)
        made = host.add_pair(*(end.device for end in ends), masters=(first, second))
        for index, end in zip((made.ifindex, made.peer or 0), ends, strict=True):
            host.change(
                index,
                mac=end.mac,
                mtu=wanted_link.mtu or (1500 if exact else 1300),
                up=wanted_link.admin_state_up,
            )
            if end.bridge in host.bridges:
                host.add_row(end.device, end.bridge, tag=end.tag)

    return damage


def _join_bridges(host: Host, wanted_link: model.BridgeLink) -> None:
    first, second = (host.kernel.named(end.bridge) for end in wanted_link.ends)
    if "their-x" in {device.name for device in host.kernel.devices.values()}:
        return
    masters = [bridge.ifindex if bridge.kind == "bridge" else None for bridge in (first, second)]
    host.add_pair("their-x", "their-y", masters=(masters[0], masters[1]))
    for name, bridge in (("their-x", first), ("their-y", second)):
        if bridge.kind != "bridge":
            host.add_row(name, bridge.name)


def _other_pair_of_ours(host: Host, _: model.BridgeLink) -> None:
    if "copy-a" not in {device.name for device in host.kernel.devices.values()}:
        host.add_pair("copy-a", "copy-b", alias=_MARK)


def _mark_on_a_card(host: Host, _: model.BridgeLink) -> None:
    host.change(host.kernel.named("eth0").ifindex, alias=_MARK)


DAMAGE: dict[str, Damage] = {
    "pull out": _pull_out,
    "send end 0 away": _send_away(0),
    "send end 1 away": _send_away(1),
    "rename end 0": _device_damage(0, name="renamed0"),
    "rename end 1": _device_damage(1, name="renamed1"),
    "swap names": _swap_names,
    "mtu": _device_damage(0, mtu=1300),
    "mac": _device_damage(1, mac="02:00:00:00:09:09"),
    "down": _device_damage(1, up=False),
    "end 0 out": _device_damage(0, master=None),
    "end 1 out": _device_damage(1, master=None),
    "end 0 into br3": _move(0, "br3"),
    "end 1 into br3": _move(1, "br3"),
    "no mark on end 0": _device_damage(0, alias=""),
    "no mark on end 1": _device_damage(1, alias=""),
    "no marks": _unmark,
    "foreign alias": _device_damage(0, alias="uplink to rack 7"),
    "another link's mark": _device_damage(1, alias=naming.alias(OTHER_ID)),
    "rows lost": _lose_rows,
    "row lost its mark": _row_damage(link_id=None),
    "row of another link": _row_damage(link_id=OTHER_ID),
    "row in another bridge": _row_damage(bridge="br-eth2"),
    "row with another tag": _row_damage(tag=7),
    "row with an error": _row_damage(ofport=-1, error="no such device"),
    "offload on": _turn_offload_on,
    "name taken by a card": _take_name(0, ""),
    "name taken by a veth": _take_name(1, "veth"),
    "name taken by a port": _take_row(1, "br-eth1", None),
    "name taken by a port of another link": _take_row(0, "br-eth2", OTHER_ID),
    "row without a device": _take_row(1, "br-eth1", LINK_ID),
    "stale row": _leave_row,
    "made by hand": _by_hand(True),
    "made by hand, other MTU": _by_hand(False),
    "bridges joined by others": _join_bridges,
    "second pair with our mark": _other_pair_of_ours,
    "our mark on a card": _mark_on_a_card,
}


# -- what must hold ------------------------------------------------------------------------------------------------


def _foreign(host: Host) -> tuple[dict[int, Device], dict[str, OvsPort]]:
    """What is none of the link's: no mark of it, nor is it the other end of something that has one."""
    ours = {device.ifindex for device in _ours(host)}
    devices = {
        index: dataclasses.replace(device, mtu=0, carrier=False)
        for index, device in host.kernel.devices.items()
        if index not in ours
    }
    rows = {
        name: dataclasses.replace(row, ofport=None, error=None)
        for name, row in host.rows.items()
        if row.link_id != LINK_ID
    }
    return devices, rows


def _check_steps(host: Host, wanted_link: model.BridgeLink, plan: LinkPlan) -> None:
    """No step names what is not the link's."""
    ours = {device.ifindex: device for device in _ours(host)}
    names = {device.name for device in ours.values()} | {end.device for end in naming.wanted_ends(wanted_link)}
    for operation in plan.operations:
        match operation:
            case operations.ChangeEnd() | operations.DeletePair():
                assert operation.ifindex in ours
            case operations.AdoptPair():
                assert not any(host.kernel.devices[index].alias for index in operation.ifindexes)
                assert wanted_link.adopt or any(row.link_id == LINK_ID for row in host.rows.values())
    for leaving in plan.detach:
        assert host.rows[leaving.device].link_id == LINK_ID
    for coming in plan.attach:
        row = host.rows.get(coming.device)
        assert coming.device in names and (row is None or row.link_id in (None, LINK_ID))


def _joined_by_others(host: Host, wanted_link: model.BridgeLink) -> bool:
    """Whether the link's bridges are joined without it; by a search of its own, over a plain list of edges."""
    ours = {device.name for device in _ours(host)} | {end.device for end in naming.wanted_ends(wanted_link)}
    where = {row.name: row.bridge for row in host.rows.values()}
    where |= {d.name: host.kernel.devices[d.master].name for d in host.kernel.devices.values() if d.master}
    edges = set()
    for device in host.kernel.devices.values():
        peer = host.kernel.devices.get(device.peer) if device.peer else None
        if peer and device.name not in ours and device.name in where and peer.name in where:
            edges.add((where[device.name], where[peer.name]))
    reached = {wanted_link.ends[0].bridge}
    while more := {b for a, b in edges if a in reached} - reached:
        reached |= more
    return wanted_link.ends[1].bridge in reached


def _stp(host: Host, bridge: str) -> bool:
    return host.bridges[bridge].stp if bridge in host.bridges else host.kernel.named(bridge).stp


def _attached_ends(host: Host, wanted_link: model.BridgeLink) -> int:
    return sum(
        host.observed.bridge_of(device) == end.bridge
        for end in naming.wanted_ends(wanted_link)
        if (device := host.observed.device(end.device)) is not None
    )


def _reconcile(host: Host, wanted_link: model.BridgeLink) -> LinkPlan:
    """Plan and apply until nothing is left to do; return the last plan."""
    settled: int | None = None
    closes = _joined_by_others(host, wanted_link) and not wanted_link.allow_loop
    closes &= not all(_stp(host, end.bridge) for end in wanted_link.ends)
    for _ in range(_ROUNDS):
        plan = host.plan(wanted_link, settled)
        settled = plan.mtu
        note(f"{plan.state.status} {plan.state.reason} {plan.state.message}: {'; '.join(plan.sentences())}")
        if plan.empty:
            return plan
        _check_steps(host, wanted_link, plan)
        devices, rows = _foreign(host)
        adopted = {i for op in plan.operations if isinstance(op, operations.AdoptPair) for i in op.ifindexes}
        claimed = {step.device for step in plan.attach}
        attached = _attached_ends(host, wanted_link)
        failures = host.carry_out(plan)
        note(f"failures: {failures}")
        assert not failures
        devices_now, rows_now = _foreign(host)
        assert {i: d for i, d in devices.items() if i not in adopted} == devices_now
        assert {n: r for n, r in rows.items() if n not in claimed} == rows_now
        if closes:
            assert _attached_ends(host, wanted_link) <= attached
    raise AssertionError("no end in sight")


def _check_active(host: Host, wanted_link: model.BridgeLink, state: model.LinkState) -> None:
    ends = naming.wanted_ends(wanted_link)
    for end, shown in zip(ends, state.ends, strict=True):
        device, other = host.kernel.named(end.device), host.kernel.named(end.other)
        assert (device.peer, other.peer, device.kind) == (other.ifindex, device.ifindex, "veth")
        assert device.alias == _MARK and device.up and device.mtu == other.mtu
        assert wanted_link.mtu in (None, device.mtu)
        assert device.mac == end.mac or wanted_link.adopt
        assert shown.present and shown.attached_to == end.bridge
        if shown.kind is BridgeKind.LINUX:
            assert device.master == host.kernel.named(end.bridge).ifindex
        else:
            row = host.rows[end.device]
            assert device.master is None
            assert (row.bridge, row.tag, row.link_id) == (end.bridge, end.tag, LINK_ID)
            assert row.ofport and row.ofport > 0 and not row.error
            if host.bridges[end.bridge].datapath_type == "netdev":
                assert host.offload.get(other.ifindex) is False


def _check_end(host: Host, wanted_link: model.BridgeLink, plan: LinkPlan) -> None:
    state = plan.state
    event(f"{state.status} {state.reason}")
    assert host.plan(wanted_link, plan.mtu) == plan
    if state.status is Status.ACTIVE:
        _check_active(host, wanted_link, state)
    elif state.reason is Reason.ADMIN_DOWN:
        assert not wanted_link.admin_state_up
    else:
        assert state.status is Status.ERROR and state.message


damages = st.lists(st.sampled_from(sorted(DAMAGE)), max_size=3)


@settings(max_examples=250)
@given(hosts(), wanted(), damages, damages)
def test_any_state_converges(host: Host, wanted_link: model.BridgeLink, before: list[str], after: list[str]) -> None:
    for name in before:
        DAMAGE[name](host, wanted_link)
    host.look()
    plan = _reconcile(host, wanted_link)
    _check_end(host, wanted_link, plan)
    for name in after:
        DAMAGE[name](host, wanted_link)
    host.look()
    _check_end(host, wanted_link, _reconcile(host, wanted_link))


@settings(max_examples=100)
@given(hosts(), wanted(), damages, damages)
def test_removal_leaves_nothing_of_ours_and_everything_else(
    host: Host, wanted_link: model.BridgeLink, before: list[str], after: list[str]
) -> None:
    for name in before:
        DAMAGE[name](host, wanted_link)
    host.look()
    _reconcile(host, wanted_link)
    for name in after:
        DAMAGE[name](host, wanted_link)
    host.look()
    devices, rows = _foreign(host)
    plan = host.remove(wanted_link)
    assert plan.empty and plan.state.reason is Reason.UNPLUGGED
    assert not _ours(host) and not [row for row in host.rows.values() if row.link_id == LINK_ID]
    assert _foreign(host) == (devices, rows)
