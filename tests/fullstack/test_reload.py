"""SIGHUP has a service read its options again, and nothing else: not a packet is lost."""

import signal

from tests.fullstack import links
from tests.support import commands, deployment, processes, traffic

NODES = 1


def _reload(service: processes.VethagentProcess, old: str, new: str) -> None:
    """Change the configuration of a service, have it read again, and wait until it says so."""
    text, said = service.configuration.read_text(), len(service.log.read_text())
    assert old in text
    service.configuration.write_text(text.replace(old, new))
    service.signal(signal.SIGHUP)
    _wait_for(service, "Option DEFAULT.debug changed", said)


def _wait_for(service: processes.VethagentProcess, text: str, since: int = 0) -> None:
    commands.wait_until(lambda: text in service.log.read_text()[since:], what=f"{text} of {service.name}", timeout=60)


def test_services_read_their_options_again(clean: deployment.Deployment, nodes: list[deployment.Node]) -> None:
    (node,) = nodes
    services = (clean.controller, clean.api, node.agent)
    link = links.plug(clean, node)
    traffic.wait_for_ping(node.guest1, node.guest2.address)
    before, pids = links.settings(node.host, links.FIRST), [service.pid for service in services]
    with traffic.Pings(node.guest1, node.guest2.address) as pings:
        for service in services:
            _reload(service, "[DEFAULT]\n", "[DEFAULT]\ndebug = true\n")
        for service in (clean.controller, node.agent):  # which show all of their options then
            _wait_for(service, " DEBUG ")
        for service in services:
            _reload(service, "debug = true\n", "")
        pings.wait_for_answers(10)
    assert pings.lost() == []
    assert [service.pid for service in services if service.running] == pids
    assert links.settings(node.host, links.FIRST) == before
    clean.rest.delete(link["id"])
    clean.rest.wait_until_gone(link["id"], timeout=60)
    links.check_plugged(node.host, links.plug(clean, node)["id"])
