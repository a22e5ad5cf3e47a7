"""Rings through physical networks, against a forest of bridges and networks that grows link by link."""

from hypothesis import given
from hypothesis import strategies as st

from vethagent.controller.rings import Networks, Port, Rings, Way, without_dead_ends

HOSTS = [f"h{number}" for number in range(4)]
BRIDGES = ["a", "b", "c", "leaf"]
NETWORKS = {(host, bridge): f"net-{bridge}" for host in HOSTS for bridge in "abc"}


class Forest:
    """Which bridges and networks hang together."""

    def __init__(self, networks: Networks) -> None:
        self._parents: dict[object, object] = {}
        for place, network in networks.items():
            self.join(place, network)

    def join(self, one: object, other: object) -> None:
        self._parents[self._root(one)] = self._root(other)

    def joined(self, one: object, other: object) -> bool:
        return self._root(one) == self._root(other)

    def _root(self, thing: object) -> object:
        while (parent := self._parents.get(thing, thing)) != thing:
            thing = parent
        return thing


def way(host: str, first: str, second: str, *tags: int | None) -> Way:
    one, other = tags or (None, None)
    return Way(Port(host, first, one), Port(host, second, other))


ways = st.builds(way, st.sampled_from(HOSTS), st.sampled_from(BRIDGES), st.sampled_from(BRIDGES)).filter(
    lambda each: each.first.bridge != each.second.bridge
)


@given(st.lists(ways, max_size=12))
def test_without_rings_all_is_a_forest_and_with_one_it_is_none(asked: list[Way]) -> None:
    rings, forest, inside = Rings(NETWORKS), Forest(NETWORKS), Forest({})
    for each in asked:
        path = rings.ring(each)
        first, second = ((end.host, end.bridge) for end in each)
        if path is not None or inside.joined(first, second):
            assert forest.joined(first, second)
            continue
        assert not forest.joined(first, second)
        forest.join(first, second)
        inside.join(first, second)
        rings.add(each)


@given(st.lists(ways, max_size=12))
def test_dead_ends_are_all_but_what_hangs_together_twice(asked: list[Way]) -> None:
    forest, twice = Forest(NETWORKS), set[int]()
    for number, each in enumerate(asked):
        first, second = ((end.host, end.bridge) for end in each)
        if forest.joined(first, second):
            twice.add(number)
        forest.join(first, second)
    left = without_dead_ends(NETWORKS, dict(enumerate(asked)))
    assert twice <= left.keys()
    assert twice or not left


@given(st.lists(ways, max_size=8), ways)
def test_both_directions_are_the_same_and_both_ends_are_told(there: list[Way], new: Way) -> None:
    rings = Rings(NETWORKS, there)
    path = rings.ring(new)
    back = rings.ring(Way(new.second, new.first))
    assert (path is None) == (back is None)
    if path is not None:
        assert path[0] == f"{new.first.bridge} of {new.first.host}"
        assert path[-1] == f"{new.second.bridge} of {new.second.host}"
        assert set(path) & set(NETWORKS.values())


def test_two_hosts_join_the_same_two_networks() -> None:
    rings = Rings(NETWORKS, [way("h1", "a", "b")])
    assert rings.ring(way("h2", "b", "a")) == [
        *("b of h2", "net-b", "b of h1"),
        *("a of h1", "net-a", "a of h2"),
    ]
    assert rings.ring(way("h2", "a", "c")) is None
    assert rings.ring(way("h2", "a", "leaf")) is None


def test_three_networks_three_hosts_and_bridges_within() -> None:
    rings = Rings(NETWORKS, [way("h1", "a", "b"), way("h2", "b", "leaf"), way("h2", "leaf", "c")])
    assert rings.ring(way("h3", "c", "a")) == [
        *("c of h3", "net-c", "c of h2", "leaf of h2"),
        *("b of h2", "net-b", "b of h1"),
        *("a of h1", "net-a", "a of h3"),
    ]


def test_vlans_of_two_tags_do_not_meet() -> None:
    rings = Rings(NETWORKS, [way("h1", "a", "b", 100, None)])
    assert rings.ring(way("h2", "a", "b", 200, None)) is None
    assert rings.ring(way("h2", "a", "b", 100, None))
    assert rings.ring(way("h2", "a", "b"))
    rings.add(way("h3", "a", "c", 200, None))
    assert rings.ring(way("h2", "b", "c")) is None, "one ends in VLAN 100, the other begins in VLAN 200"


def test_a_loop_on_one_host_is_for_its_agent_to_see() -> None:
    assert Rings(NETWORKS, [way("h1", "a", "b")]).ring(way("h1", "a", "b")) is None


def test_networks_behind_an_end() -> None:
    rings = Rings(NETWORKS, [way("h1", "leaf", "a"), way("h2", "leaf", "b")])
    assert rings.networks_behind(Port("h1", "leaf")) == {"net-a"}
    assert rings.networks_behind(Port("h3", "leaf")) == set()
