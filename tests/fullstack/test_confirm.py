"""A link that cuts its host off from the bus is taken back by its agent, and no other link is.

The host reaches the broker over a Linux bridge. A guest behind another bridge says that it has the broker's address, so
whoever joins the two bridges sends all that is for the broker to the guest.
"""

import contextlib
import functools
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests.fullstack import links
from tests.support import commands, daemons, deployment, hosts, impostor, management, rest, traffic

CONFIRM_TIMEOUT = 3
#: Where the agent itself is to stop meanwhile: long enough for a busy machine to be in time for that.
LONG_TIMEOUT = 10
#: An address of the network that is not the broker's.
GATEWAY = "10.88.0.254"
GATEWAY_IPV6 = "fd00:88::1"
ENDS = [{"bridge": management.BRIDGE, "device": "cut-a"}, {"bridge": "br-bad", "device": "cut-b"}]


@pytest.fixture(scope="module")
def node(controller_side: deployment.Deployment, concurrency: str) -> Iterator[deployment.Node]:
    """A node that reaches the broker over a bridge, with ``br-bad`` beside it."""
    options = {"report_interval": "2", "confirm_gateway": "true"}
    made = controller_side.add_node(f"bridged-{concurrency}", concurrency=concurrency, agent=options)
    controller_side.network.put_into_bridge(made.host, made.address)
    made.host.linux_bridge("br-bad")
    _set_timeout(controller_side, made, CONFIRM_TIMEOUT)
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


def _is_in_step(made: deployment.Deployment, node: deployment.Node, last: str) -> bool:
    """Return whether an agent that was started after ``last`` has told how its links are."""
    agent = made.rest.wait_for_agent(node.name)
    return bool(agent["started_at"] != last and agent["desired_in_step"] and agent["observed_in_step"])


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
        last = clean.rest.wait_for_agent(node.name)["started_at"]
        assert node.agent.stop() == 0
        node.agent.start()
        commands.wait_until(lambda: _is_in_step(clean, node, last), what="the next agent in step", timeout=60)
        assert not node.host.namespace.has_device("cut-a")
    changed = clean.rest.request("PATCH", f"/v1/bridge-links/{bad['id']}", {"mtu": 1400})
    assert changed.status == 200, changed
    clean.rest.wait_for_status(bad["id"], "ACTIVE", timeout=30)
    traffic.wait_for_ping(node.host.namespace, clean.network.address)


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


@pytest.mark.parametrize("concurrency", ["eventlet"], indirect=True)
def test_an_agent_that_stood_still_takes_nothing_back(clean: deployment.Deployment, node: deployment.Node) -> None:
    """Its machine was suspended, say: the way was lost before, and was back long before the agent could see that."""
    _set_timeout(clean, node, LONG_TIMEOUT)
    try:
        host, before = node.host, _taken_back(clean, node)
        guest = host.guest("br-bad", "192.0.2.3/24")  # which goes with the node
        link = clean.rest.create({"host": node.name, "ends": [{"bridge": "br1"}, {"bridge": "br-bad"}]})
        link = clean.rest.wait_for_status(link["id"], "ACTIVE")
        with traffic.Pings(node.guest1, guest.address, interval=0.001) as pings:
            with _without_broker(clean):
                asked = _connections(host)
                commands.wait_until(lambda: _connections(host) >= asked + 4, what="some probes in vain")
                node.agent.signal(signal.SIGSTOP)
                stopped_at = time.monotonic()
            commands.wait_until(lambda: time.monotonic() > stopped_at + LONG_TIMEOUT, what="more than the time-out")
            node.agent.signal(signal.SIGCONT)
            commands.wait_until(lambda: _confirmed(clean, node) >= 1, what="the confirmation", timeout=60)
            pings.wait_for_answers(10)
        assert pings.lost() == []
        assert _taken_back(clean, node) == before
        shown = clean.rest.get(f"/v1/bridge-links/{link['id']}")
        assert (shown["status"], shown["observed"]) == ("ACTIVE", link["observed"])
    finally:
        _set_timeout(clean, node, CONFIRM_TIMEOUT)


@pytest.mark.parametrize("concurrency", ["threading"], indirect=True)
def test_a_link_that_is_tried_again_at_once_is_taken_back_again(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """The way has only just returned, and the other bridge has heard the guest as well."""
    before = _taken_back(clean, node)
    with impostor_behind(node, "br-bad", clean.network.address):
        bad = clean.rest.create({"host": node.name, "ends": ENDS})
        for wanted in before + 1, before + 2:
            if wanted > before + 1:
                changed = clean.rest.request("PATCH", f"/v1/bridge-links/{bad['id']}", {"mtu": 1400})
                assert changed.status == 200, changed
            commands.wait_until(lambda: node.host.namespace.has_device("cut-a"), what="the plug", timeout=60)
            _wait_for_loss(node, bad)
            clean.rest.wait_for_status(bad["id"], "ERROR", timeout=60)
            commands.wait_until(functools.partial(_has_taken_back, clean, node, wanted), what="its report")


@pytest.mark.parametrize("concurrency", ["threading"], indirect=True)
def test_a_link_that_cuts_off_only_the_gateway_is_taken_back(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """A guest behind the other bridge answers in its place, also pings."""
    clean.network.ip("address", "add", f"{GATEWAY}/24", "dev", "mgmt")
    node.host.ip("route", "add", "default", "via", GATEWAY)
    _set_timeout(clean, node, CONFIRM_TIMEOUT)  # an agent that has looked for no way yet, so not before there was one
    with impostor_behind(node, "br-bad", GATEWAY):
        bad = clean.rest.create({"host": node.name, "ends": ENDS})
        failed = clean.rest.wait_for_status(bad["id"], "ERROR", timeout=60)
        assert failed["reason"] == "CONNECTIVITY_LOST", failed
        assert not node.host.namespace.has_device("cut-a")
        (planned,) = clean.rest.get(f"/v1/hosts/{node.name}/plan")["links"]
        assert planned["steps"] == [], "nothing would be done"


def test_a_link_with_which_the_gateway_of_ipv6_is_lost_is_taken_back(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """The bus goes by IPv4 and is there all the time."""
    for namespace in clean.network, node.host.namespace:
        namespace.as_usual()
    gateway = f"{GATEWAY_IPV6}/64", "dev", "mgmt"
    clean.network.ip("address", "add", *gateway, "nodad")
    node.host.ip("address", "add", "fd00:88::2/64", "dev", management.BRIDGE, "nodad")
    node.host.ip("route", "add", "default", "via", GATEWAY_IPV6)
    _set_timeout(clean, node, CONFIRM_TIMEOUT)
    bad = clean.rest.create({"host": node.name, "ends": ENDS})
    commands.wait_until(lambda: node.host.namespace.has_device("cut-a"), what="the plug")
    clean.network.ip("address", "delete", *gateway)
    failed = clean.rest.wait_for_status(bad["id"], "ERROR", timeout=60)
    assert failed["reason"] == "CONNECTIVITY_LOST", failed
    assert not node.host.namespace.has_device("cut-a")
    (told,) = [line for line in node.agent.log.read_text().splitlines() if bad["id"] in line and "Not reached" in line]
    assert "the default IPv6 gateway" in told and "the bus" not in told


@pytest.mark.parametrize("concurrency", ["eventlet"], indirect=True)
def test_a_link_over_which_spanning_trees_let_pass_nothing_at_first(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """Its ports listen and learn for longer than a link is watched otherwise, and only then is the host cut off."""
    bridges = management.BRIDGE, "br-bad"
    try:
        for bridge in bridges:
            node.host.ip("link", "set", bridge, "type", "bridge", "stp_state", "1", "forward_delay", "400")
        traffic.wait_for_ping(node.host.namespace, clean.network.address)
        _set_timeout(clean, node, CONFIRM_TIMEOUT)
        with impostor_behind(node, "br-bad", clean.network.address):
            bad = clean.rest.create({"host": node.name, "ends": ENDS})
            commands.wait_until(lambda: node.host.namespace.has_device("cut-a"), what="the plug")
            _wait_for_loss(node, bad)
            failed = clean.rest.wait_for_status(bad["id"], "ERROR", timeout=60)
            assert failed["reason"] == "CONNECTIVITY_LOST", failed
    finally:
        for bridge in bridges:
            node.host.ip("link", "set", bridge, "type", "bridge", "stp_state", "0")


def test_a_change_of_the_link_to_the_bus_that_cuts_the_host_off_is_undone(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """The way goes over the link itself, so that it would not return if all of the link was taken away."""
    host, confirmed = node.host, _confirmed(clean, node)
    host.linux_bridge("br-up")
    ends = [ENDS[0], {"bridge": "br-up", "device": "cut-b"}]
    link = clean.rest.create({"host": node.name, "ends": ends})
    clean.rest.wait_for_status(link["id"], "ACTIVE", timeout=30)
    commands.wait_until(lambda: _confirmed(clean, node) > confirmed, what="the confirmation", timeout=30)
    try:
        host.ip("link", "set", management.DEVICE, "master", "br-up")
        traffic.wait_for_ping(host.namespace, clean.network.address)
        changed = clean.rest.request("PATCH", f"/v1/bridge-links/{link['id']}", {"ends": ENDS})
        assert changed.status == 200, changed
        failed = clean.rest.wait_for_status(link["id"], "ERROR", timeout=60)
        assert failed["reason"] == "CONNECTIVITY_LOST", failed
        assert [end["attached_to"] for end in failed["observed"]] == [management.BRIDGE, "br-up"]
        traffic.wait_for_ping(host.namespace, clean.network.address)
    finally:
        host.ip("link", "set", management.DEVICE, "master", management.BRIDGE)


@pytest.mark.parametrize("concurrency", ["eventlet"], indirect=True)
def test_a_template_that_cuts_its_first_host_off_reaches_no_other(
    clean: deployment.Deployment, node: deployment.Node
) -> None:
    """It is ACTIVE there first, and taken back when the next batch could have had it for long."""
    other = clean.add_node("other")  # the first one by name is ``node``
    _set_timeout(clean, node, 2 * CONFIRM_TIMEOUT)
    body = {"name": "cut", "link": {"ends": ENDS}, "selector": {"hosts": [node.name, other.name]}}
    made = clean.rest.request("POST", "/v1/link-templates", body)
    assert made.status == 201, made
    path = f"/v1/link-templates/{made.body['id']}"
    try:
        clean.rest.wait_for_status(clean.rest.links(f"host={node.name}")[0]["id"], "ACTIVE")
        with impostor_behind(node, "br-bad", clean.network.address):
            commands.wait_until(
                lambda: clean.rest.get(path)["rollout"]["state"] == "STOPPED", what="the end of it", timeout=60
            )
        assert [link["host"] for link in clean.rest.links()] == [node.name]
    finally:
        clean.rest.request("DELETE", path)
        _set_timeout(clean, node, CONFIRM_TIMEOUT)
        clean.remove_node(other)


@contextlib.contextmanager
def _without_broker(made: deployment.Deployment) -> Iterator[None]:
    """While the block lasts nobody has the broker's address."""
    address = f"{made.network.address}/24"
    made.network.ip("address", "delete", address, "dev", "mgmt")
    try:
        yield
    finally:
        made.network.ip("address", "add", address, "dev", "mgmt")


def _connections(host: hosts.Host) -> int:
    """Return how many TCP connections have been begun on a host."""
    names, values = (line.split() for line in host.run("cat", "/proc/net/snmp").splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("ActiveOpens")])


def _set_timeout(made: deployment.Deployment, node: deployment.Node, seconds: int) -> None:
    """Start the agent again with another ``confirm_timeout``, and wait until it has reported."""
    before = made.rest.wait_for_agent(node.name)["started_at"]
    assert node.agent.stop() == 0
    with node.agent.configuration.open("a") as file:
        file.write(f"[agent]\nconfirm_timeout = {seconds}\n")
    node.agent.start()
    commands.wait_until(
        lambda: made.rest.wait_for_agent(node.name)["started_at"] != before, what="the next agent", timeout=60
    )


def _confirmed(made: deployment.Deployment, node: deployment.Node) -> int:
    return int(made.rest.wait_for_agent(node.name)["counters"].get("confirmed", 0))


def _has_taken_back(made: deployment.Deployment, node: deployment.Node, links: int) -> bool:
    return _taken_back(made, node) == links


def _taken_back(made: deployment.Deployment, node: deployment.Node) -> int:
    return int(made.rest.wait_for_agent(node.name)["counters"].get("taken_back", 0))
