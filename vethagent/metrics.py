"""What an agent counts, by the names in its state report, and the same as families of metrics for Prometheus.

The agent serves its own counts, the API those that the agents of the fleet reported: one table names both.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

#: The parts of an agent that its health speaks of.
PARTS = (
    "bus",
    "casts",
    "controller",
    "events",
    "log",
    "loops",
    "marks",
    "mode",
    "netlink",
    "ovsdb",
    "privsep",
    "reconciler",
    "store",
    "vswitchd",
)

#: Seconds; what is quick is told apart, beyond a minute it is only slow.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

#: What a port event of this kind measures, for the label ``operation``.
_OPERATIONS = {"plugged": "plug", "unplugged": "unplug", "repaired": "repair"}

_HELP = {
    "batches": "Batches of steps that were applied",
    "casts": "Casts that were received",
    "casts_late": "Casts that were under way for more than ten seconds",
    "casts_refused": "Casts that were not valid, or for another host",
    "casts_stale": "Links of casts that were as old as what was known already, or older",
    "confirmed": "Links that were watched for whether the way out is lost with them, and stayed",
    "failures": "Steps for a link that failed",
    "helper_restarts": "Starts of another privileged helper because one failed",
    "netlink_overflows": "Overflows of the socket with the kernel's link events",
    "ovsdb_reconnects": "Connections to OVSDB after the first one",
    "reconciler_failures": "Rounds, or links in a round, that ended with an unforeseen error",
    "syncs": "Pulls of everything that is wanted on the host",
    "taken_back": "Links that were taken back, or kept back, because the way out was lost with them",
    "unplugged": "Links that went as they were to",
}

#: Start of a count's name -> name of the metric, its label, its help; the rest of the name is the label's value.
_LABELLED = {
    "drift_found_": ("drift_found", "code", "Differences found in links that had been right, by their code"),
    "drift_repaired_": ("drift_repaired", "code", "Such differences that are repaired, by their code"),
    "events_": ("port_events", "kind", "Port events that were made, by kind"),
}


class OperationSeconds:
    """How long operations on links took, as port events tell it; every operation is there from the start."""

    def __init__(self, prefix: str, text: str, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            f"{prefix}_operation_duration_seconds", text, ["operation"], buckets=SECONDS, registry=registry
        )
        for operation in _OPERATIONS.values():
            self._seconds.labels(operation)

    def happened(self, kind: str, took_ms: float | None) -> None:
        """Take the time of an event of ``kind``, if it tells one of an operation."""
        operation = _OPERATIONS.get(kind)
        if operation is not None and took_ms is not None:
            self._seconds.labels(operation).observe(took_ms / 1000)


_NAME = re.compile(r"[a-z][a-z0-9_]*")


def counters(
    prefix: str,
    counts: Iterable[tuple[Sequence[str], Mapping[str, int]]],
    labels: Sequence[str] = (),
) -> list[Metric]:
    """Return the families of all ``counts``: pairs of the values of ``labels`` and of counts by name.

    A count that was never made is 0, so that the first one is seen as a rise. One without an entry in the tables above,
    such as that of a newer agent, is shown under its own name.
    """
    families: dict[str, CounterMetricFamily] = {
        name: CounterMetricFamily(f"{prefix}_{name}", text, labels=labels) for name, text in _HELP.items()
    }
    for values, found in counts:
        for name, count in {**dict.fromkeys(_HELP, 0), **found}.items():
            if not _NAME.fullmatch(name.lower()):
                continue  # no name of a metric, whoever made it up
            family, value = _family(prefix, name, labels, families)
            family.add_metric([*values, *value], count)
    return list(families.values())


def _family(
    prefix: str, name: str, labels: Sequence[str], families: dict[str, CounterMetricFamily]
) -> tuple[CounterMetricFamily, list[str]]:
    for start, (metric, label, text) in _LABELLED.items():
        if name.startswith(start):
            if metric not in families:
                families[metric] = CounterMetricFamily(f"{prefix}_{metric}", text, labels=[*labels, label])
            return families[metric], [name.removeprefix(start)]
    if name not in families:
        families[name] = CounterMetricFamily(f"{prefix}_{name}", "As counted by the agent", labels=labels)
    return families[name], []


def gauge(name: str, text: str, values: Mapping[Any, float], labels: Sequence[str] = ()) -> Metric:
    """Return one gauge; ``values`` are by tuples of the values of its ``labels``."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
