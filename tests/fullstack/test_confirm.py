"""A link that cuts its host off from the bus is taken back by its agent, and no other link is.

The host reaches the broker over a Linux bridge. A guest behind another bridge says that it has the broker's address, so
whoever joins the two bridges sends all that is for the broker to the guest.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, daemons, deployment, impostor, management, rest, traffic

CONFIRM_TIMEOUT = 3
ENDS = [{"bridge": management.BRIDGE, "device": "cut-a"}, {"bridge": "br-bad", "device": "cut-b"}]


@pytest.fixture(scope="module")
def node(controller_side: deployment.Deployment, concurrency: str) -> Iterator[deployment.Node]:
    """A node that reaches the broker over a bridge, with ``br-bad`` beside it."""
    made = controller_side.add_node(f"bridged-{concurrency}", concurrency=concurrency)
    controller_side.network.put_into_bridge(made.host, made.address)
    made.host.linux_bridge("br-bad")
    made.agent.stop()
    with made.agent.configuration.open("a") as file:
        file.write(f"[agent]\nconfirm_timeout = {CONFIRM_TIMEOUT}\nreport_interval = 2\n")
    made.agent.start()
    yield made
    controller_side.remove_node(made)


@contextlib.contextmanager
def impostor_behind(node: deployment.Node, bridge: str, address: str) -> Iterator[None]:
    """While the block lasts a guest behind ``bridge`` says that ``address`` is its own."""
    guest = node.host.guest(bridge, f"{address}/24")
    command = [sys.executable, "-I", str(impostor.__file__), "eth0", address]
    shouting = daemons.Daemon(command, name="impostor", namespace=guest, log=node.host.folder / "impostor.log")
    shouting.start()
    try:
        yield
    finally:
        shouting.kill()
        guest.close()
        node.host.guests.remove(guest)
        commands.wait_until(lambda: not node.host.namespace.has_device(guest.device), what="the end of the guest")


def _wait_for_loss(node: deployment.Node, link: rest.Link) -> None:
    """Wait until the agent has taken ``link`` back."""
    commands.wait_until(
        lambda: not node.host.namespace.has_device("cut-a"), what=f"the end of {link['id']}", timeout=60
    )


@pytest.mark.timeout(240)
def test_a_link_that_cuts_the_host_off_is_taken_back(clean: deployment.Deployment, node: deployment.Node) -> None:
    kept = links.plug(clean, node)
    commands.wait_until(lambda: _confirmed(clean, node) >= 1, what="the confirmation", timeout=30)
    before = links.settings(node.host, links.FIRST)
    with impostor_behind(node, "br-bad", clean.network.address):
        bad = clean.rest.create({"host": node.name, "ends": ENDS})
        commands.wait_until(lambda: node.host.namespace.has_device("cut-a"), what="the plug")
        # Killed with the link on trial: the next one takes it up.
        node.agent.signal(signal.SIGKILL)
        node.agent.process.wait(10)
        node.agent.start()
        _wait_for_loss(node, bad)
        failed = clean.rest.wait_for_status(bad["id"], "ERROR", timeout=60)
        assert failed["reason"] == "CONNECTIVITY_LOST", failed
        links.check_plugged(node.host, kept["id"])
        assert links.settings(node.host, links.FIRST) == before

        # Kept back by the next agent too.
        assert node.agent.stop() == 0
        node.agent.start()
        commands.wait_until(lambda: clean.rest.wait_for_agent(node.name)["counters"].get("syncs"), what="a sync")
        assert not node.host.namespace.has_device("cut-a")
    changed = clean.rest.request("PATCH", f"/v1/bridge-links/{bad['id']}", {"mtu": 1400})
    assert changed.status == 200, changed
    clean.rest.wait_for_status(bad["id"], "ACTIVE", timeout=30)
    traffic.wait_for_ping(node.host.namespace, clean.network.address)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("concurrency", ["eventlet"], indirect=True)
def test_a_broker_that_restarts_sets_nothing_off(clean: deployment.Deployment, node: deployment.Node) -> None:
    before = _taken_back(clean, node)
    link = links.plug(clean, node)
    clean.broker.kill()
    try:
        with pytest.raises(AssertionError, match="taken back"):
            commands.wait_until(
                lambda: not node.host.namespace.has_device(links.FIRST), what="taken back", timeout=CONFIRM_TIMEOUT + 3
            )
    finally:
        clean.broker.start()
    clean.rest.wait_for_agent(node.name, timeout=60)
    links.check_plugged(node.host, link["id"])
    assert _taken_back(clean, node) == before


def _confirmed(made: deployment.Deployment, node: deployment.Node) -> int:
    return int(made.rest.wait_for_agent(node.name)["counters"].get("confirmed", 0))


def _taken_back(made: deployment.Deployment, node: deployment.Node) -> int:
    return int(made.rest.wait_for_agent(node.name)["counters"].get("taken_back", 0))
