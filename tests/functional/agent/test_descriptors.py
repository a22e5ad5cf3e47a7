"""No file descriptor is left: in the agent, in its helper, in the agent when it needs another helper."""

import contextlib
import itertools
import os
import pathlib
import resource
import signal
from collections.abc import Iterable, Iterator

import pytest

from tests.functional.agent.node import FIRST, Node
from tests.functional.agent.outages import ENDS, wait_for_reasons
from tests.support import commands, processes, whole
from vethagent import model

CONCURRENCY = ("eventlet", "threading")


@contextlib.contextmanager
def _no_descriptors(pids: Iterable[int], left: int = 0) -> Iterator[None]:
    """What these processes have open stays so, but they can open no more than ``left`` while the block lasts.

    A limit below what is open would be another fault: poll(2) refuses more descriptors than that with EINVAL, which
    does not happen to a process that has used up what it may have.
    """
    before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (_first_free(pid) + left, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def _first_free(pid: int) -> int:
    """Return the number that the next descriptor of a process would get."""
    used = {int(entry.name) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in used)


def _agent(node: Node) -> list[int]:
    """Return the pids of the process and, on native threads, of its child."""
    pid = node.allinone.pid
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(child) for thread in threads for child in thread.read_text().split()}
    assert children or node.concurrency == "eventlet"
    return sorted({pid, *children} - set(node.helpers()))


def test_the_agent_has_none_left(fragile: Node) -> None:
    """It mends with what it has open, though nobody can ask it how it is."""
    node = fragile
    link = node.plug(*ENDS)
    wanted = model.BridgeLink.model_validate(link)
    with node.remade(link):
        with _no_descriptors(_agent(node)):
            node.host.ip("link", "delete", FIRST)
            commands.wait_until(lambda: not whole.Snapshot(node.host).defects(wanted), what="a whole link")
        node.api.wait_until_served()
    wait_for_reasons(node)
    node.carries()


@pytest.mark.parametrize("left", [0, 1])
def test_the_helper_has_none_left(fragile: Node, left: int) -> None:
    """With one left it can ask the kernel for a pair, and not have its offload turned off."""
    node = fragile
    link = node.plug(*ENDS)
    helpers = node.helpers()
    with _no_descriptors(helpers, left), node.remade(link):
        node.host.ip("link", "delete", FIRST)
    assert set(helpers).isdisjoint(node.helpers()), "another one has its place"
    wait_for_reasons(node)


def test_the_agent_has_none_left_for_another_helper(fragile: Node) -> None:
    node = fragile
    link, log = node.plug(*ENDS), node.allinone.log
    helpers, before = node.helpers(), len(log.read_text(errors="replace"))
    with node.remade(link):
        with _no_descriptors(_agent(node)):
            for pid in helpers:
                os.kill(pid, signal.SIGKILL)
            node.host.ip("link", "delete", FIRST)
            commands.wait_until(
                lambda: "HELPER_UNAVAILABLE" in log.read_text(errors="replace")[before:], what="it said so"
            )
        node.api.wait_until_served()
    assert len(processes.helpers(node.host)) == 1
    wait_for_reasons(node)
    node.carries()
