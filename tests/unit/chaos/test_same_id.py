"""A link is deleted and made again with the id that it had, as by who draws ids from names."""

import uuid

import pytest

from tests.unit.chaos.world import HOST, World
from vethagent.controller import views

BODY = {"id": str(uuid.UUID(int=1)), "host": HOST, "ends": [{"bridge": "br1"}, {"bridge": "br-eth1"}]}


def _make(world: World) -> views.Link:
    made = world.create(**BODY)
    assert made is not None
    world.deliver(world.bus.casts[-1])
    world.agent.settle()
    world.agent.send()
    shown = world.controller.wanted()[0]
    assert (shown.status, shown.observed_generation) == ("ACTIVE", made.generation)
    return shown


@pytest.mark.parametrize("force", [False, True])
def test_late_casts_of_the_time_before_change_nothing(world: World, *, force: bool) -> None:
    """The cast of the new one is heard at once, and the old ones arrive after it."""
    link = _make(world)
    world.change(link.id, mtu=1400)
    world.delete(link.id, force=force)
    old = list(world.bus.casts)
    world.calm_down()
    again = _make(world)
    devices = {device.ifindex: device for device in world.host.kernel.devices.values()}
    for cast in (*old, *reversed(old)):
        world.deliver(cast)
        world.agent.settle()
    assert {device.ifindex: device for device in world.host.kernel.devices.values()} == devices
    world.check_nothing_went_back()
    world.calm_down()
    world.check()
    assert world.controller.wanted()[0].generation == again.generation > link.generation
