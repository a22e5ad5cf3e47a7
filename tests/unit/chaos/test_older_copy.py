"""An older copy of the controller's database is put back: generations that were come again, and mean something else."""

import pathlib
import sqlite3

import pytest

from tests.unit.chaos.world import HOST, INTERVAL, World
from vethagent.agent.store import Store
from vethagent.controller import views
from vethagent.plumbing import naming


@pytest.fixture
def link(world: World) -> views.Link:
    """A link that carries."""
    made = world.create(host=HOST, ends=[{"bridge": "br1"}, {"bridge": "br-eth1"}])
    assert made is not None
    world.calm_down()
    return made


def test_a_generation_that_comes_twice(world: World, link: views.Link) -> None:
    """Nothing else is different, and no cast is heard."""
    copy = world.controller.copy()
    world.change(link.id, mtu=1400)
    world.calm_down()
    world.controller.put_back(copy)
    world.change(link.id, mtu=1300)
    assert world.controller.wanted()[0].generation == 2
    world.calm_down()
    world.check()
    assert [end.mtu for end in world.controller.wanted()[0].observed] == [1300, 1300]


def test_what_is_told_of_a_generation_that_is_not_there_yet(world: World, link: views.Link) -> None:
    copy = world.controller.copy()
    world.change(link.id, mtu=1400)
    world.deliver(world.bus.casts[-1])
    world.agent.settle()
    world.controller.put_back(copy)
    world.agent.send()
    assert world.controller.wanted()[0].observed_generation == 2
    world.calm_down()
    world.check()


def test_links_that_came_or_went_since(world: World, link: views.Link) -> None:
    """Those that came are not in the record, and go; those that went are wanted again."""
    copy = world.controller.copy()
    world.delete(link.id, force=False)
    world.create(host=HOST, ends=[{"bridge": "br3"}, {"bridge": "br-eth1"}])
    world.calm_down()
    world.controller.put_back(copy)
    world.calm_down()
    world.check()
    assert [each.id for each in world.controller.wanted()] == [link.id]


def test_an_older_copy_of_the_store_and_casts_of_that_time(world: World, link: views.Link) -> None:
    """The agent is started with what was wanted before, and hears late, and in the wrong order, of what was then."""
    copy = world.agent.copy()
    world.change(link.id, mtu=1400)
    gone = world.create(host=HOST, ends=[{"bridge": "br3"}, {"bridge": "br-eth1"}])
    assert gone is not None
    world.calm_down()
    world.delete(gone.id, force=False)
    world.change(link.id, mtu=1300)
    world.calm_down()
    casts = list(world.bus.casts)
    world.agent.put_back(copy)
    for cast in reversed(casts):
        world.deliver(cast)
        world.agent.settle()
    world.agent.send()
    world.calm_down()
    world.check()
    assert [each.id for each in world.controller.wanted()] == [link.id]
    assert [end.mtu for end in world.controller.wanted()[0].observed] == [1300, 1300]


@pytest.mark.parametrize("lost", ["database", "database and store"])
def test_a_new_database(
    world: World, link: views.Link, template: pathlib.Path, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The store tells that it is another one. Without it what is there is nobody's, and the log says so before."""
    world.controller.put_back(sqlite3.connect(template))
    world.bus.casts.clear()
    if lost != "database":
        world.agent.put_back(Store(":memory:")._db)
    world.agent.settle()
    for _ in range(2):
        world.agent.beat()
    assert _shown(world) == {link.id}
    assert (f"go if the next report finds the same: {link.id}" in caplog.text) == (lost != "database")
    for _ in range(4):
        world.later(INTERVAL)
        world.agent.beat()
    assert _shown(world) == ({link.id} if lost == "database" else set())
    assert [reason.part for reason in world.agent.health.state().reasons] == ["controller"] * (lost == "database")


def _shown(world: World) -> set[str]:
    return {owner for device in world.host.kernel.devices.values() if (owner := naming.owner(device.alias))}
