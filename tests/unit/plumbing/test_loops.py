"""Ways between bridges against a search of its own over a plain list of edges."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vethagent.agent import inventory
from vethagent.plumbing.loops import Topology, shared_port
from vethagent.plumbing.observed import Observed, OvsBridge, OvsPort
from vethagent.privileged.ifinfo import Device

LINUX, OVS = ("l0", "l1", "l2"), ("o0", "o1", "o2")
BRIDGES = LINUX + OVS

Edge = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Way:
    """One way between two bridges, by a veth pair or by patch ports."""

    ends: Edge
    patch: bool
    devices: Edge


@st.composite
def ways(draw: st.DrawFn) -> list[Way]:
    drawn = draw(st.lists(st.tuples(st.sampled_from(BRIDGES), st.sampled_from(BRIDGES), st.booleans()), max_size=9))
    return [
        Way((first, second), patch and first in OVS and second in OVS, (f"a{number}", f"b{number}"))
        for number, (first, second, patch) in enumerate(drawn)
    ]


def host(all_ways: Iterable[Way]) -> Observed:
    observed = Observed()
    masters = {name: index for index, name in enumerate(LINUX, 1)}
    for name, index in masters.items():
        observed.put_device(index, Device(index, name, kind="bridge"))
    for name in OVS:
        observed.put_bridge(name, OvsBridge(name))
    for number, way in enumerate(all_ways):
        indexes = (100 + 2 * number, 101 + 2 * number)
        for side in (0, 1):
            bridge, name, other = way.ends[side], way.devices[side], way.devices[1 - side]
            if way.patch:
                observed.put_port(name, OvsPort(name, name, bridge, type="patch", peer=other))
                continue
            device = Device(indexes[side], name, kind="veth", peer=indexes[1 - side], master=masters.get(bridge))
            observed.put_device(indexes[side], device)
            if bridge in OVS:
                observed.put_port(name, OvsPort(name, name, bridge))
    return observed


def reachable(edges: Iterable[Edge], start: str) -> set[str]:
    both = [*edges, *((second, first) for first, second in edges)]
    reached = {start}
    while more := {second for first, second in both if first in reached} - reached:
        reached |= more
    return reached


pairs = st.tuples(st.sampled_from(BRIDGES), st.sampled_from(BRIDGES)).filter(lambda pair: pair[0] != pair[1])


@given(ways(), st.lists(pairs, max_size=3), pairs, st.sets(st.integers(0, 8), max_size=4))
def test_a_way_is_found_if_and_only_if_there_is_one(
    all_ways: list[Way], planned: list[Edge], asked: Edge, left_out: set[int]
) -> None:
    topology = Topology(host(all_ways))
    for first, second in planned:
        topology.join(f"{first} {second}", first, second)
    without = {device for number in left_out & set(range(len(all_ways))) for device in all_ways[number].devices}
    edges = [way.ends for number, way in enumerate(all_ways) if number not in left_out] + planned
    path = topology.path(*asked, without=without)
    assert (path is not None) == (asked[1] in reachable(edges, asked[0]))
    if path is not None:
        assert (path[0], path[-1]) == asked and len(set(path)) == len(path)
        both = {*edges, *((second, first) for first, second in edges)}
        assert all(step in both for step in itertools.pairwise(path))


@given(ways(), pairs)
def test_there_and_back_is_the_same(all_ways: list[Way], asked: Edge) -> None:
    topology = Topology(host(all_ways))
    assert (topology.path(*asked) is None) == (topology.path(*reversed(asked)) is None)


@given(ways(), pairs)
def test_the_way_that_is_found_is_a_shortest_one(all_ways: list[Way], asked: Edge) -> None:
    path = Topology(host(all_ways)).path(*asked)
    if path is None:
        return
    edges, reached, steps = [way.ends for way in all_ways], {asked[0]}, 0
    both = [*edges, *((second, first) for first, second in edges)]
    while asked[1] not in reached:
        reached |= {second for first, second in both if first in reached}
        steps += 1
    assert len(path) == steps + 1


@given(ways())
def test_a_ring_is_found_if_and_only_if_a_way_has_another_beside_it(all_ways: list[Way]) -> None:
    all_ways = [way for way in all_ways if way.ends[0] != way.ends[1]]
    topology = Topology(host(all_ways))
    ring = topology.rings() or (lambda *_: None)
    for way in all_ways:
        assert (ring(*way.ends) is not None) is bool(topology.path(*way.ends, without=way.devices))


def test_half_a_pair_is_no_way() -> None:
    observed = host([Way(("l0", "o0"), False, ("a", "b"))])
    observed.put_port("b", None)
    assert Topology(observed).path("l0", "o0") is None


@pytest.mark.parametrize("kind, peer", [("patch", "other"), ("patch", None), ("internal", None)])
@pytest.mark.parametrize("asked", [("o0", "o1"), ("o1", "o0")])
def test_half_a_patch_is_no_way(kind: str, peer: str | None, asked: Edge) -> None:
    """Open vSwitch passes nothing unless each of the two names the other one (ofport_update_peer)."""
    observed = host([Way(("o0", "o1"), True, ("a", "b"))])
    assert Topology(observed).path(*asked) == list(asked)
    observed.put_port("b", OvsPort("b", "b", "o1", type=kind, peer=peer))
    assert Topology(observed).path(*asked) is None


def test_a_bridge_that_nobody_knows_has_no_ways() -> None:
    assert Topology(Observed()).path("x", "y") is None


def test_who_spans_a_tree() -> None:
    observed = Observed()
    observed.put_device(1, Device(1, "l0", kind="bridge", stp=True))
    observed.put_bridge("o0", OvsBridge("o0", stp=True))
    observed.put_bridge("o1", OvsBridge("o1"))
    topology = Topology(observed)
    assert [topology.spans_tree(name) for name in ("l0", "o0", "o1", "x")] == [True, True, False, False]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ([("o0", "o2"), ("o2", "o1")], True),
        ([("o0", "l0"), ("l0", "o2"), ("o2", "l1"), ("l1", "o1")], True),
        ([("o0", "o1"), ("o0", "o2"), ("o2", "o1")], True),
        ([("o0", "o1"), ("o0", "l0"), ("l0", "o1")], False),
        ([("o0", "l0"), ("l0", "o1"), ("l0", "o2")], False),
        ([("o0", "o1"), ("o0", "o2"), ("o1", "l2")], False),
        ([("o0", "o2")], False),
        # The shortest way to o2 is one that none leads on from.
        ([("o0", "l0"), ("l0", "o2"), ("l0", "o1"), ("o0", "l1"), ("l1", "l2"), ("l2", "o2")], True),
    ],
)
def test_a_bridge_that_does_not_pass_on_what_stp_tells(edges: list[Edge], found: bool, turned: bool) -> None:
    """Of the bridges on the way Open vSwitch's o2 does not, unless it runs STP itself or is told to; Linux ones do."""
    observed = host(Way(edge, False, (f"a{number}", f"b{number}")) for number, edge in enumerate(edges))
    for name in ("o0", "o1"):
        observed.put_bridge(name, OvsBridge(name, stp=True))
    asked = ("o1", "o0") if turned else ("o0", "o1")
    assert Topology(observed).unspanned(*asked) == (["o2"] if found else [])
    for heard in (OvsBridge("o2", stp=True), OvsBridge("o2", forwards_bpdus=True)):
        observed.put_bridge("o2", heard)
        assert Topology(observed).unspanned(*asked) == []


def on_ways(edges: Iterable[Edge], path: tuple[str, ...], last: str) -> set[str]:
    """Return the bridges between, on all ways that go on from ``path`` and pass no bridge twice."""
    both = {*edges, *((second, first) for first, second in edges)}
    if path[-1] == last:
        return set(path[1:-1])
    following = {second for first, second in both if first == path[-1]}.difference(path)
    return set().union(*(on_ways(edges, (*path, each), last) for each in following))


@given(ways(), pairs)
def test_of_rings_within_rings_no_way_is_missed(all_ways: list[Way], asked: Edge) -> None:
    observed, edges = host(all_ways), [way.ends for way in all_ways]
    for name in set(asked).intersection(OVS):
        observed.put_bridge(name, OvsBridge(name, stp=True))
    between = on_ways(edges, (asked[0],), asked[1])
    assert Topology(observed).unspanned(*asked) == sorted(between.intersection(OVS))


@pytest.mark.parametrize("kind", ["bond", "team"])
@pytest.mark.parametrize("far", [False, True])
def test_a_bundle_is_a_way(kind: str, far: bool) -> None:
    """The bundle is in one bridge, and the other end of one of its members in the other."""
    observed = Observed()
    one, other = (2, 1) if far else (1, 2)
    for index, name in ((1, "br1"), (2, "br2")):
        observed.put_device(index, Device(index, name, kind="bridge"))
    observed.put_device(3, Device(3, "bond0", kind=kind, master=one))
    observed.put_device(4, Device(4, "a", kind="veth", master=3, peer=5))
    observed.put_device(5, Device(5, "b", kind="veth", master=other, peer=4))
    assert Topology(observed).path("br1", "br2") == ["br1", "br2"]
    observed.put_device(4, Device(4, "a", kind="veth", master=None, peer=5))
    assert Topology(observed).path("br1", "br2") is None


@pytest.mark.parametrize("asked", [("br1", "br2"), ("br2", "br1")])
def test_a_bundle_in_a_bundle_is_a_way(asked: Edge) -> None:
    observed = Observed()
    for index, name in ((1, "br1"), (2, "br2")):
        observed.put_device(index, Device(index, name, kind="bridge"))
    observed.put_device(3, Device(3, "team0", kind="team", master=1))
    observed.put_device(4, Device(4, "bond0", kind="bond", master=3))
    observed.put_device(5, Device(5, "a", kind="veth", master=4, peer=6))
    observed.put_device(6, Device(6, "b", kind="veth", master=2, peer=5))
    assert Topology(observed).path(*asked) == list(asked)


@pytest.mark.parametrize("kind", ["vlan", "macvlan", "macvtap"])
@pytest.mark.parametrize("below", ["bridge", "veth", "bond", "member", "internal", "local", "vlan"])
@pytest.mark.parametrize("turned", [False, True])
def test_what_stands_on_another_device_is_a_way(kind: str, below: str, turned: bool) -> None:
    """As ``eth1-br1.100`` in br2, whose other end is in br1."""
    observed = Observed()
    for index, name in ((1, "br1"), (2, "br2")):
        observed.put_device(index, Device(index, name, kind="bridge"))
    lower = _below(observed, below)
    observed.put_device(9, Device(9, "upper", kind=kind, peer=lower, master=2))
    asked = ("o0" if below in ("internal", "local") else "br1", "br2")
    asked = (asked[1], asked[0]) if turned else asked
    assert sorted(observed.neighbours(asked[0]))[0][1] == asked[1]
    assert Topology(observed).path(*asked) == list(asked)
    observed.put_device(9, Device(9, "upper", kind=kind, peer=lower))
    assert Topology(observed).path(*asked) is None
    observed.put_device(9, Device(9, "upper", kind=kind, master=2))  # it stands on one in another network namespace
    assert Topology(observed).path(*asked) is None
    observed.put_device(9, None)
    assert not list(observed.neighbours(asked[0]))


def _below(observed: Observed, below: str) -> int:
    """Put in a device by which br1, or else o0, is reached; return its ifindex."""
    if below == "bridge":
        return 1
    if below in ("internal", "local"):
        name = "o0" if below == "local" else "int0"
        observed.put_bridge("o0", OvsBridge("o0"))
        observed.put_port(name, OvsPort(name, name, "o0", type="internal"))
        observed.put_device(3, Device(3, name, kind="tun"))
        return 3
    bonded = below in ("bond", "member")
    observed.put_device(3, Device(3, "a", kind="veth", peer=4, master=1))
    observed.put_device(4, Device(4, "b", kind="veth", peer=3, master=5 if bonded else None))
    if bonded:
        observed.put_device(5, Device(5, "bond0", kind="bond"))
    if below == "vlan":
        observed.put_device(6, Device(6, "b.7", kind="vlan", peer=4))
    return {"bond": 5, "vlan": 6}.get(below, 4)


def _with_vlans(observed: Observed | None = None) -> Observed:
    """Have ``br1.5`` in br2 and ``br1.6`` in br3, and br4 joined to br1."""
    observed = observed or Observed()
    for index, name in ((1, "br1"), (2, "br2"), (3, "br3"), (4, "br4")):
        observed.put_device(index, Device(index, name, kind="bridge"))
    for index, master in ((5, 2), (6, 3)):
        observed.put_device(index, Device(index, f"br1.{index}", kind="vlan", peer=1, master=master))
    for index, peer, master in ((7, 8, 1), (8, 7, 4)):
        observed.put_device(index, Device(index, f"v{index}", kind="veth", peer=peer, master=master))
    return observed


@pytest.mark.parametrize("asked", [("br2", "br3"), ("br3", "br2")])
def test_nor_does_one_behind_it(asked: tuple[str, str]) -> None:
    topology = Topology(_with_vlans())
    topology.join("br1 br5", "br1", "br5")
    topology.join("br5 br6", "br5", "br6")
    assert topology.path(*asked) is None
    assert topology.path("br2", "br4") == ["br2", "br1", "br4"]
    assert topology.path("br6", "br3") == ["br6", "br5", "br1", "br3"]


def test_what_comes_back_by_another_port_goes_on_by_the_first() -> None:
    topology = Topology(_with_vlans())
    topology.join("br4 br5", "br4", "br5")
    topology.join("br5 br1", "br5", "br1")
    assert topology.path("br2", "br3") is not None
    topology = Topology(_with_vlans())
    topology.join("br2 br5", "br2", "br5")
    topology.join("br5 br4", "br5", "br4")  # found by br1 before
    assert topology.path("br2", "br3") == ["br2", "br5", "br4", "br1", "br3"]
    assert topology.path("br3", "br2")


class _Counting(Observed):
    """Counts how often all ports of br1 are gone through."""

    looks = 0

    def neighbours(self, bridge: str) -> Iterator[tuple[str, str]]:
        """Count, and do it."""
        self.looks += bridge == "br1"
        return super().neighbours(bridge)


def test_the_ports_of_a_large_bridge_are_not_gone_through_once_for_each_of_them() -> None:
    observed = _Counting()
    _with_vlans(observed)
    for index in range(20, 110, 3):
        observed.put_device(index, Device(index, f"leaf{index}", kind="bridge"))
        observed.put_device(index + 1, Device(index + 1, f"v{index}", kind="veth", peer=index + 2, master=1))
        observed.put_device(index + 2, Device(index + 2, f"w{index}", kind="veth", peer=index + 1, master=index))
    observed.put_device(11, Device(11, "alone", kind="bridge"))
    observed.put_device(12, Device(12, "eth0", master=11))
    assert Topology(observed).path("leaf20", "alone") is None
    assert observed.looks < 8
    observed.looks = 0
    assert len(inventory.describe("h1", observed).ways) == 31
    assert observed.looks < 8


@pytest.mark.parametrize("below", ["bridge", "veth", "bond", "member", "internal", "local", "vlan"])
@pytest.mark.parametrize("kinds", [("vlan", "vlan"), ("macvlan", "macvtap"), ("vlan", "macvlan")])
@pytest.mark.parametrize("turned", [False, True])
def test_a_bridge_sends_nothing_back_by_the_port_by_which_it_came(
    below: str, kinds: tuple[str, str], turned: bool
) -> None:
    """As with ``br0.100`` in br2 and ``br0.200`` in br3. macvlans of one device may hear each other."""
    observed = Observed()
    for index, name in ((1, "br1"), (2, "br2"), (7, "br3")):
        observed.put_device(index, Device(index, name, kind="bridge"))
    lower = _below(observed, below)
    whole = "o0" if below in ("internal", "local") else "br1"
    for index, master, kind in ((9, 2, kinds[0]), (10, 7, kinds[1])):
        observed.put_device(index, Device(index, f"upper{index}", kind=kind, peer=lower, master=master))
    asked = ("br3", "br2") if turned else ("br2", "br3")
    joined = "vlan" not in kinds
    assert Topology(observed).path(*asked) == (list(asked) if joined else None)
    assert Topology(observed).path("br2", whole) == ["br2", whole]
    way = next(device for device, other in observed.neighbours("br2") if other == whole)
    assert shared_port(observed, whole, "br2", way) is not None and shared_port(observed, "br2", whole, way) is None
    topology = Topology(observed)
    topology.join("br2 br4", "br2", "br4")
    assert topology.path("br4", "br3") == (["br4", "br2", "br3"] if joined else None)
    topology.join("br4 whole", "br4", whole)
    assert topology.path("br2", "br3") == (["br2", "br3"] if joined else ["br2", "br4", whole, "br3"])
    topology.join("br2 whole", "br2", whole)
    assert topology.path("br2", "br3") == (["br2", "br3"] if joined else ["br2", whole, "br3"])


@pytest.mark.parametrize("turned", [False, True])
def test_a_bridge_in_a_bundle_is_a_way(turned: bool) -> None:
    observed = Observed()
    for index, name, master in ((1, "br1", 3), (2, "br2", None)):
        observed.put_device(index, Device(index, name, kind="bridge", master=master))
    observed.put_device(3, Device(3, "bond0", kind="bond", master=2))
    asked = ("br2", "br1") if turned else ("br1", "br2")
    assert Topology(observed).path(*asked) == list(asked)


@pytest.mark.parametrize("first", ["member", "bond", "vlan", "bridge", "port", "vrf"])
def test_what_may_lead_to_open_vswitch(first: str) -> None:
    """Before its rows are known: what it holds in the kernel, and a veth whose other end is in no Linux bridge."""
    observed = Observed()
    observed.put_device(8, Device(8, "master", kind="vrf" if first == "vrf" else "openvswitch"))
    held = first in ("bridge", "vrf")
    observed.put_device(1, Device(1, "br1", kind="bridge", master=8 if held else None))
    if first == "port":
        observed.put_device(2, Device(2, "int0", kind="openvswitch", master=1))
    elif not held:
        observed.put_device(2, Device(2, "a", kind="veth", peer=3, master=1 if first == "member" else 4))
        observed.put_device(3, Device(3, "b", kind="veth", peer=2))
        observed.put_device(4, Device(4, "bond0", kind="bond", master=1 if first == "bond" else None))
        observed.put_device(5, Device(5, "bond0.7", kind="vlan", peer=4, master=1))
    assert observed.leads_away("br1") is (first != "vrf")
    if 3 in observed.devices:
        observed.put_device(6, Device(6, "br2", kind="bridge"))
        observed.put_device(3, Device(3, "b", kind="veth", peer=2, master=6))
        assert not observed.leads_away("br1")
