"""No helper ever answers, and the agent is to end."""

import signal

from tests.functional.agent.node import Node, condition
from tests.functional.agent.outages import ENDS
from tests.support import commands

CONCURRENCY = ("threading",)


def test_sigterm_while_no_helper_ever_answers(fragile: Node) -> None:
    """The pair stays without what is missing, the log says so, and the next start goes on with it."""
    node = fragile
    node.arm("helper-sent", "hang")
    link = node.create(*ENDS)
    condition(lambda: node.is_armed("helper-sent"), False, "the first helper hanging")
    said = node.allinone.log.stat().st_size
    node.allinone.signal(signal.SIGTERM)

    def ended() -> bool:
        node.arm("helper-looked", "hang")  # for each that takes the place of another
        return not node.allinone.running

    commands.wait_until(ended, what="the end", timeout=60)
    node.disarm("helper-looked")
    assert node.allinone.process.returncode == 0
    told = node.allinone.log.read_bytes()[said:].decode()
    assert f"Link {link['id']} may be left half until the next start" in told
    node.start()
    node.check(node.wait(link, "ACTIVE"))
    node.carries()
