"""Marks of links that are wanted on another host: this one has got another name and a new store, say."""

from tests.unit.chaos.world import ELSEWHERE, INTERVAL, World
from vethagent.plumbing import naming

ENDS = [{"bridge": "br1"}, {"bridge": "br-eth1"}]


def _shown(world: World) -> set[str | None]:
    return {naming.owner(device.alias) for device in world.host.kernel.devices.values()} - {None}


def test_they_are_left_alone_until_nobody_wants_them(world: World) -> None:
    wanted = world.create(host=ELSEWHERE, ends=ENDS)
    assert wanted is not None
    world.host.add_pair("orphan-a", "orphan-b", alias=naming.alias(wanted.id))
    world.agent.boot()
    for _ in range(6):
        world.agent.beat()
        world.later(INTERVAL)
    assert _shown(world) == {wanted.id}
    assert [reason.part for reason in world.agent.health.state().reasons] == ["marks"]
    world.delete(wanted.id, force=True)
    for _ in range(14):  # it is asked for now and then only
        world.agent.beat()
        world.later(INTERVAL)
    assert _shown(world) == set()
    assert world.agent.health.state().reasons == ()
