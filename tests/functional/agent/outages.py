"""What tests of outages have in common."""

import contextlib
import signal
from collections.abc import Iterator

from tests.functional.agent.node import FIRST, HOST, SECOND, Node
from tests.support import commands, daemons

ENDS = {"bridge": "br1", "device": FIRST}, {"bridge": "br-eth1", "device": SECOND}


def wait_for_reasons(node: Node, *parts: str) -> None:
    """Wait until the agent says that these parts do not work, and no other."""

    def reasons() -> list[str]:
        return [reason["part"] for reason in node.api.get(f"/v1/agents/{HOST}")["health"]]

    commands.wait_until(lambda: reasons() == list(parts), what=f"health {parts}", timeout=30)


@contextlib.contextmanager
def stopped(daemon: daemons.Daemon) -> Iterator[None]:
    """The daemon stands still while the block runs."""
    daemon.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.signal(signal.SIGCONT)
