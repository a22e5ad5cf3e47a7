"""An older copy of the controller's database is put back: generations that were come again, and mean something else."""

import pytest

from tests.unit.chaos.world import HOST, World
from vethagent.controller import views


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
