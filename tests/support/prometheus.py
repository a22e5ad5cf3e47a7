"""A real Prometheus with the rules and the sample configuration of this project, but quick."""

import http.client
import json
import pathlib
import re
import socket
import time
import urllib.parse
from typing import Any

import yaml

from tests.support import daemons, namespaces

_PORT = 9090
_FOLDER = pathlib.Path(__file__).parents[2] / "etc/prometheus"
#: Seconds; of a busy machine. An answer that comes later is none.
_SCRAPE, _LOOK = "2s", "1s"
#: API, controller, one agent.
_TARGETS = 3


class Prometheus(daemons.Daemon):
    """Scrapes what the sample configuration names in ``namespace``, and ``agent``, an address with its port.

    What the rules wait for is a second, and what they look back at is two minutes; all else is as committed.
    """

    def __init__(self, namespace: namespaces.Namespace, folder: pathlib.Path, agent: str) -> None:
        folder.mkdir()
        rules = yaml.safe_load((_FOLDER / "vethagent.rules.yml").read_text())
        #: Names of the alerts.
        self.rules: list[str] = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            rule["expr"] = re.sub(r"\[\d+m\]", "[2m]", rule["expr"])
            if "for" in rule:
                rule["for"] = "1s"
        (folder / "vethagent.rules.yml").write_text(yaml.safe_dump(rules))
        sample = yaml.safe_load((_FOLDER / "prometheus.yml").read_text())
        for job in sample["scrape_configs"]:
            job.pop("scrape_interval", None)
        sample["scrape_configs"].append({"job_name": "vethagent-agent", "static_configs": [{"targets": [agent]}]})
        sample["global"] = {"scrape_interval": _SCRAPE, "scrape_timeout": _SCRAPE, "evaluation_interval": _LOOK}
        configuration = folder / "prometheus.yml"
        configuration.write_text(yaml.safe_dump(sample))
        command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{_PORT}", "--log.level=warn"]
        super().__init__(command, name="prometheus", namespace=namespace, log=folder / "prometheus.log")

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Return the labels of what is firing now, by alert."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self._ask("/api/v1/alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def values(self, expression: str, *, seconds: int) -> list[float]:
        """Return all values that an expression has had in the last ``seconds``, but for those that are no number."""
        now = time.time()
        query = urllib.parse.urlencode({"query": expression, "start": now - seconds, "end": now, "step": 2})
        found = self._ask(f"/api/v1/query_range?{query}")["result"]
        return [float(value) for series in found for _, value in series["values"] if value != "NaN"]

    def answers(self) -> bool:
        """Whether it runs, and all that it is to look at gives metrics."""
        try:
            targets = self._ask("/api/v1/targets")["activeTargets"]
        except OSError:
            return False
        return len(targets) == _TARGETS and all(target["health"] == "up" for target in targets)

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=20)
        with self.namespace.entered():
            connection.sock = socket.create_connection(("127.0.0.1", _PORT), timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise ConnectionError(f"{path}: {response.status}")  # as while it starts
            return json.loads(response.read())["data"]
        finally:
            connection.close()
