"""Casts that are not what the contract allows: an agent refuses them, changes nothing and goes on."""

import json
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.fullstack import bad_links, links
from tests.support import commands, deployment

_PROGRAM = pathlib.Path(__file__).with_name("cast.py")


def test_an_agent_refuses_bad_casts(untouched: deployment.Deployment, node: deployment.Node) -> None:
    link = links.wanted(node.name) | {"id": "6f2f4fd5-7ed0-4a3a-a55c-000000000001", "generation": 1}
    bad: list[tuple[str, dict[str, Any]]] = [
        ("plug_bridge_link", {"link": {**link, **changes}})
        for name, (changes, _) in bad_links.BAD_LINKS.items()
        # A field that is not known is a newer sender's; whether a host is known is the controller's matter.
        if name not in ("misspelt field", "unknown host")
    ]
    bad += [
        ("plug_bridge_link", {}),
        ("plug_bridge_link", {"link": None}),
        ("plug_bridge_link", {"link": {**link, "version": "2.0"}}),
        ("plug_bridge_link", {"link": {**link, "host": "nowhere"}}),
        ("plug_bridge_links", {"links": {"a": 1}}),
        ("plug_bridge_links", {"links": [{**link, "mtu": 1}]}),
        ("unplug_bridge_link", {"link_id": "../..", "generation": 1}),
        ("unplug_bridge_link", {"link_id": link["id"], "generation": -1}),
        ("unplug_bridge_links", {"links": "all"}),
        ("set_mode", {"mode": "party"}),
        ("no_such_method", {}),
        ("__init__", {}),
    ]
    _cast(untouched, node, bad)
    # They are taken in order, so what comes after them has been seen after them.
    link = links.plug(untouched, node)
    links.check_plugged(node.host, link["id"])
    assert [found["id"] for found in untouched.rest.links()] == [link["id"]]
    untouched.rest.delete(link["id"])
    untouched.rest.wait_until_gone(link["id"])


def test_an_agent_that_is_paused_does_nothing_for_a_late_cast(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """Somebody had it go on for a while, minutes ago."""
    agent = f"/v1/agents/{node.name}"
    assert clean.rest.request("PATCH", agent, {"mode": "paused"}).status == 200
    commands.wait_until(lambda: clean.rest.get(agent)["reported_mode"] == "paused", what="the mode")
    link = clean.rest.create(links.wanted(node.name))
    before = clean.rest.get(agent)["counters"].get("casts_late", 0)
    _cast(clean, node, [("set_mode", {"mode": "enforce"}, {"sent_at": time.time() - 100})])
    commands.wait_until(lambda: clean.rest.get(agent)["counters"].get("casts_late", 0) > before, what="the late cast")
    assert clean.rest.get(agent)["reported_mode"] == "paused"
    links.check_unplugged(node.host)
    assert clean.rest.request("PATCH", agent, {"mode": "enforce"}).status == 200
    clean.rest.wait_for_status(link["id"], "ACTIVE")


def _cast(made: deployment.Deployment, node: deployment.Node, casts: Sequence[tuple[object, ...]]) -> None:
    command = made.network.command(sys.executable, str(_PROGRAM), made.broker.url, node.name)
    commands.run(*command, stdin=json.dumps(casts))
