"""Several controllers and APIs over one database, at work on one template at once."""

import concurrent.futures
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World, body, update
from vethagent.controller.db.database import Database
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.liveness import Liveness
from vethagent.controller.requests import LinkQuery


@pytest.fixture
def others(url: str, liveness: Liveness) -> Iterator[list[Fleet]]:
    """Two more controllers, each with connections of its own; they cast to nobody."""
    databases = [Database(url) for _ in range(2)]
    api: Any = fakes.AgentApi()
    yield [Fleet(database, api, liveness) for database in databases]
    for database in databases:
        database.close()


def at_once(functions: Sequence[Callable[[], object]]) -> None:
    with concurrent.futures.ThreadPoolExecutor(len(functions)) as pool:
        for future in [pool.submit(function) for function in functions]:
            future.result(60)


def test_each_step_is_taken_once(world: World, others: list[Fleet]) -> None:
    hosts = world.hosts(9)
    template, _ = world.templates.create(fakes.CONTEXT, body(policy={"batch_size": 4}))
    world.events = type(world.events)(world.events._database, world.events._liveness)  # nobody goes on by itself
    for _ in range(4):
        world.answer(*sorted(world.linked()))
        at_once([lambda fleet=fleet: fleet.advance(template.id) for fleet in [*others, *others]])  # type: ignore[misc]
    found = world.rollout(template.id)
    assert (found.state, found.batches, found.counts.done) == ("COMPLETED", 3, 9)
    told = [change.message for change in world.rollouts.history(found.id)]
    assert told == ["revision 1", "batch 1: h0", "batch 2: h1, h2, h3, h4", "batch 3: h5, h6, h7, h8", ""]
    assert [link.generation for link in world.links.list(LinkQuery())[0]] == [1] * len(hosts)


def test_hosts_that_join_while_the_selector_changes(world: World, others: list[Fleet]) -> None:
    hosts = world.hosts(6)
    template, _ = world.templates.create(fakes.CONTEXT, body(selector={"labels": ["rack=r1"]}))
    wanted = update(selector={"labels": ["rack in (r1,r2)"]})
    at_once(
        [
            *(lambda host=host: world.label(host, rack="r2") for host in hosts),
            lambda: world.templates.update(fakes.CONTEXT, template.id, wanted),
            lambda: others[0].advance(template.id),
        ]
    )
    world.settle(hosts)
    assert sorted(world.linked()) == hosts
    assert set(world.members(template.id).values()) == {"DONE"}


def test_hosts_that_are_labelled_while_the_template_is_made(world: World) -> None:
    hosts = world.hosts(6)
    wanted = body(selector={"labels": ["rack"]}, policy={"canary": 0})
    at_once(
        [
            *(lambda host=host: world.label(host, rack="r1") for host in hosts[:3]),
            lambda: world.templates.create(fakes.CONTEXT, wanted),
            *(lambda host=host: world.label(host, rack="r1") for host in hosts[3:]),
        ]
    )
    world.settle(hosts)
    assert sorted(world.linked()) == hosts


def test_a_template_that_goes_while_hosts_join(world: World, others: list[Fleet]) -> None:
    hosts = world.hosts(4)
    template, _ = world.templates.create(fakes.CONTEXT, body(selector={"labels": ["rack"]}))
    at_once(
        [
            *(lambda host=host: world.label(host, rack="r2") for host in hosts),
            lambda: world.templates.delete(fakes.CONTEXT, template.id),
            lambda: others[0].advance(template.id),
        ]
    )
    assert set(world.linked().values()) <= {"PENDING_DELETE"}


def test_what_a_dead_controller_left_is_found(world: World, others: list[Fleet]) -> None:
    world.hosts(3)
    template, _ = world.templates.create(fakes.CONTEXT, body())
    world.events = type(world.events)(world.events._database, world.events._liveness)
    world.answer("h0")  # stored, and then the controller was killed
    assert others[0].due()[0] == []
    world.clock.advance(15)
    assert others[0].due()[0] == [template.id]
    others[0].advance(template.id)
    assert sorted(world.linked()) == ["h0", "h1", "h2"]
