import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import Reason, Status
from vethagent.plumbing import naming
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import OvsBridge
from vethagent.plumbing.plan import plan_link, plan_removal
from vethagent.plumbing.steps import AttachPort, DetachPort, LinkPlan
from vethagent.privileged import operations

LINUX = {"bridge": "br3", "device": "eth1-br1"}
KERNEL_OVS = {"bridge": "br-eth2", "device": "phy-br1"}


def settle(host: Host, *wanted: model.BridgeLink) -> list[LinkPlan]:
    """Reconcile links as an agent does, with the MTU that was settled before; return the last plans."""
    settled: dict[str, int | None] = {}
    for _ in range(6):
        topology = Topology(host.observed)
        plans = [plan_link(each, host.observed, topology, settled_mtu=settled.get(each.id)) for each in wanted]
        settled = {plan.state.link_id: plan.mtu for plan in plans}
        if all(plan.empty for plan in plans):
            return plans
        assert host.carry_out(*plans) == {}
    raise AssertionError("no end in sight")


def reason(plan: LinkPlan) -> tuple[Status, Reason]:
    return plan.state.status, plan.state.reason


def codes(plan: LinkPlan) -> set[tuple[str, str]]:
    return {(difference.code, difference.device) for difference in plan.state.differences}


def refused(plan: LinkPlan, why: Reason) -> str:
    assert plan.empty and plan.state.reason is why
    assert plan.state.status is Status.ERROR
    return plan.state.message


ACTIVE = (Status.ACTIVE, Reason.NONE)


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


def test_a_bridge_that_is_down_is_named_and_does_not_make_the_link_bad(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("br1").ifindex, up=False)
    host.look()
    plan = host.plan(link())
    assert reason(plan) == ACTIVE and "br1" in plan.state.message


# -- what stands in the way ----------------------------------------------------------------------------------------


def test_a_bridge_that_is_not_there_is_named(host: Host) -> None:
    assert "no bridge br9 on" in refused(host.plan(link(end0={"bridge": "br9"})), Reason.BRIDGE_NOT_FOUND)


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ({"bridge": "br1", "kind": "ovs"}, "br1 of kind ovs on this host, only one of kind linux"),
        ({"bridge": "br-eth2", "kind": "linux"}, "br-eth2 of kind linux on this host, only one of kind ovs"),
    ],
)
def test_a_bridge_of_the_other_kind_is_not_the_one_wanted(host: Host, end: dict[str, Any], text: str) -> None:
    assert text in refused(host.plan(link(end0=end)), Reason.BRIDGE_NOT_FOUND)


def test_a_device_that_is_no_bridge_is_not_taken_for_one(host: Host) -> None:
    host.add("eth0")
    host.look()
    refused(host.plan(link(end0={"bridge": "eth0"})), Reason.BRIDGE_NOT_FOUND)


def test_a_name_that_two_bridges_have_needs_a_kind(host: Host) -> None:
    host.observed.put_bridge("br1", OvsBridge("br1"))
    refused(host.plan(link()), Reason.BRIDGE_AMBIGUOUS)
    assert not host.plan(link(end0={"kind": "linux"})).empty


def test_a_tag_on_what_turns_out_to_be_a_linux_bridge_is_refused(host: Host) -> None:
    refused(host.plan(link(end0={"tag": 7})), Reason.TAG_UNSUPPORTED)


@pytest.mark.parametrize("kind", ["auto", "ovs"])
def test_without_ovsdb_nothing_is_done_and_nobody_is_blamed(host: Host, kind: str) -> None:
    settle(host, link())
    host.observed.ovs_known = False
    host.observed.put_bridge("br-eth1", None)
    plan = host.plan(link(end1={"kind": kind}))
    assert plan.empty and reason(plan) == (Status.DOWN, Reason.OVSDB_UNAVAILABLE)
    assert not host.plan(link(end1=LINUX)).empty


@pytest.mark.parametrize("end", [0, 1])
def test_a_name_that_somebody_has_is_a_conflict(host: Host, end: int) -> None:
    name = naming.wanted_ends(link())[end].device
    host.add_pair(name, "b", alias=naming.alias(OTHER_ID))
    host.look()
    assert f"of link {OTHER_ID}" in refused(host.plan(link()), Reason.NAME_CONFLICT)


@pytest.mark.parametrize("owner", [None, OTHER_ID])
def test_a_port_that_somebody_has_is_a_conflict(host: Host, owner: str | None) -> None:
    host.add_row("eth1-br1", "br-eth1", link_id=owner)
    host.look()
    assert (owner or "something else") in refused(host.plan(link()), Reason.NAME_CONFLICT)


def test_the_other_end_with_the_alias_of_something_else_is_a_conflict(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("phy-br1").ifindex, alias="uplink")
    host.look()
    assert "'uplink'" in refused(host.plan(link()), Reason.NAME_CONFLICT)


# -- drift ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mtu": 1400}, "MTU"),
        ({"mac": "02:00:00:00:09:09"}, "MAC"),
        ({"up": False}, "ADMIN_STATE"),
        ({"master": None}, "NOT_ATTACHED"),
        ({"alias": ""}, "ALIAS"),
        ({"name": "renamed"}, "NAME"),
    ],
)
@pytest.mark.parametrize("adopt", [False, True])
def test_each_thing_that_is_wrong_is_told_and_mended(
    host: Host, fields: dict[str, Any], code: str, adopt: bool
) -> None:
    wanted = link(adopt=adopt, mtu=1500, end0={"mac": "02:00:00:00:01:01"})
    settle(host, wanted)
    host.change(host.kernel.named("phy-br1").ifindex, **fields)
    host.look()
    plan = host.plan(wanted)
    assert reason(plan) == (Status.DOWN, Reason.DRIFT)
    assert (code, "phy-br1") in codes(plan)
    (after,) = settle(host, wanted)
    assert reason(after) == ACTIVE


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tag": 7}, "TAG"),
        ({"link_id": None}, "EXTERNAL_IDS"),
        ({"bridge": "br-eth2"}, "WRONG_BRIDGE"),
    ],
)
def test_each_thing_that_is_wrong_with_a_port_is_told_and_mended(host: Host, fields: dict[str, Any], code: str) -> None:
    settle(host, link())
    host.rows["eth1-br1"] = dataclasses.replace(host.rows["eth1-br1"], **fields)
    host.look()
    plan = host.plan(link())
    assert (code, "eth1-br1") in codes(plan) and plan.operations == ()
    assert reason(settle(host, link())[0]) == ACTIVE


def test_a_port_that_is_gone_is_put_back(host: Host) -> None:
    settle(host, link())
    del host.rows["eth1-br1"]
    host.look()
    plan = host.plan(link())
    assert codes(plan) == {("OVS_PORT_MISSING", "eth1-br1")} and plan.operations == ()
    assert reason(settle(host, link())[0]) == ACTIVE


def test_offload_that_was_turned_on_is_turned_off(host: Host) -> None:
    settle(host, link())
    host.offload.clear()
    host.look()
    plan = host.plan(link())
    assert codes(plan) == {("TX_CHECKSUM", "phy-br1")}
    settle(host, link())
    assert host.offload == {host.kernel.named("phy-br1").ifindex: False}


def test_an_ovs_end_that_somebody_put_into_a_linux_bridge_is_taken_out(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("eth1-br1").ifindex, master=host.kernel.named("br3").ifindex)
    host.look()
    plan = host.plan(link())
    assert codes(plan) == {("WRONG_BRIDGE", "eth1-br1")}
    settle(host, link())
    assert host.kernel.named("eth1-br1").master is None


# -- MTU -----------------------------------------------------------------------------------------------------------


def test_the_mtu_is_the_one_given_or_the_smaller_of_the_bridges(host: Host) -> None:
    assert host.plan(link(mtu=9000)).mtu == 9000
    host.change(host.kernel.named("br-eth1").ifindex, mtu=1450)
    host.look()
    assert host.plan(link()).mtu == 1450


def test_a_bridge_does_not_change_its_mtu_because_of_a_link(host: Host) -> None:
    settle(host, link(mtu=1400))
    assert [host.kernel.named(name).mtu for name in ("br1", "br-eth1")] == [1500, 1500]
    settle(host, link(mtu=1300, generation=2))
    assert [host.kernel.named(name).mtu for name in ("br1", "br-eth1")] == [1500, 1500]


@pytest.mark.parametrize("ends", [{}, {"end1": LINUX}, {"end0": KERNEL_OVS}], ids=["linux-ovs", "linux", "ovs"])
@pytest.mark.parametrize("end", [0, 1])
def test_an_mtu_that_somebody_lowered_comes_back_although_the_bridge_followed(
    host: Host, ends: dict[str, Any], end: int
) -> None:
    wanted = link(**ends)
    (before,) = settle(host, wanted)
    settled = before.mtu
    host.change(host.kernel.named(naming.wanted_ends(wanted)[end].device).ifindex, mtu=1300)
    host.look()
    for _ in range(5):
        plan = host.plan(wanted, settled)
        settled = plan.mtu
        host.carry_out(plan)
    assert [host.kernel.named(each.device).mtu for each in naming.wanted_ends(wanted)] == [1500, 1500]


# -- adoption ------------------------------------------------------------------------------------------------------


def by_hand(host: Host, **fields: object) -> None:
    """Make what link() wants, as a person does; ``fields`` are of phy-br1."""
    first = host.add_pair("phy-br1", "eth1-br1", masters=(host.kernel.named("br1").ifindex, None))
    host.change(first.ifindex, mac="02:00:00:00:07:01")
    host.change(first.peer or 0, mac="02:00:00:00:07:02")
    host.add_row("eth1-br1", "br-eth1")
    host.change(first.ifindex, **fields)
    host.look()


def test_a_pair_made_by_hand_is_a_conflict_unless_it_may_be_adopted(host: Host) -> None:
    by_hand(host)
    refused(host.plan(link()), Reason.NAME_CONFLICT)


def test_an_exact_pair_is_marked_and_nothing_else_happens_to_it(host: Host) -> None:
    by_hand(host)
    before = dict(host.kernel.devices)
    plan = host.plan(link(adopt=True))
    (adopt,) = plan.operations
    assert isinstance(adopt, operations.AdoptPair) and plan.detach == ()
    host.carry_out(plan)
    index = host.kernel.named("phy-br1").ifindex
    mark = naming.alias(LINK_ID)
    assert host.kernel.devices == {
        i: dataclasses.replace(device, alias=mark) if i in (index, index + 1) else device
        for i, device in before.items()
    }
    (after,) = settle(host, link(adopt=True))
    assert reason(after) == ACTIVE
    assert [end.mac for end in after.state.ends] == ["02:00:00:00:07:01", "02:00:00:00:07:02"]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"mtu": 1400}, {"mtu": 1500}),
        ({"up": False}, {}),
        ({"master": None}, {}),
        ({}, {"end1": {"tag": 100}}),
        ({}, {"end0": {"mac": "02:00:00:00:01:01"}}),
        ({}, {"end1": {"bridge": "br-eth2"}}),
        ({}, {"end1": {"device": "other"}}),
        ({"alias": "uplink"}, {}),
        ({"alias": naming.alias(OTHER_ID)}, {}),
        ({"kind": "vxcan"}, {}),
        ({"peer": None}, {}),
    ],
)
def test_a_pair_that_is_not_exactly_the_one_wanted_is_left_alone(
    host: Host, fields: dict[str, Any], wanted: dict[str, Any]
) -> None:
    by_hand(host, **fields)
    plan = host.plan(link(adopt=True, **wanted))
    assert plan.empty and plan.state.status is Status.ERROR
    assert plan.state.reason in (Reason.ADOPT_MISMATCH, Reason.NAME_CONFLICT)


def test_a_pair_that_is_not_there_is_made_although_it_might_be_adopted(host: Host) -> None:
    assert reason(settle(host, link(adopt=True))[0]) == ACTIVE


def test_a_pair_that_lost_its_marks_is_known_by_its_port(host: Host) -> None:
    settle(host, link())
    for name in ("phy-br1", "eth1-br1"):
        host.change(host.kernel.named(name).ifindex, alias="")
    host.look()
    assert reason(settle(host, link())[0]) == ACTIVE


# -- loops ---------------------------------------------------------------------------------------------------------


def second(**fields: Any) -> model.BridgeLink:
    return link(id=OTHER_ID, end0={"device": "p2"}, end1={"device": "e2"}, **fields)


def test_a_second_way_between_two_bridges_is_a_loop(host: Host) -> None:
    settle(host, link())
    message = refused(host.plan(second()), Reason.LOOP)
    assert message == "br1 and br-eth1 are joined already: br1 - br-eth1"
    assert reason(settle(host, second(allow_loop=True))[0]) == ACTIVE


def test_a_way_around_is_a_loop(host: Host) -> None:
    settle(host, link(), link(id=OTHER_ID, end0={"bridge": "br3", "device": "a"}, end1={"device": "b"}))
    third = link(id=OTHER_ID[:-1] + "3", end0={"device": "c"}, end1={"bridge": "br3", "device": "d"})
    assert refused(host.plan(third), Reason.LOOP).endswith("br1 - br-eth1 - br3")


def test_patch_ports_are_ways_too(host: Host) -> None:
    settle(host, link())
    host.add_row("p1", "br-eth1", type="patch", peer="p2")
    host.add_row("p2", "br-eth2", type="patch", peer="p1")
    host.look()
    refused(
        host.plan(second().model_copy(update={"ends": link(end1={"bridge": "br-eth2"}).ends})), Reason.NAME_CONFLICT
    )
    ends = link(end0={"device": "c"}, end1={"bridge": "br-eth2", "device": "d"}).ends
    refused(host.plan(second().model_copy(update={"ends": ends})), Reason.LOOP)


@pytest.mark.parametrize("stp", [(True, False), (False, True), (True, True)])
def test_a_loop_is_none_if_both_bridges_span_a_tree(host: Host, stp: tuple[bool, bool]) -> None:
    settle(host, link())
    host.change(host.kernel.named("br1").ifindex, stp=stp[0])
    host.bridges["br-eth1"] = dataclasses.replace(host.bridges["br-eth1"], stp=stp[1])
    host.look()
    assert (host.plan(second()).state.reason is Reason.LOOP) is not all(stp)


def test_of_two_that_would_close_a_loop_together_the_first_goes(host: Host) -> None:
    plans = settle(host, link(), second())
    assert [plan.state.reason for plan in plans] == [Reason.NONE, Reason.LOOP]


def test_a_link_is_no_loop_with_itself(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("phy-br1").ifindex, master=None)
    host.look()
    assert reason(settle(host, link())[0]) == ACTIVE


def test_what_is_in_place_is_not_torn_down_for_a_loop_that_others_made(host: Host) -> None:
    settle(host, link())
    host.add_pair("x", "y", masters=(host.kernel.named("br1").ifindex, None))
    host.add_row("y", "br-eth1")
    host.look()
    plan = host.plan(link())
    assert plan.empty and reason(plan) == ACTIVE


def test_what_would_be_put_back_into_a_loop_stays_out(host: Host) -> None:
    settle(host, link())
    host.delete(host.kernel.named("phy-br1").ifindex)
    host.add_pair("x", "y", masters=(host.kernel.named("br1").ifindex, None))
    host.add_row("y", "br-eth1")
    host.look()
    refused(host.plan(link()), Reason.LOOP)


# -- removal -------------------------------------------------------------------------------------------------------


REF = model.LinkRef(link_id=LINK_ID, generation=2)


def test_a_removal_is_the_port_first_and_one_deletion_for_both_ends(host: Host) -> None:
    settle(host, link())
    plan = plan_removal(REF, host.observed, link())
    assert (plan.state.status, plan.state.reason) == (Status.PENDING_DELETE, Reason.UNPLUGGING)
    assert plan.detach == (DetachPort("br-eth1", "eth1-br1", LINK_ID),)
    assert [op.verb for op in plan.operations] == ["delete_pair"] and plan.attach == ()


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
    host = Host()
    for name in ("br1", "br3"):
        host.add_linux_bridge(name)
    for name in ("br-eth1", "br-eth2"):
        host.add_ovs_bridge(name)
    host.look()
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
