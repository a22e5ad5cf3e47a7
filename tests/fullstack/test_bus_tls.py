"""The bus over TLS: the broker has to be the one that the certificate was made for."""

import contextlib
import pathlib
from collections.abc import Iterator, Sequence

from tests.fullstack import links
from tests.support import certificates, commands, deployment, hosts, processes


def test_an_agent_is_driven_over_tls(clean: deployment.Deployment, concurrency: str) -> None:
    node = clean.add_node(f"compute-tls-{concurrency}", concurrency=concurrency, ca=clean.broker.certificate)
    link = links.plug(clean, node)
    links.check_plugged(node.host, link["id"])
    connections = node.host.run("ss", "--tcp", "--no-header", "--numeric", "state", "established")
    assert ":5671" in connections
    assert ":5672" not in connections

    clean.rest.delete(link["id"])
    clean.rest.wait_until_gone(link["id"])
    clean.remove_node(node)


@contextlib.contextmanager
def _over_tls(made: deployment.Deployment) -> Iterator[None]:
    """Have controller and API speak TLS with the broker meanwhile."""
    services = (made.controller, made.api)
    before = [service.configuration.read_text() for service in services]
    tls = f"\n[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = {made.broker.certificate}\n"
    _restart(made, [text.replace(made.broker.url, made.broker.tls_url) + tls for text in before])
    try:
        yield
    finally:
        _restart(made, before)


def _restart(made: deployment.Deployment, texts: Sequence[str]) -> None:
    for service, text in zip((made.controller, made.api), texts, strict=True):
        service.configuration.write_text(text)
        assert service.stop() == 0
        service.start()
    made.rest.wait_until_served()


def _ports_of_broker(made: deployment.Deployment) -> set[str]:
    """Return the ports of the broker that controller and API are connected to.

    Their ends of the connections are looked at: the broker's may be all that is left of a host that was cut off.
    """
    is_established = ("ss", "--tcp", "--no-header", "--numeric", "state", "established")
    return {port for port in ("5671", "5672") if made.network.run(*is_established, "dport", "=", f":{port}")}


def test_controller_and_api_speak_tls_too(clean: deployment.Deployment, concurrency: str) -> None:
    name = f"compute-all-tls-{concurrency}"
    with _over_tls(clean):
        node = clean.add_node(name, concurrency=concurrency, ca=clean.broker.certificate)
        link = links.plug(clean, node)
        links.check_plugged(node.host, link["id"])
        assert clean.rest.request("GET", f"/v1/hosts/{name}/plan").status == 200
        assert _ports_of_broker(clean) == {"5671"}
        clean.rest.delete(link["id"])
        clean.rest.wait_until_gone(link["id"])
    clean.remove_node(node)


def test_a_broker_with_another_certificate_is_refused(
    clean: deployment.Deployment, concurrency: str, tmp_path: pathlib.Path
) -> None:
    with hosts.Host(f"compute-distrust-{concurrency}") as host:
        clean.network.join(host)
        ca, _ = certificates.make(tmp_path, address=clean.network.address)
        agent = processes.make_agent(host, url=clean.broker.tls_url, ca=ca, concurrency=concurrency)
        agent.start()
        try:
            commands.wait_until(
                lambda: "CERTIFICATE_VERIFY_FAILED" in agent.log.read_text(), what="the refusal", timeout=60
            )
            assert clean.rest.request("GET", f"/v1/agents/{host.name}").status == 404
        finally:
            agent.kill()
