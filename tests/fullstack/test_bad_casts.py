"""Casts that are not what the contract allows: an agent refuses them, changes nothing and goes on."""

import json
import pathlib
import sys
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
    url = untouched.broker.url
    command = untouched.network.command(sys.executable, str(_PROGRAM), url, node.name)
    commands.run(*command, stdin=json.dumps(bad))
    # They are taken in order, so what comes after them has been seen after them.
    link = links.plug(untouched, node)
    links.check_plugged(node.host, link["id"])
    assert [found["id"] for found in untouched.rest.links()] == [link["id"]]
    untouched.rest.delete(link["id"])
    untouched.rest.wait_until_gone(link["id"])
