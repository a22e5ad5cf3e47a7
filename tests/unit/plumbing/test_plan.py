import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.planning import ACTIVE, KERNEL_OVS, LINUX, bridged, codes, reason, refused, settle
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import Reason, Status
from vethagent.plumbing import naming
from vethagent.plumbing.plan import plan_removal
from vethagent.plumbing.steps import AttachPort, DetachPort
from vethagent.privileged import operations

# -- making --------------------------------------------------------------------------------------------------------


def test_a_link_is_made_by_one_operation_and_one_row(host: Host) -> None:
    wanted = link(end1={"tag": 100})
    plan = host.plan(wanted)
    first, second = naming.wanted_ends(wanted)
    assert reason(plan) == (Status.BUILD, Reason.PLUGGING)
    assert codes(plan) == {("DEVICE_MISSING", "phy-br1"), ("DEVICE_MISSING", "eth1-br1")}
    (create,) = plan.operations
    assert isinstance(create, operations.CreatePair)
    assert create.ends == (
        operations.NewEnd(
            name="phy-br1", mac=first.mac, mtu=1500, master=host.kernel.named("br1").ifindex, tx_checksum=False
        ),
        operations.NewEnd(name="eth1-br1", mac=second.mac, mtu=1500),
    )
    assert plan.attach == (AttachPort("br-eth1", "eth1-br1", LINK_ID, 100),)
    plan = host.plan(link(end1={"tag": 100}, request_id="req-1"))
    assert plan.attach[0].request_id == "req-1"
    assert plan.detach == () and not plan.settle
    assert plan.sentences()[-1] == "put eth1-br1 into OVS bridge br-eth1, tag 100"


@pytest.mark.parametrize(
    ("ends", "offload"),
    [
        ({}, (False, True)),
        ({"end1": LINUX}, (True, True)),
        ({"end0": KERNEL_OVS}, (False, True)),
        ({"end0": KERNEL_OVS, "end1": LINUX}, (True, True)),
    ],
    ids=["linux-ovs", "linux-linux", "ovs-ovs", "ovs-linux"],
)
def test_offload_is_turned_off_opposite_to_a_userspace_datapath(
    host: Host, ends: dict[str, Any], offload: tuple[bool, bool]
) -> None:
    (create,) = host.plan(link(**ends)).operations
    assert isinstance(create, operations.CreatePair)
    assert tuple(end.tx_checksum for end in create.ends) == offload
    assert reason(settle(host, link(**ends))[0]) == ACTIVE


def test_what_is_made_is_active_and_needs_nothing(host: Host) -> None:
    (plan,) = settle(host, link())
    assert reason(plan) == ACTIVE and plan.empty and plan.state.differences == () and plan.state.message == ""
    first, second = plan.state.ends
    assert (first.peer_ifindex, second.peer_ifindex) == (second.ifindex, first.ifindex)
    assert (first.kind, first.attached_to, first.tx_checksum) == ("linux", "br1", False)
    assert (second.kind, second.attached_to, second.datapath_type) == ("ovs", "br-eth1", "netdev")
    assert second.ofport and second.carrier


def test_a_link_that_is_wanted_down_is_made_down(host: Host) -> None:
    (plan,) = settle(host, link(admin_state_up=False))
    assert reason(plan) == (Status.DOWN, Reason.ADMIN_DOWN)
    assert [end.up for end in plan.state.ends] == [False, False]
    (plan,) = settle(host, link(generation=2))
    assert reason(plan) == ACTIVE


@pytest.mark.parametrize("turned", [False, True])
def test_a_pair_that_was_made_is_as_wanted(host: Host, *, turned: bool) -> None:
    """Also where a new device has GRO on, and an end is in a userspace datapath."""
    ends = link().ends[::-1] if turned else link().ends
    wanted = link().model_copy(update={"ends": ends})
    assert host.carry_out(host.plan(wanted)) == {}
    plan = host.plan(wanted)
    assert reason(plan) == ACTIVE and plan.empty and plan.state.differences == ()


def test_another_name_is_a_rename_and_the_port_follows(host: Host) -> None:
    (before,) = settle(host, link())
    plan = host.plan(link(generation=2, end1={"device": "other"}))
    assert plan.detach == (DetachPort("br-eth1", "eth1-br1", LINK_ID),)
    assert [(op.verb, op.model_dump(exclude_none=True).get("name")) for op in plan.operations] == [
        ("change_end", "other")
    ]
    host.carry_out(plan)
    (after,) = settle(host, link(generation=2, end1={"device": "other"}))
    assert reason(after) == ACTIVE
    assert [end.ifindex for end in after.state.ends] == [end.ifindex for end in before.state.ends]


def test_another_bridge_is_a_move(host: Host) -> None:
    settle(host, link())
    moved = link(generation=2, end0={"bridge": "br3"}, end1={"bridge": "br-eth2", "tag": 7})
    plan = host.plan(moved)
    assert plan.settle and plan.detach == (DetachPort("br-eth1", "eth1-br1", LINK_ID),)
    assert reason(settle(host, moved)[0]) == ACTIVE
    assert host.kernel.named("phy-br1").master == host.kernel.named("br3").ifindex
    assert host.rows["eth1-br1"].bridge == "br-eth2"


def test_a_pair_that_is_made_again_has_its_port_made_again_in_two_steps(host: Host) -> None:
    """A port on a userspace datapath that stays, or is made again within one look, carries nothing."""
    settle(host, link())
    host.delete(host.kernel.named("phy-br1").ifindex)
    host.look()
    plan = host.plan(link())
    assert reason(plan) == (Status.DOWN, Reason.DRIFT)
    assert plan.detach and plan.attach and plan.settle
    assert reason(settle(host, link())[0]) == ACTIVE


# -- what kernel and ovs-vswitchd still have to say ----------------------------------------------------------------


def test_a_port_that_is_not_open_yet_is_waited_for(host: Host) -> None:
    settle(host, link())
    host.observed.put_port("eth1-br1", dataclasses.replace(host.rows["eth1-br1"], ofport=None))
    plan = host.plan(link())
    assert plan.empty and reason(plan) == (Status.BUILD, Reason.PLUGGING)


@pytest.mark.parametrize("fields", [{"ofport": -1}, {"error": "could not open network device"}])
def test_a_port_that_cannot_be_opened_is_an_error(host: Host, fields: dict[str, Any]) -> None:
    settle(host, link())
    host.observed.put_port("eth1-br1", dataclasses.replace(host.rows["eth1-br1"], **fields))
    assert "eth1-br1 in br-eth1" in refused(host.plan(link()), Reason.PORT_ERROR)


def test_without_carrier_a_link_is_down(host: Host) -> None:
    settle(host, link())
    device = host.observed.device("phy-br1")
    assert device is not None
    host.observed.put_device(device.ifindex, dataclasses.replace(device, carrier=False))
    plan = host.plan(link())
    assert plan.empty and reason(plan) == (Status.DOWN, Reason.NO_CARRIER)
    assert "phy-br1" in plan.state.message


def test_through_a_linux_bridge_that_is_down_nothing_passes(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("br1").ifindex, up=False)
    host.look()
    plan = host.plan(link())
    assert plan.empty and reason(plan) == (Status.DOWN, Reason.NO_CARRIER)
    assert plan.state.message == "Linux bridge br1 itself is down, so nothing passes"
    assert reason(host.plan(link(admin_state_up=False))) != (Status.DOWN, Reason.NO_CARRIER)


def test_through_an_ovs_bridge_whose_own_device_is_down_packets_pass(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("br-eth1").ifindex, up=False)
    host.look()
    assert reason(host.plan(link())) == ACTIVE


# -- removal -------------------------------------------------------------------------------------------------------


REF = model.LinkRef(link_id=LINK_ID, generation=2)


def test_a_removal_is_the_port_first_and_one_deletion_for_both_ends(host: Host) -> None:
    settle(host, link())
    plan = plan_removal(REF, host.observed, link())
    assert (plan.state.status, plan.state.reason) == (Status.PENDING_DELETE, Reason.UNPLUGGING)
    assert plan.detach == (DetachPort("br-eth1", "eth1-br1", LINK_ID),)
    assert [op.verb for op in plan.operations] == ["delete_pair"] and plan.attach == ()


def test_a_port_whose_mark_was_taken_off_goes_with_its_device(host: Host) -> None:
    settle(host, link())
    host.rows["eth1-br1"] = dataclasses.replace(host.rows["eth1-br1"], link_id=None)
    host.look()
    assert host.remove(link()).state.reason is Reason.UNPLUGGED
    assert "eth1-br1" not in host.rows


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("", {}),
        ("tun", {"type": "internal", "marked": False}),
        (None, {"type": "patch", "peer": "pb", "marked": False}),
        (None, {"type": "vxlan", "marked": False}),
        ("veth", {"port": "bond0", "alone": False}),
    ],
    ids=["card", "internal", "patch", "tunnel", "bond"],
)
def test_a_mark_on_what_is_no_port_of_a_veth_means_nothing(host: Host, kind: str | None, row: dict[str, Any]) -> None:
    settle(host, link())
    if kind is not None:
        host.add("x1", kind=kind)
    host.add_row("x1", "br-eth1", link_id=LINK_ID, **row)
    host.look()
    assert host.plan(link()).empty
    assert host.remove(link()).state.reason is Reason.UNPLUGGED
    assert plan_removal(REF, host.observed).state.reason is Reason.UNPLUGGED  # nor when it is found as an orphan
    assert "x1" in host.rows and "eth1-br1" not in host.rows


def test_another_port_with_the_mark_of_a_link_goes_and_is_told(host: Host) -> None:
    settle(host, link())
    host.add_pair("x1", "x2")
    host.add_row("x1", "br-eth1", link_id=LINK_ID)
    host.look()
    plan = host.plan(link())
    assert codes(plan) == {("SPARE_PORT", "x1")} and [step.device for step in plan.detach] == ["x1"]


def test_a_port_of_ours_that_somebody_made_another_goes_with_its_link(host: Host) -> None:
    settle(host, link(), link(id=OTHER_ID, end0={"device": "p2"}, end1={"device": "e2"}, allow_loop=True))
    host.add_row("x1", "br-eth1", port="eth1-br1", link_id=LINK_ID, marked=False)  # in place of the interface
    del host.rows["eth1-br1"]
    host.rows["e2"] = dataclasses.replace(host.rows["e2"], type="internal")
    host.look()
    assert [step.device for step in plan_removal(REF, host.observed, link()).detach] == ["x1"]
    other = model.LinkRef(link_id=OTHER_ID, generation=2)
    assert [step.device for step in plan_removal(other, host.observed).detach] == ["e2"]


def test_what_was_never_there_is_gone(host: Host) -> None:
    plan = plan_removal(REF, host.observed, None)
    assert plan.empty and plan.state.reason is Reason.UNPLUGGED


@pytest.mark.parametrize(("wanted", "gone"), [(link(), False), (link(end1=LINUX), True), (None, True)])
def test_while_ovsdb_is_away_a_port_may_still_be_there(host: Host, wanted: model.BridgeLink | None, gone: bool) -> None:
    host.observed.ovs_known = False
    plan = plan_removal(REF, host.observed, wanted)
    assert plan.empty and (plan.state.reason is Reason.UNPLUGGED) is gone


# -- interruptions -------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 3), max_size=6), st.booleans(), st.sampled_from([{}, {"end1": LINUX}, {"end0": KERNEL_OVS}])
)
def test_an_agent_that_is_killed_between_any_two_steps_goes_on_where_it_was(
    kills: list[int], pulled: bool, ends: dict[str, Any]
) -> None:
    host = bridged()
    wanted = link(**ends)
    if pulled:
        settle(host, wanted)
        host.delete(host.kernel.named("phy-br1").ifindex)
        host.look()
    for done in kills:
        plan = host.plan(wanted)
        host.commit(detach=plan.detach if done > 0 else ())
        host.apply(list(plan.operations) if done > 1 else [])
        host.commit(attach=plan.attach if done > 2 else ())
        host.look()
    assert reason(settle(host, wanted)[0]) == ACTIVE
