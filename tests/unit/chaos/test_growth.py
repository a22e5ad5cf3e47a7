"""Links and strangers that come and go for weeks leave nothing in memory."""

import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping

import pytest

from tests.unit.chaos.world import INTERVAL, World
from vethagent.agent import desired

#: What is remembered of links that are gone, for a late cast.
REMEMBERED = 5

_Found = Iterator[tuple[str, object]]


def census(roots: Mapping[str, object]) -> collections.Counter[str]:
    """Return how much is in all containers that objects of this project reach, by the way that leads there."""
    sizes: collections.Counter[str] = collections.Counter()
    seen: set[int] = set()
    todo: list[tuple[str, object]] = list(roots.items())
    while todo:
        way, found = todo.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, dict | list | set | frozenset | tuple | collections.deque):
            sizes[way] += len(found)
        todo += _within(way, found)
    return sizes


def _within(way: str, found: object) -> _Found:
    match found:
        case dict():
            yield from ((f"{way}{{}}", each) for each in found.values())
        case list() | set() | frozenset() | tuple() | collections.deque():
            yield from ((f"{way}[]", each) for each in found)
        case _ if type(found).__module__.startswith("vethagent"):
            names = set(getattr(found, "__dict__", ())).union(*map(_slots, type(found).__mro__))
            yield from ((f"{way}.{name}", getattr(found, name)) for name in names if hasattr(found, name))


def _slots(kind: type) -> Iterable[str]:
    return getattr(kind, "__slots__", ())


def _come_and_go(world: World, count: int) -> None:
    """One link after the other is plugged, harmed, changed, refused and unplugged, beside containers of others."""
    kernel = world.host.kernel
    for number in range(count):
        link = world.create(host="h1", ends=[{"bridge": "br1"}, {"bridge": "br-eth1"}])
        loop = world.create(host="h1", ends=[{"bridge": "br1", "device": f"x{number}"}, {"bridge": "br3"}])
        _happen(world)
        assert link is not None and loop is not None
        ours = next(device for device in kernel.devices.values() if device.alias == f"vethagent:{link.id}")
        world.host.delete(ours.ifindex)
        theirs = world.host.add_pair(f"veth{number}a", f"veth{number}b", masters=(kernel.named("br3").ifindex, None))
        world.host.add_row(f"tap{number}", "br-eth2", ofport=100 + number)
        world.change(link.id, mtu=1400)
        _happen(world)
        world.host.delete(theirs.ifindex)
        del world.host.rows[f"tap{number}"]
        for each in (link, loop):
            world.delete(each.id, force=False)
        _happen(world)
    for _ in range(3):
        world.agent.beat()
        world.later(INTERVAL)


def _happen(world: World) -> None:
    casts, world.bus.casts[:] = list(world.bus.casts), []
    for cast in casts:
        world.deliver(cast)
    world.agent.settle()
    world.agent.send()


def test_nothing_grows_with_what_was_there_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desired, "MOST_GONE", REMEMBERED)
    agent, controller = world.agent, world.controller
    roots = {
        name: getattr(part, name)
        for part, names in (
            (agent, ("inbox", "desired", "observed", "journal", "confirmer", "reconciler", "heartbeat", "sender")),
            (agent, ("endpoint", "outbox", "health", "counters")),
            (controller, ("links", "agents")),
        )
        for name in names
    } | {"controller": world.bus.controller}
    _come_and_go(world, 10)
    before = census(roots)
    _come_and_go(world, 30)
    grown = {way: (before[way], size) for way, size in census(roots).items() if size > before[way] + 3}
    assert grown == {}
    assert len(list(itertools.chain(agent.store.links(), agent.store.removed()))) == REMEMBERED
