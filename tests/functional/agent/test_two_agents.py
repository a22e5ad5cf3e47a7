"""Two agents on a host, each of a name and with a store of its own: the marks of one are nobody's for the other."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.agent.node import Node, condition
from tests.support import commands, processes, rest

CONCURRENCY = ("threading",)

NAME, PORT = "other", 19798


@pytest.fixture
def other(fragile: Node) -> Iterator[rest.Rest]:
    """The API of another all-in-one in the namespace of the node."""
    host = fragile.host
    folder = processes.make_folder(host.folder / NAME)
    agent = processes.agent_options(host, concurrency=fragile.concurrency)["agent"]
    options = {
        **processes.bus_options("fake://", host=NAME, state_path=folder),
        "agent": agent | {"report_interval": "1", "metrics_port": "0"},
        "api": {"port": str(PORT)},
        "controller": {"metrics_port": "0"},
    }
    process = processes.VethagentProcess("allinone", namespace=host.namespace, folder=folder, options=options)
    process.start()
    try:
        api = rest.Rest(host.namespace, PORT)
        api.wait_until_served()
        api.wait_for_agent(NAME)
        yield api
    finally:
        process.kill()


def test_what_one_has_removed_and_the_other_makes_anew_is_left_alone(fragile: Node, other: rest.Rest) -> None:
    def agent() -> Any:
        return other.get(f"/v1/agents/{NAME}")

    def told() -> list[str]:
        return [reason["part"] for reason in agent()["health"]]

    def has_reported_since(seen: str) -> bool:
        return bool(agent()["reported_at"] != seen)

    link = fragile.plug_usual()
    condition(told, ["marks"], "what the other agent says")
    indexes = fragile.indexes(fragile.wait_until_told(link))
    for _ in range(3):
        seen = functools.partial(has_reported_since, agent()["reported_at"])
        commands.wait_until(seen, what="a report of the other agent")
    assert fragile.indexes(link) == indexes
    fragile.check_repaired(link)
    fragile.carries()
    fragile.unplug(link)
    condition(told, [], "what the other agent says")
