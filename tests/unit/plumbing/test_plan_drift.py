import dataclasses
from typing import Any

import pytest

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.planning import ACTIVE, KERNEL_OVS, LINUX, codes, reason, refused, settle
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.model import Reason, Status
from vethagent.plumbing import naming
from vethagent.plumbing.plan import plan_removal
from vethagent.plumbing.steps import DetachPort
from vethagent.privileged import operations

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
        ({"link_id": OTHER_ID, "inner_link_id": LINK_ID, "marked": False}, "EXTERNAL_IDS"),
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


@pytest.mark.parametrize(("loose", "code"), [(True, "DEVICE_MISSING"), (False, "NOT_A_PAIR")])
def test_a_pair_that_is_just_deleted_is_told_as_missing(host: Host, loose: bool, code: str) -> None:
    """The kernel parts the two first, and both are there still; parted otherwise each is told as what it is."""
    settle(host, link())
    for name in ("phy-br1", "eth1-br1"):
        host.change(host.kernel.named(name).ifindex, peer=None, loose=loose)
    host.look()
    assert codes(host.plan(link())) == {(code, "phy-br1"), (code, "eth1-br1")}


def test_an_end_with_the_mark_of_another_link_is_told_as_that(host: Host) -> None:
    """The helper changes nothing with another link's mark, so the pair is made anew."""
    settle(host, link())
    host.change(host.kernel.named("phy-br1").ifindex, alias=naming.alias(OTHER_ID))
    host.look()
    assert codes(host.plan(link())) == {("ALIAS", "phy-br1")}
    assert reason(settle(host, link())[0]) == ACTIVE


def test_ends_that_are_peers_of_others_are_told_as_that(host: Host) -> None:
    """Somebody has made pairs of ends of two links."""
    settle(host, link())
    host.delete(host.kernel.named("phy-br1").ifindex)
    for name, other in (("phy-br1", "x"), ("eth1-br1", "y")):
        host.add_pair(name, other, alias=naming.alias(LINK_ID))
        host.change(host.kernel.named(other).ifindex, alias=naming.alias(OTHER_ID))
    host.look()
    told = host.plan(link()).state.differences
    assert [d.observed for d in told if d.code == "NOT_A_PAIR"] == ["peer of x", "peer of y"]


def test_a_port_with_the_mark_of_another_link_is_whose_its_interface_and_device_say(host: Host) -> None:
    """To the other link it is nothing; without the device nobody but the port tells whose it is."""
    settle(host, link())
    host.rows["eth1-br1"] = dataclasses.replace(
        host.rows["eth1-br1"], link_id=OTHER_ID, inner_link_id=LINK_ID, marked=False
    )
    host.look()
    assert plan_removal(model.LinkRef(link_id=OTHER_ID, generation=1), host.observed).empty
    removal = plan_removal(model.LinkRef(link_id=LINK_ID, generation=1), host.observed, link())
    assert removal.detach == (DetachPort("br-eth1", "eth1-br1", LINK_ID),)
    host.delete(host.kernel.named("phy-br1").ifindex)
    host.look()
    assert refused(host.plan(link()), Reason.NAME_CONFLICT).endswith(f"a port of link {OTHER_ID} in OVS bridge br-eth1")


def test_vlan_0_is_not_told_as_no_tag(host: Host) -> None:
    settle(host, link())
    host.rows["eth1-br1"] = dataclasses.replace(host.rows["eth1-br1"], tag=0)
    host.look()
    [difference] = host.plan(link()).state.differences
    assert (difference.code, difference.wanted, difference.observed) == ("TAG", "none", "0")


def test_a_port_leaves_a_bridge_that_it_is_in_as_well(host: Host) -> None:
    settle(host, link())
    host.rows["eth1-br1"] = dataclasses.replace(host.rows["eth1-br1"], others=("br-eth2",))
    host.look()
    plan = host.plan(link())
    assert ("WRONG_BRIDGE", "eth1-br1") in codes(plan) and plan.operations == ()
    assert plan.detach == (DetachPort("br-eth2", "eth1-br1", LINK_ID),)
    assert [step.bridge for step in plan.attach] == ["br-eth1"]


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


@pytest.mark.parametrize(("datapath_type", "found"), [("netdev", {("GRO", "eth1-br1")}), ("", set())])
def test_gro_is_turned_off_in_a_userspace_datapath(datapath_type: str, found: set[tuple[str, str]]) -> None:
    host = Host()
    host.add_linux_bridge("br1")
    host.add_ovs_bridge("br-eth1", datapath_type=datapath_type)
    host.look()
    settle(host, link())
    host.observed.gro = {host.kernel.named(name).ifindex: True for name in ("phy-br1", "eth1-br1")}
    plan = host.plan(link())
    assert codes(plan) == found
    changed = [(step.ifindex, step.gro) for step in plan.operations if isinstance(step, operations.ChangeEnd)]
    assert changed == [(host.kernel.named(name).ifindex, False) for _, name in found]


def test_an_ovs_end_that_somebody_put_into_a_linux_bridge_is_taken_out(host: Host) -> None:
    settle(host, link())
    host.change(host.kernel.named("eth1-br1").ifindex, master=host.kernel.named("br3").ifindex)
    host.look()
    plan = host.plan(link())
    assert codes(plan) == {("WRONG_BRIDGE", "eth1-br1")}
    settle(host, link())
    assert host.kernel.named("eth1-br1").master is None


@pytest.mark.parametrize("kind", ["bond", "team", "vrf"])
@pytest.mark.parametrize("device", ["phy-br1", "eth1-br1"])
def test_an_end_that_somebody_put_into_something_else_is_taken_out(host: Host, device: str, kind: str) -> None:
    settle(host, link())
    host.change(host.kernel.named(device).ifindex, master=host.add("other0", kind=kind).ifindex)
    host.look()
    [difference] = host.plan(link()).state.differences
    assert (difference.code, difference.device, difference.observed) == ("WRONG_BRIDGE", device, "other0")
    assert reason(settle(host, link())[0]) == ACTIVE
    assert host.kernel.named(device).master == (host.kernel.named("br1").ifindex if device == "phy-br1" else None)


def test_the_device_of_the_kernels_datapath_is_no_other_bridge(host: Host) -> None:
    """On it ovs-vswitchd makes it the master of all ports."""
    settle(host, link())
    host.change(host.kernel.named("eth1-br1").ifindex, master=host.add("ovs-system", kind="openvswitch").ifindex)
    host.look()
    assert reason(host.plan(link())) == ACTIVE


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


def test_a_bridge_that_is_let_go_has_the_mtu_that_it_comes_back_to(host: Host) -> None:
    """ovs-vswitchd removes its last links one by one, and it follows those that are left."""
    local = host.kernel.named("br-eth1")
    row = host.rows["br-eth1"]
    host.observed.put_port("br-eth1", dataclasses.replace(row, mtu_request=1500, kept_mtu=1500))
    host.observed.put_port("br-eth1", row)
    for mtu, planned in ((1400, 1500), (1500, 1500), (1400, 1400)):
        host.observed.put_device(local.ifindex, dataclasses.replace(local, mtu=mtu))
        assert host.plan(link()).mtu == planned


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
