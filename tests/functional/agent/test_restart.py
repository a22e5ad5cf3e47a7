"""The process ends, in every way, and comes back: what is right is not touched."""

import contextlib
import datetime
import os
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.functional.agent.outages import wait_for_reasons
from tests.support import commands, processes, rest, traffic

CONCURRENCY = ("eventlet", "threading")
ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


@contextlib.contextmanager
def nothing_is_lost(node: Node, *kinds: str) -> Iterator[list[rest.Link]]:
    """While the block lasts no ping at 1 ms is lost over a link of Linux bridges, nor over another one TCP's bytes.

    The block gets these links. Beside changes nothing but events of ``kinds`` are told. Of a userspace bridge so much
    cannot be asked: it misses packets when the machine is busy, with a link or without.
    """
    links = [node.plug(*ENDS), node.plug("br1", "br2")]
    before, last = node.picture(), [node.last_event(link) for link in links]
    source, target = node.guests["br1"], node.guests["br2"]
    with (
        traffic.Pings(source, target.address, interval=0.001) as pings,
        traffic.Stream(source, node.guests["br-eth1"]) as stream,
    ):
        pings.wait_for_answers(100)
        yield links
        node.wait_for_report()
        pings.wait_for_answers(100)
    assert pings.lost() == []
    assert stream.whole
    assert node.picture() == before
    told = [event for link, number in zip(links, last, strict=True) for event in node.events(link, number)]
    assert not [event for event in told if event["kind"] not in ("changed", *kinds)], told


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_loses_and_tells_nothing(fragile: Node, way: signal.Signals) -> None:
    node = fragile
    with nothing_is_lost(node) as links:
        before, ended_at = node.picture(), datetime.datetime.now(datetime.UTC)
        node.crash() if way == signal.SIGKILL else node.allinone.stop()
        assert node.picture() == before
        node.start()
    events = [event for link in links for event in node.events(link)]
    told = [event for event in events if datetime.datetime.fromisoformat(event["observed_at"]) > ended_at]
    assert not told, told
    for link in links:
        node.check(node.wait(link, "ACTIVE"))


def _older_store(node: Node) -> None:
    """Make the store what the first version wrote."""
    with contextlib.closing(sqlite3.connect(node.allinone.folder / "agent.sqlite")) as store:
        store.execute("DROP TABLE standing")


def _newer_store(node: Node) -> None:
    """Make the store what some later version may write."""
    with contextlib.closing(sqlite3.connect(node.allinone.folder / "agent.sqlite")) as store:
        store.executescript("PRAGMA user_version = 99; ALTER TABLE link RENAME TO wire;")


def test_a_kill_and_an_upgrade_lose_nothing(fragile: Node) -> None:
    with nothing_is_lost(fragile):
        fragile.crash()
        _older_store(fragile)
        fragile.start()


def test_a_kill_and_a_downgrade_lose_nothing(fragile: Node) -> None:
    """What is wanted comes from the controller, so it is told as if it were new."""
    with nothing_is_lost(fragile, "plugged"):
        fragile.crash()
        _newer_store(fragile)
        fragile.start()
    wait_for_reasons(fragile)


def test_the_end_of_the_helper_and_a_sync_lose_nothing(fragile: Node) -> None:
    node = fragile
    with nothing_is_lost(node):
        for pid in node.helpers():
            os.kill(pid, signal.SIGKILL)
        node.set_mode("observe")
        node.set_mode("enforce")  # everything is looked at


def test_a_port_that_went_meanwhile_is_put_back_at_the_first_try(fragile: Node) -> None:
    """What is known of OVSDB can be acted on."""
    node = fragile
    link = node.plug_usual()
    before = node.last_event(link)
    node.crash()
    node.host.vsctl("del-port", SECOND)
    node.start()
    node.wait_for_event(link, "repaired", before)
    told = [(event["kind"], event["status"]) for event in node.events(link, before)]
    assert told == [("repaired", "ACTIVE")]


def test_a_second_one_does_not_start(fragile: Node) -> None:
    """Somebody starts it by hand beside the service, say."""
    node = fragile
    with nothing_is_lost(node):
        second = [str(processes.COMMANDS / "vethagent-allinone"), "--config-file", str(node.allinone.configuration)]
        done = commands.run(*node.host.namespace.command(*second), check=False)
        assert done.returncode == 1
        assert "another agent runs on this host" in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_nothing_outlives_the_process(fragile: Node) -> None:
    node = fragile
    helpers = commands.wait_until(node.helpers, what="a helper")
    node.crash()
    assert set(helpers).isdisjoint(node.helpers())
