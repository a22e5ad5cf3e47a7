"""The agent dies between two steps of a batch, alone or with its helper."""

import signal

import pytest

from tests.functional.agent.half_done import OPERATED, Work, under_way
from tests.support import points, processes

CONCURRENCY = ("eventlet", "threading")
HALF_MADE, TAKEN_BACK = points.TAKING_BACK
#: What befalls the agent, or its helper, after which the agent is killed.
TAKING_BACK = [(HALF_MADE, "kill"), ("helper-deleted", "kill"), ("helper-deleted", "stop")]


@pytest.mark.parametrize("name", points.AGENT)
def test_the_agent_is_killed(work: Work, name: str) -> None:
    with under_way(work, {name: "kill"}) as batch:
        batch.live_again()


@pytest.mark.parametrize("name", points.AGENT_LATER)
def test_the_agent_is_killed_in_a_later_part(work: Work, name: str) -> None:
    with under_way(work, {OPERATED: "stop"}) as batch:
        batch.strike(name, "kill")
        batch.live_again()


def test_the_agent_is_killed_at_its_start(work: Work) -> None:
    with under_way(work, {}) as batch:
        work.node.crash()
        work.node.arm(points.AGENT_START, "kill")
        work.node.allinone.start()
        batch.be_struck(points.AGENT_START)
        batch.live_again()


@pytest.mark.parametrize("name", ["helper-set", "helper-made"])
def test_both_are_killed_at_once(work: Work, name: str) -> None:
    node = work.node
    with under_way(work, {name: "stop"}):
        node.allinone.kill()
        processes.signal_helpers(node.host, signal.SIGKILL)
        node.wait_for_death()
        node.start()


@pytest.mark.parametrize(("name", "fault"), TAKING_BACK)
def test_while_it_is_taken_back_what_ovsdb_did_not_take(work: Work, name: str, fault: str) -> None:
    ovs = work.node.host.ovs
    with under_way(work, {OPERATED: "stop"}) as batch:
        ovs.server.kill()
        try:
            if name == HALF_MADE:
                batch.strike(name, fault)
            else:
                batch.strike(HALF_MADE, "stop")
                work.node.arm(TAKEN_BACK, "kill")
                batch.strike(name, fault)
                batch.be_struck(TAKEN_BACK)
        finally:
            ovs.start_server()
        batch.live_again()
