"""Observe tells and changes nothing; paused does nothing at all until it is over."""

from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node

ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


@pytest.fixture
def node(fragile: Node) -> Iterator[Node]:
    """The node, enforcing again at the end."""
    yield fragile
    fragile.set_mode("enforce")


def test_observe_tells_drift_and_leaves_it(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    before = node.last_event(link)
    node.host.ip("link", "set", FIRST, "nomaster")
    event = node.wait_for_event(link, "drifted", before)
    assert [found["code"] for found in event["differences"]] == ["NOT_ATTACHED"]
    found = node.wait(link, "DOWN", "DRIFT")
    assert found["differences"] == event["differences"]
    device = node.host.device(FIRST)
    assert device is not None
    assert "master" not in device
    with node.repaired(link, "NOT_ATTACHED"):
        node.set_mode("enforce")
    node.carries()


def test_observe_makes_and_deletes_nothing(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    before = node.picture()
    other = node.create("br2", "br-eth2")
    node.api.delete(link["id"])
    node.wait_for_event(other, "changed", 0)
    assert node.picture() == before
    node.set_mode("enforce")
    node.check(node.wait(other, "ACTIVE"))
    node.api.wait_until_gone(link["id"])


def test_drift_that_is_mended_by_hand(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    node.host.ip("link", "set", FIRST, "nomaster")
    node.wait(link, "DOWN", "DRIFT")
    node.host.ip("link", "set", FIRST, "master", "br1")
    node.check(node.wait(link, "ACTIVE"))


def test_paused_does_nothing_until_it_is_over(node: Node) -> None:
    link, going = node.plug(*ENDS), node.plug("br2", "br-eth2")
    node.set_mode("paused")
    last = node.last_event(link)
    node.host.ip("link", "set", FIRST, "nomaster")
    coming = node.create("br1", "br2")
    node.api.delete(going["id"])
    before = node.picture()
    node.wait_for_report()
    assert node.picture() == before
    assert node.events(link, last) == []
    assert node.events(coming) == []
    with node.repaired(link, "NOT_ATTACHED"):
        node.set_mode("enforce")
    node.check(node.wait(coming, "ACTIVE"))
    node.api.wait_until_gone(going["id"])


def test_the_mode_outlives_the_process(node: Node) -> None:
    link = node.plug(*ENDS)
    node.set_mode("observe")
    assert node.allinone.stop() == 0
    node.host.ip("link", "delete", FIRST)
    node.start()
    node.wait(link, "DOWN", "DRIFT")
    assert FIRST not in node.host.devices()
    with node.repaired(link, "DEVICE_MISSING"):
        node.set_mode("enforce")
