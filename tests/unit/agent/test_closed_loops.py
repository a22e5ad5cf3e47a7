"""Loops that are closed beside links, and what the agent says of them."""

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.agent.beat import Setup
from tests.unit.plumbing import test_loops
from tests.unit.plumbing.builders import LINK_ID, OTHER_ID, link, link_id
from tests.unit.plumbing.planning import LINUX, bridged, settle
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.agent.closed_loops import ClosedLoops
from vethagent.agent.desired import Desired
from vethagent.agent.store import Store
from vethagent.plumbing import naming
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import OvsBridge, OvsPort
from vethagent.privileged.ifinfo import Device

SECOND = link(id=OTHER_ID, end0={"device": "p2"}, end1={**LINUX, "device": "e2"})


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    made = Setup(monkeypatch)
    made.beat()  # the first report tells nothing yet of how the host is
    return made


@pytest.fixture
def host() -> Host:
    return bridged()


def _told(setup: Setup, host: Host, *wanted: model.BridgeLink) -> str:
    """Return what is said of loops after a look at the host."""
    for each in wanted:
        setup.desired.put(each)
    setup.controller_wants(*wanted)
    host.look()
    setup.heartbeat._closed_loops = ClosedLoops(host.observed, setup.desired)
    return _said(setup)


def _said(setup: Setup) -> str:
    setup.beat()
    reasons = {reason.part: reason.message for reason in setup.controller.reports[-1].health.reasons}
    return reasons.get("loops", "")


def test_another_way_is_told_until_it_goes_or_is_allowed(setup: Setup, host: Host) -> None:
    settle(host, link())
    assert _told(setup, host, link()) == ""
    other = host.add_pair("x1", "x2", masters=(host.kernel.named("br1").ifindex, None))
    host.add_row("x2", "br-eth1")
    told = f"links close a loop: {LINK_ID}; br1 and br-eth1 are joined otherwise too: br1 - br-eth1"
    assert _told(setup, host, link()) == told
    assert _told(setup, host, link(generation=2, allow_loop=True)) == ""
    assert _told(setup, host, link(generation=3)) == told
    host.delete(other.ifindex)
    assert _told(setup, host, link(generation=3)) == ""


def _no_tree(host: Host) -> None:
    host.change(host.kernel.named("br3").ifindex, stp=False)


def _leave_down(host: Host) -> None:
    _no_tree(host)
    host.change(host.kernel.named("p2").ifindex, up=False)


def _nothing(_: Host) -> None:
    pass


@pytest.mark.parametrize(("harm", "found"), [(_nothing, set()), (_no_tree, {LINK_ID, OTHER_ID}), (_leave_down, set())])
def test_a_spanning_tree_that_is_turned_off(
    setup: Setup, host: Host, harm: Callable[[Host], None], found: set[str]
) -> None:
    both = link(end1=LINUX), SECOND
    for name in ("br1", "br3"):
        host.change(host.kernel.named(name).ifindex, stp=True)
    host.look()
    settle(host, *both)
    harm(host)
    told = _told(setup, host, *both)
    assert set(setup.heartbeat._closed_loops.find()[0]) == found
    expected = f"links close a loop: {LINK_ID} and 1 more; br1 and br3 are joined otherwise too: br1 - br3"
    assert told == (expected if found else "")


def test_a_bridge_between_that_drops_what_stp_tells(setup: Setup, host: Host) -> None:
    for name in ("br-eth1", "br-eth2"):
        host.bridges[name] = dataclasses.replace(host.bridges[name], stp=True)
    host.add_ovs_bridge("ob-between")
    host.bridges["ob-between"] = dataclasses.replace(host.bridges["ob-between"], forwards_bpdus=True)
    for number, name in enumerate(("br-eth1", "br-eth2")):
        host.add_row(f"pa{number}", name, type="patch", peer=f"pb{number}")
        host.add_row(f"pb{number}", "ob-between", type="patch", peer=f"pa{number}")
    host.look()
    wanted = link(end0={"bridge": "br-eth2"})
    settle(host, wanted)
    assert _told(setup, host, wanted) == ""
    host.bridges["ob-between"] = dataclasses.replace(host.bridges["ob-between"], forwards_bpdus=False)
    assert _told(setup, host, wanted).endswith("through ob-between, and what STP tells does not pass there")


def test_nothing_is_looked_for_twice(setup: Setup, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(host, link())
    assert _told(setup, host, link()) == ""
    monkeypatch.setattr(Topology, "rings", lambda *_, **__: pytest.fail("looked again"))
    assert _said(setup) == ""
    setup.desired.put(link(generation=2, allow_loop=True))
    with pytest.raises(pytest.fail.Exception):
        _said(setup)


upper = st.tuples(st.integers(0, 8), st.sampled_from(test_loops.BRIDGES), st.sampled_from(["vlan", "macvlan"]))


VLANS = [test_loops.Way(("l1", "l2"), False, ("a0", "b0")), test_loops.Way(("o0", "l0"), False, ("a1", "b1"))]


@example(VLANS, set(), [(2, "l1", "vlan"), (2, "l2", "vlan")])
@given(test_loops.ways(), st.sets(st.sampled_from(test_loops.BRIDGES)), st.lists(upper, max_size=2))
def test_all_at_once_are_found_as_each_by_a_search(
    all_ways: list[test_loops.Way], spanned: set[str], uppers: list[tuple[int, str, str]]
) -> None:
    observed = test_loops.host(all_ways)
    observed.ovs_known = True
    for name in spanned.intersection(test_loops.OVS):
        observed.put_bridge(name, OvsBridge(name, stp=True))
    for index, device in list(observed.devices.items()):
        if device.name in spanned:
            observed.put_device(index, dataclasses.replace(device, stp=True))
    for number, (lower, bridge, kind) in enumerate(uppers):
        masters = {name: index for index, name in enumerate(test_loops.LINUX, 1)}
        device = Device(50 + number, f"u{number}", kind=kind, peer=100 + lower, master=masters.get(bridge))
        observed.put_device(device.ifindex, device)
        if bridge in test_loops.OVS:
            observed.put_port(f"u{number}", OvsPort(f"u{number}", f"u{number}", bridge))
    desired = Desired(Store(":memory:"))
    for number, way in enumerate(all_ways):
        if way.ends[0] != way.ends[1] and not way.patch:
            ends = [{"bridge": bridge, "device": name} for bridge, name in zip(way.ends, way.devices, strict=True)]
            desired.put(link(id=link_id(number), end0=ends[0], end1=ends[1]))
            for device in filter(None, map(observed.device, way.devices)):
                marked = dataclasses.replace(device, up=True, alias=naming.alias(link_id(number)))
                observed.put_device(device.ifindex, marked)
    topology = Topology(observed)
    links = {each: desired.link(each) for each in sorted(desired.ids())}
    closed = [
        each
        for each, wanted in links.items()
        if wanted and topology.way(*(end.bridge for end in wanted.ends), without=naming.devices(each, wanted))
    ]
    assert list(ClosedLoops(observed, desired).find()[0]) == closed
