"""Ways between bridges against a search of its own over a plain list of edges."""

import dataclasses
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vethagent.plumbing.loops import Topology
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
        topology.join(first, second)
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
        ([("o0", "o2"), ("o2", "o1")], ["o0", "o2", "o1"]),
        ([("o0", "l0"), ("l0", "o2"), ("o2", "l1"), ("l1", "o1")], ["o0", "l0", "o2", "l1", "o1"]),
        ([("o0", "o1"), ("o0", "o2"), ("o2", "o1")], ["o0", "o2", "o1"]),
        ([("o0", "o1"), ("o0", "l0"), ("l0", "o1")], None),
        ([("o0", "l0"), ("l0", "o1"), ("l0", "o2")], None),
        ([("o0", "o1"), ("o0", "o2"), ("o1", "l2")], None),
        ([("o0", "o2")], None),
    ],
)
def test_a_bridge_that_does_not_pass_on_what_stp_tells(
    edges: list[Edge], found: list[str] | None, turned: bool
) -> None:
    """Of the bridges on the way Open vSwitch's o2 does not, unless it runs STP itself or is told to; Linux ones do."""
    observed = host(Way(edge, False, (f"a{number}", f"b{number}")) for number, edge in enumerate(edges))
    for name in ("o0", "o1"):
        observed.put_bridge(name, OvsBridge(name, stp=True))
    asked, expected = (("o1", "o0"), found and found[::-1]) if turned else (("o0", "o1"), found)
    assert Topology(observed).unspanned(*asked) == expected
    for heard in (OvsBridge("o2", stp=True), OvsBridge("o2", forwards_bpdus=True)):
        observed.put_bridge("o2", heard)
        assert Topology(observed).unspanned(*asked) is None


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
