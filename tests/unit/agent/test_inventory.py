import pytest

from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link
from tests.unit.plumbing.simulator import Host
from vethagent.agent import inventory
from vethagent.model import BridgeKind, BridgePort
from vethagent.plumbing.observed import Observed, OvsPort
from vethagent.privileged.ifinfo import Device


@pytest.fixture
def host() -> Host:
    host = Host()
    host.add_linux_bridge("br1", stp=True)
    host.add_ovs_bridge("br-eth1")
    host.look()
    host.carry_out(host.plan(link()))
    return host


def test_bridges_and_their_ports(host: Host) -> None:
    host.add("eth0", master=host.kernel.named("br1").ifindex)
    host.add_row("missing0", "br-eth1", link_id=OTHER_ID)
    ovs, linux = inventory.describe("h1", host.look()).bridges
    assert (linux.name, linux.kind, linux.mtu, linux.stp) == ("br1", BridgeKind.LINUX, 1500, True)
    assert linux.datapath_type is None
    assert linux.ports == (BridgePort(device="eth0"), BridgePort(device="phy-br1", link_id=LINK_ID))
    assert (ovs.name, ovs.kind, ovs.mtu, ovs.stp, ovs.datapath_type) == (
        "br-eth1",
        BridgeKind.OVS,
        1500,
        False,
        "netdev",
    )
    assert ovs.ports == (
        BridgePort(device="eth1-br1", link_id=LINK_ID),
        BridgePort(device="missing0", link_id=OTHER_ID),
    ), "and not its local port"


def test_pairs_ours_and_others(host: Host) -> None:
    host.add_pair("their-b", "their-a", masters=(host.kernel.named("br1").ifindex, None))
    far = host.add("far", kind="veth")
    pairs = inventory.describe("h1", host.look()).pairs
    assert far.peer is None
    assert sorted((sorted(pair.devices), pair.link_id) for pair in pairs) == [
        (["eth1-br1", "phy-br1"], LINK_ID),
        (["their-a", "their-b"], None),
    ]
    for pair in pairs:
        at = dict(zip(pair.devices, pair.bridges, strict=True))
        assert at in ({"eth1-br1": "br-eth1", "phy-br1": "br1"}, {"their-b": "br1", "their-a": None})


def test_an_empty_host(host: Host) -> None:
    described = inventory.describe("h1", Host().look())
    assert (described.host, described.bridges, described.pairs) == ("h1", (), ())


def test_a_plan_is_sentences(host: Host) -> None:
    more = link(id=OTHER_ID, end0={"device": "p2"}, end1={"device": "e2", "tag": 7}, allow_loop=True)
    plan = inventory.host_plan("h1", [host.plan(link()), host.plan(more)], host.look())
    settled, new = plan.links
    assert settled.steps == () and settled.state.status == "ACTIVE"
    assert new.link_id == OTHER_ID and len(new.steps) == 2
    assert "make the veth pair p2 (MTU 1500, up, into br1" in new.steps[0] and new.steps[1].endswith("br-eth1, tag 7")


def test_a_step_names_the_device_that_it_is_for(host: Host) -> None:
    plans = [host.plan(link(mtu=1400))]
    (planned,) = inventory.host_plan("h1", plans, host.look()).links
    assert planned.steps[1:3] == ("phy-br1: set MTU 1400", "eth1-br1: set MTU 1400")
    (planned,) = inventory.host_plan("h1", plans, Host().look()).links
    assert planned.steps[1].startswith("the device with ifindex")


def test_ways_ours_and_others(host: Host) -> None:
    host.add_pair("their-b", "their-a", masters=(host.kernel.named("br1").ifindex, None))
    host.add_row("their-a", "br-eth1")
    ways = inventory.describe("h1", host.look()).ways
    assert [(way.bridges, way.device, way.patch, way.link_id) for way in ways] == [
        (("br-eth1", "br1"), "eth1-br1", False, LINK_ID),
        (("br-eth1", "br1"), "their-a", False, None),
    ]


def test_ways_of_which_others_cannot_know_where_they_lead_are_not_told() -> None:
    """Of ``br1.100`` and ``br1.200``: what comes in by one does not leave by the other."""
    observed = Observed()
    for index, name in ((1, "br1"), (2, "br2"), (3, "br3")):
        observed.put_device(index, Device(index, name, kind="bridge"))
    for index, name, master in ((4, "br1.100", 2), (5, "br1.200", 3)):
        observed.put_device(index, Device(index, name, kind="vlan", peer=1, master=master))
    assert inventory.describe("h1", observed).ways == ()
    observed.put_device(5, None)
    assert [way.bridges for way in inventory.describe("h1", observed).ways] == [("br1", "br2")]


def test_patch_ports_are_told_as_such(host: Host) -> None:
    host.add_ovs_bridge("br-int")
    for name, bridge, peer in (("p1", "br-eth1", "p2"), ("p2", "br-int", "p1")):
        host.add_row(name, bridge, type="patch", peer=peer)
    found = [way for way in inventory.describe("h1", host.look()).ways if way.patch]
    assert [(way.bridges, way.device) for way in found] == [(("br-eth1", "br-int"), "p1")]


def test_physical_networks(host: Host) -> None:
    described = inventory.describe("h1", host.look(), {"physnet1": "br-eth1", "physnet2": "not-there"})
    assert {bridge.name: bridge.physical_network for bridge in described.bridges} == {
        "br-eth1": "physnet1",
        "br1": None,
    }


def test_an_inventory_is_made_anew_only_after_a_change(host: Host) -> None:
    observed = host.look()
    keeper = inventory.Keeper("h1", observed, {})
    assert inventory.Keeper("h1", Host().look(), {}).look() is None
    first = keeper.look()
    assert first is not None and keeper.look() is first
    observed.put_port("more", OvsPort("more", "more", "br-eth1"))
    second = keeper.look()
    assert second is not None and second.digest != first.digest
