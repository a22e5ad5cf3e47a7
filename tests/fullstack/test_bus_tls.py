"""The bus over TLS: the broker has to be the one that the certificate was made for."""

import pathlib

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
