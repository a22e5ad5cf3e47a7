"""What is under way takes longer than whoever runs the process waits for its end."""

import pytest

from tests.functional.agent.node import FIRST, Node
from tests.functional.agent.outages import ENDS, stopped
from tests.support import commands

CONCURRENCY = ("eventlet", "threading")
#: The options of the test node say how long the helper is waited for, and by that how long a batch.
_OPTIONS = "[DEFAULT]\ngraceful_shutdown_timeout = 12\n[agent]\novsdb_timeout = 60\nhelper_timeout = 60\n"


@pytest.fixture
def hurried(fragile: Node) -> Node:
    """The node with patience for a batch, and little for its end; after the test it runs as usual."""
    usual = fragile.allinone.configuration.read_text()
    assert fragile.allinone.stop() == 0
    fragile.allinone.configuration.write_text(f"{usual}{_OPTIONS}")
    try:
        fragile.start()
    finally:
        fragile.allinone.configuration.write_text(usual)
    return fragile


def test_sigterm_is_obeyed_before_the_process_is_killed(hurried: Node) -> None:
    node = hurried
    node.plug("br2", "br-eth2")  # so it hears OVSDB
    said = node.allinone.log.stat().st_size
    with stopped(node.host.ovs.server):
        link = node.create(*ENDS)
        commands.wait_until(lambda: node.host.namespace.has_device(FIRST), what="the pair")
        assert node.allinone.stop() == 0
    told = node.allinone.log.read_bytes()[said:].decode()
    assert f"Link {link['id']} may be left half until the next start: its batch takes too long" in told
    node.start()
    node.check(node.wait(link, "ACTIVE"))
    node.carries()
