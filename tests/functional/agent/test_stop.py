"""The agent is stopped, or told to pause, while a great batch is under way."""

import contextlib
import http.client
import json
import pathlib
import signal
from collections.abc import Iterator, Sequence

from tests.functional.agent.node import HOST, PATIENCE, Node, condition
from tests.support import commands, processes
from vethagent.plumbing.apply import PART

CONCURRENCY = ("eventlet", "threading")
#: One part of a batch and some of the next; most of the time goes by with making and removing them.
COUNT = PART + 20
GROUP = "78"
#: Each is linked with br-eth1: a star, so no loop. They stay down, lest what one shouts goes to all the others.
BRIDGES = [f"star{number}" for number in range(COUNT)]
#: The helper has its part, and has done nothing of it: the one that takes its place is as fast as any.
BEGUN = "helper-looked"


@contextlib.contextmanager
def _under_way(node: Node) -> Iterator[set[str]]:
    """The ids of links that are plugged in one batch, of which the first part has just begun.

    Its helper is stopped. The batch goes on when the agent finds that out, so what the test does at once is before it.
    """
    with _patient(node), _wanted(node, BRIDGES) as wanted:
        node.arm(BEGUN, "stop")
        node.set_mode("enforce")
        condition(lambda: node.is_armed(BEGUN), False, "the batch under way")
        yield wanted


@contextlib.contextmanager
def _patient(node: Node) -> Iterator[None]:
    """Its agent gives up no sooner than others do: on a busy machine a helper has seconds to do with a great batch."""
    before = node.allinone.configuration.read_text()
    assert PATIENCE in before
    _configure(node, before.replace(PATIENCE, ""))
    try:
        yield
    finally:
        _configure(node, before)


def _configure(node: Node, text: str) -> None:
    """Start it anew with other options."""
    assert node.allinone.stop() == 0
    node.allinone.configuration.write_text(text)
    node.start()


@contextlib.contextmanager
def _wanted(node: Node, bridges: Sequence[str]) -> Iterator[set[str]]:
    """The ids of links of each of ``bridges``, made for it, that the agent knows; it is paused."""
    node.batch(*(f"link add {bridge} up group {GROUP} type bridge" for bridge in bridges))
    node.set_mode("paused")
    bodies = [{"host": HOST, "ends": [{"bridge": bridge}, {"bridge": "br-eth1"}]} for bridge in bridges]
    answer = node.api.request("POST", "/v1/bridge-links/bulk-create", {"bridge_links": bodies})
    assert answer.status == http.client.CREATED, answer
    wanted = {str(link["id"]) for link in answer.body["bridge_links"]}
    condition(lambda: node.api.get(f"/v1/agents/{HOST}")["desired_in_step"], True, "all links known to the agent")
    try:
        yield wanted
    finally:
        if not node.allinone.running:
            node.start()
        node.set_mode("enforce")
        node.api.request("POST", "/v1/bridge-links/bulk-delete", {"ids": sorted(wanted)})
        commands.wait_until(lambda: not node.api.links(), what="the end of all links", timeout=60)
        node.host.ip("link", "delete", "group", GROUP)


def test_sigterm_leaves_each_link_whole_or_absent(fragile: Node) -> None:
    with _under_way(fragile) as wanted:
        assert fragile.allinone.stop(timeout=60) == 0
        assert len(_whole(fragile)) == PART
        fragile.start()
        _wait_for_all(fragile, wanted)


def test_sigterm_while_one_helper_after_the_other_hangs(fragile: Node) -> None:
    """Both have made pairs: such that lack nothing but their ports, or such that lack something more."""
    node = fragile
    point = "helper-created" if node.concurrency == "eventlet" else "helper-sent"
    with _wanted(node, BRIDGES[:5]) as wanted:
        node.arm(point, "hang")
        node.set_mode("enforce")
        condition(lambda: node.is_armed(point), False, "the first helper hanging")
        node.arm(point, "hang")
        condition(lambda: node.is_armed(point), False, "the second helper hanging")
        assert node.allinone.stop() == 0
        assert _whole(node) == wanted


def test_sigterm_leaves_nothing_of_a_link_that_is_unplugged(fragile: Node) -> None:
    """Its port has gone, its pair has not."""
    node = fragile
    with _wanted(node, BRIDGES[:5]) as wanted:
        node.set_mode("enforce")
        _wait_for_all(node, wanted)
        node.arm(BEGUN, "stop")
        node.api.request("POST", "/v1/bridge-links/bulk-delete", {"ids": sorted(wanted)})
        condition(lambda: node.is_armed(BEGUN), False, "the batch under way")
        assert (node.port_marks(), set(_pairs(node))) == (set(), wanted)
        assert node.allinone.stop() == 0
        assert node.marks() == set()


def test_sigterm_while_a_helper_starts(fragile: Node) -> None:
    """It would find nobody to meet, and say so with a traceback."""
    node = fragile
    assert node.allinone.stop() == 0
    condition(node.helpers, [], "the helpers")
    said = node.allinone.log.stat().st_size
    node.allinone.start()
    commands.wait_until(node.helpers, what="a helper that starts", interval=0.01)
    processes.signal_helpers(node.host, signal.SIGSTOP)
    commands.wait_until(lambda: _hears_sigterm(node), what="handlers of SIGTERM", interval=0.01)
    assert node.allinone.stop() == 0
    processes.signal_helpers(node.host, signal.SIGCONT)
    condition(node.helpers, [], "the helpers")
    assert "privsep" not in node.allinone.log.read_bytes()[said:].decode()


def test_a_pause_ends_the_batch(fragile: Node) -> None:
    with _under_way(fragile) as wanted:
        fragile.set_mode("paused")
        # Not a second helper: should that one be too slow for the agent, nobody would try a third time.
        processes.signal_helpers(fragile.host, signal.SIGCONT)
        _wait_for_all(fragile, wanted)


def _hears_sigterm(node: Node) -> bool:
    """Return whether the process has a handler of it; on native threads its child has one before the helper starts."""
    status = pathlib.Path(f"/proc/{node.allinone.pid}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1)


def _whole(node: Node) -> set[str]:
    """Return the ids of the links that are there; AssertionError if one is there in part."""
    pairs = _pairs(node)
    assert [ends for ends in pairs.values() if len(ends) != 2 or "star" not in ends] == []
    assert node.port_marks() == set(pairs)
    return set(pairs)


def _pairs(node: Node) -> dict[str, list[str]]:
    """Return of each device that carries a link's mark what it is in, as far as that has a name that is given here."""
    found: dict[str, list[str]] = {}
    for device in json.loads(node.host.ip("-j", "link", "show", "type", "veth")):
        if device.get("ifalias", "").startswith("vethagent:"):
            found.setdefault(device["ifalias"].removeprefix("vethagent:"), []).append(device.get("master", "")[:4])
    return found


def _wait_for_all(node: Node, wanted: set[str]) -> None:
    commands.wait_until(lambda: node.port_marks() == wanted, what="all links", timeout=60, interval=0.2)
    assert _pairs(node).keys() == wanted
