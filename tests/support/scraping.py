"""What Prometheus would read of a process, and what promtool says of it."""

import http.client
import socket

from prometheus_client import parser

from tests.support import commands, namespaces

AGENT, CONTROLLER, API = 9799, 9797, 9798


class Scraped:
    """The samples of one port in ``namespace``, by name and labels."""

    def __init__(self, namespace: namespaces.Namespace, port: int) -> None:
        self.text = _scrape(namespace, port)
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(self.text)
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Return a sample; KeyError if there is none."""
        return self._samples[name, frozenset(labels.items())]

    def find(self, name: str, **labels: str) -> float:
        """Return a sample, 0 if there is none: nothing of the kind has happened yet."""
        return self._samples.get((name, frozenset(labels.items())), 0)

    def check(self) -> None:
        """Have promtool read it; AssertionError if it finds fault with a name or a help."""
        done = commands.run("promtool", "check", "metrics", stdin=self.text)
        assert (done.stdout + done.stderr).strip() == ""


def _scrape(namespace: namespaces.Namespace, port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with namespace.entered():
        connection.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        body = response.read().decode()
        assert response.status == http.client.OK, body
        assert response.getheader("Content-Type", "").startswith("text/plain; version=")
        return body
    finally:
        connection.close()
