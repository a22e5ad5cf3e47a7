"""The process ends, in every way, and comes back: what is right is not touched."""

import datetime
import signal

import pytest

from tests.functional.agent.node import FIRST, SECOND, Node
from tests.support import commands, traffic

CONCURRENCY = ("eventlet", "threading")
ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_loses_no_ping_and_tells_nothing(fragile: Node, way: signal.Signals) -> None:
    node = fragile
    link = node.plug(*ENDS)
    before, indexes = node.picture(), node.indexes(link)
    with traffic.Pings(node.guests["br1"], node.guests["br-eth1"].address, interval=0.01) as pings:
        ended_at = datetime.datetime.now(datetime.UTC)
        node.crash() if way == signal.SIGKILL else node.allinone.stop()
        assert node.picture() == before
        node.start()
        node.wait_for_report()
        pings.wait_for_answers(10)
    assert pings.lost() == []
    assert node.indexes(link) == indexes
    assert node.picture() == before
    told = [e for e in node.events(link) if datetime.datetime.fromisoformat(e["observed_at"]) > ended_at]
    assert not told, told
    node.check(node.wait(link, "ACTIVE"))


def test_nothing_outlives_the_process(fragile: Node) -> None:
    node = fragile
    helpers = commands.wait_until(node.helpers, what="a helper")
    node.crash()
    assert set(helpers).isdisjoint(node.helpers())
