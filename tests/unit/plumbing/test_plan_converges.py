"""From any state, however broken, a few rounds lead to what is wanted or to an error that stays."""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.checks import check_active, joined_by_others
from tests.unit.plumbing.damage import DAMAGE, owned
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import Reason, Status
from vethagent.plumbing import naming, pairs, ports
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


# -- what must hold ------------------------------------------------------------------------------------------------


def _foreign(host: Host, besides: Collection[Device] = ()) -> tuple[dict[int, Device], dict[str, OvsPort]]:
    """What is none of the link's: no mark of it, nor is it the other end of something that has one, or ``besides``."""
    ours = {device.ifindex for device in (*owned(host), *besides)}
    devices = {
        index: dataclasses.replace(device, mtu=0, carrier=False)
        for index, device in host.kernel.devices.items()
        if index not in ours
    }
    rows = {
        name: dataclasses.replace(row, ofport=None, error=None)
        for name, row in host.rows.items()
        if _whose(host, row) != LINK_ID
    }
    return devices, rows


def _whose(host: Host, row: OvsPort) -> str | None:
    """Of a row with the marks of two links its device tells whose it is, if that has one of these."""
    marks = [device.alias for device in host.kernel.devices.values() if device.name == row.name]
    return row.inner_link_id if row.inner_link_id and marks == [naming.alias(row.inner_link_id)] else row.link_id


def _check_steps(host: Host, wanted_link: model.BridgeLink, plan: LinkPlan) -> None:
    """No step names what is not the link's."""
    ours = {device.ifindex: device for device in owned(host)}
    names = {device.name for device in ours.values()} | {end.device for end in naming.wanted_ends(wanted_link)}
    for operation in plan.operations:
        match operation:
            case operations.ChangeEnd() | operations.DeletePair():
                assert operation.ifindex in ours
            case operations.AdoptPair():
                assert not any(host.kernel.devices[index].alias for index in operation.ifindexes)
                assert wanted_link.adopt or any(row.link_id == LINK_ID for row in host.rows.values())
    for leaving in plan.detach:
        if leaving.marked:
            assert _whose(host, host.rows[leaving.device]) == LINK_ID
        else:
            assert host.rows[leaving.device].link_id is None
            assert naming.owner(host.kernel.named(leaving.device).alias) == LINK_ID
    for coming in plan.attach:
        row = host.rows.get(coming.device)
        assert coming.device in names and (row is None or _whose(host, row) in (None, LINK_ID))


def _stp(host: Host, bridge: str) -> bool:
    return host.bridges[bridge].stp if bridge in host.bridges else host.kernel.named(bridge).stp


def _attached_ends(host: Host, wanted_link: model.BridgeLink) -> int:
    """Return how many devices that are the link's, by their mark or by their name, are where an end is wanted."""
    ends = naming.wanted_ends(wanted_link)
    named = {end.device for end in ends}
    ours = {device.ifindex for device in owned(host)}
    ours |= {device.ifindex for device in host.kernel.devices.values() if device.name in named}
    bridges = {end.bridge for end in ends}
    return sum(host.observed.bridge_of(host.kernel.devices[index]) in bridges for index in ours)


def _reconcile(host: Host, wanted_link: model.BridgeLink) -> LinkPlan:
    """Plan and apply until nothing is left to do; return the last plan."""
    settled: int | None = None
    closes = joined_by_others(host, wanted_link) and not wanted_link.allow_loop
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
        claimed |= {step.device for step in plan.detach if not step.marked}
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


def _check_end(host: Host, wanted_link: model.BridgeLink, plan: LinkPlan) -> None:
    state = plan.state
    event(f"{state.status} {state.reason}")
    assert host.plan(wanted_link, plan.mtu) == plan
    if state.status is Status.ACTIVE:
        check_active(host, wanted_link, state)
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
    # Of a pair without marks a row that has kept its own tells whose it is.
    devices, rows = _foreign(host, pairs.without_marks(wanted_link, host.observed) or ())
    # And of a row without a mark its device, if that has one: it would stay for ever.
    going = {row.name for row in ports.ours(LINK_ID, host.observed)}
    rows = {name: row for name, row in rows.items() if name not in going}
    plan = host.remove(wanted_link)
    assert plan.empty and plan.state.reason is Reason.UNPLUGGED
    assert not owned(host) and not [row for row in host.rows.values() if row.link_id == LINK_ID]
    assert _foreign(host) == (devices, rows)
