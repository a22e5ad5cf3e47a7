import dataclasses
from typing import Any

import pytest

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.planning import ACTIVE, LINUX, reason, refused, settle
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import Reason, Status
from vethagent.plumbing import naming
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import OvsBridge
from vethagent.plumbing.plan import plan_held, plan_link
from vethagent.privileged import operations

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


@pytest.mark.parametrize("owner", [LINK_ID, OTHER_ID, None])
def test_what_ovs_vswitchd_makes_of_the_row_of_the_link_is_no_conflict(host: Host, owner: str | None) -> None:
    """It goes with the row, which is all that is touched."""
    host.add("eth1-br1", kind="tun")
    host.add_row("eth1-br1", "br-eth1", type="internal", link_id=owner)
    host.look()
    plan = host.plan(link())
    if owner == LINK_ID:
        assert [step.device for step in plan.detach] == ["eth1-br1"] and plan.settle
    else:
        refused(plan, Reason.NAME_CONFLICT)


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
        ({"peer": 2}, {}),
    ],
)
def test_a_pair_that_is_not_exactly_the_one_wanted_is_left_alone(
    host: Host, fields: dict[str, Any], wanted: dict[str, Any]
) -> None:
    by_hand(host, **fields)
    plan = host.plan(link(adopt=True, **wanted))
    assert plan.empty and plan.state.status is Status.ERROR
    assert plan.state.reason in (Reason.ADOPT_MISMATCH, Reason.NAME_CONFLICT)


def test_a_port_of_another_type_is_none_to_adopt(host: Host) -> None:
    by_hand(host)
    host.rows["eth1-br1"] = dataclasses.replace(host.rows["eth1-br1"], type="internal")
    host.look()
    assert refused(host.plan(link(adopt=True)), Reason.ADOPT_MISMATCH).endswith("PORT_TYPE is internal, wanted system")


def test_a_pair_that_is_not_there_is_made_although_it_might_be_adopted(host: Host) -> None:
    assert reason(settle(host, link(adopt=True))[0]) == ACTIVE


def test_a_pair_that_lost_its_marks_is_known_by_its_port(host: Host) -> None:
    settle(host, link())
    for name in ("phy-br1", "eth1-br1"):
        host.change(host.kernel.named(name).ifindex, alias="")
    host.look()
    assert reason(settle(host, link())[0]) == ACTIVE


def test_a_bond_of_open_vswitch_that_has_the_name_is_told_of(host: Host) -> None:
    """Its interfaces have other names."""
    host.add_row("x1", "br-eth2", port="eth1-br1", alone=False)
    host.look()
    message = refused(host.plan(link()), Reason.NAME_CONFLICT)
    assert message == "the name eth1-br1 is taken by a port of something else in OVS bridge br-eth2"
    assert reason(settle(host, link(end1={"device": "e2"}))[0]) == ACTIVE
    del host.rows["x1"]
    host.look()
    assert reason(settle(host, link())[0]) == ACTIVE


def test_the_name_of_a_bond_of_open_vswitch_is_free_for_an_end_in_a_linux_bridge(host: Host) -> None:
    host.add_row("x1", "br-eth2", port="phy-br1", alone=False)
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


def test_a_loop_is_one_if_a_bridge_between_those_with_stp_keeps_it_to_itself(host: Host) -> None:
    for name in ("br1", "br3"):
        host.change(host.kernel.named(name).ifindex, stp=True)
    for number, name in enumerate(("br1", "br3")):
        host.add_pair(f"x{number}", f"y{number}", masters=(host.kernel.named(name).ifindex, None))
        host.add_row(f"y{number}", "br-eth1")
    host.look()
    wanted = link(end1=LINUX)
    text = "br1 and br3 are joined already: through br-eth1, and what STP tells does not pass there"
    assert refused(host.plan(wanted), Reason.LOOP) == text
    host.bridges["br-eth1"] = dataclasses.replace(host.bridges["br-eth1"], forwards_bpdus=True)
    host.look()
    assert reason(settle(host, wanted)[0]) == ACTIVE


def test_what_open_vswitch_may_have_joined_is_not_joined_before_that_is_known(host: Host) -> None:
    """As at a boot, with pairs of others that are there before the rows of OVSDB are told."""
    wanted = link(end1=LINUX)
    host.observed.ovs_known = False
    host.add_pair("x0", "y0", masters=(host.kernel.named("br1").ifindex, None))
    host.look()
    assert host.plan(wanted).state.status is Status.BUILD
    host.add_pair("x1", "y1", masters=(host.kernel.named("br3").ifindex, None))
    host.look()
    plan = host.plan(wanted)
    assert plan.empty and reason(plan) == (Status.DOWN, Reason.OVSDB_UNAVAILABLE)
    assert plan.state.message == "br1 and br3 may be joined already, by Open vSwitch, and OVSDB does not answer"
    assert host.plan(link(end1=LINUX, allow_loop=True)).state.status is Status.BUILD
    for name in ("y0", "y1"):
        host.add_row(name, "br-eth1")
    host.look()
    host.observed.ovs_known = True
    refused(host.plan(wanted), Reason.LOOP)


def _leave_unknown(host: Host) -> None:
    """Have an end out of its bridge, and both bridges with pairs of others of which it is not known where they lead."""
    for number, name in enumerate(("br1", "br3")):
        host.add_pair(f"x{number}", f"y{number}", masters=(host.kernel.named(name).ifindex, None))
    host.change(host.kernel.named("phy-br1").ifindex, master=None)
    host.look()
    host.observed.ovs_known = False


def test_what_carried_does_not_wait_for_ovsdb(host: Host) -> None:
    """Between Linux bridges."""
    wanted = link(end1=LINUX)
    settle(host, wanted)
    _leave_unknown(host)
    topology = Topology(host.observed)
    assert plan_link(wanted, host.observed, topology, settled_mtu=1500).operations


def test_a_change_is_undone_without_ovsdb(host: Host) -> None:
    """Between Linux bridges; the host is cut off meanwhile."""
    earlier, changed = link(end1=LINUX), link(end1=LINUX, generation=2, mtu=1400)
    settle(host, earlier)
    settle(host, changed)
    _leave_unknown(host)
    plan = plan_held(changed, earlier, host.observed, Topology(host.observed), first=True)
    assert plan.operations and plan.state.reason is Reason.CONNECTIVITY_LOST


def test_a_change_of_which_nothing_is_known_is_told_of_in_its_generation(host: Host) -> None:
    host.observed.ovs_known = False
    plan = plan_held(link(generation=2), link(), host.observed, Topology(host.observed), first=True)
    assert plan.empty and (plan.state.generation, plan.state.reason) == (2, Reason.OVSDB_UNAVAILABLE)


def test_what_waits_for_ovsdb_keeps_its_place(host: Host) -> None:
    """After a reboot: one that was there is the one that is restored, though another one could be made at once."""
    host.observed.ovs_known = False
    topology = Topology(host.observed)
    there = link(), link(id=OTHER_ID, end0={"bridge": "br3", "device": "c"}, end1={"bridge": "br-eth1", "device": "d"})
    plans = [plan_link(each, host.observed, topology, settled_mtu=1500) for each in there]
    assert {plan.state.reason for plan in plans} == {Reason.OVSDB_UNAVAILABLE}
    other = link(id=OTHER_ID[:-1] + "3", end1=LINUX)
    assert refused(plan_link(other, host.observed, topology), Reason.LOOP).endswith("br1 - br-eth1 - br3")


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


@pytest.mark.parametrize("device", ["phy-br1", "eth1-br1"])
def test_what_is_down_is_not_set_up_into_a_loop(host: Host, device: str) -> None:
    """Through a pair that is down nothing goes round, wherever its ends are."""
    settle(host, link())
    host.change(host.kernel.named(device).ifindex, up=False)
    host.add_pair("x", "y", masters=(host.kernel.named("br1").ifindex, None))
    host.add_row("y", "br-eth1")
    host.look()
    assert refused(host.plan(link()), Reason.LOOP) == "br1 and br-eth1 are joined already: br1 - br-eth1"
    assert reason(host.plan(link(admin_state_up=False))) != (Status.ERROR, Reason.LOOP)
    assert reason(settle(host, link(allow_loop=True))[0]) == ACTIVE


def test_a_second_way_is_one_also_beside_a_link_that_is_down(host: Host) -> None:
    settle(host, link(admin_state_up=False))
    refused(host.plan(second()), Reason.LOOP)


def test_of_two_that_are_down_the_first_is_set_up(host: Host) -> None:
    both = link(allow_loop=True), second(allow_loop=True)
    settle(host, *(each.model_copy(update={"admin_state_up": False}) for each in both))
    plans = settle(host, link(), second())
    assert [plan.state.reason for plan in plans] == [Reason.NONE, Reason.LOOP]
    plans = settle(host, link(admin_state_up=False), second())
    assert [plan.state.reason for plan in plans] == [Reason.ADMIN_DOWN, Reason.NONE]


@pytest.mark.parametrize("others", [0, 5])
def test_an_internal_port_in_a_linux_bridge_is_a_way(host: Host, others: int) -> None:
    """Seen from either bridge: the search begins where there are fewer ports."""
    inside = host.kernel.named("br3").ifindex
    host.add_row("int0", "br-eth1", type="internal")
    host.add("int0", kind="tun", master=inside)
    for number in range(others):
        host.add(f"tap{number}", kind="tun", master=inside)
    host.look()
    wanted = link(end0={"bridge": "br3"})
    assert refused(host.plan(wanted), Reason.LOOP) == "br3 and br-eth1 are joined already: br3 - br-eth1"
    assert reason(settle(host, link())[0]) == ACTIVE
