"""What Prometheus is told: by a controller of the calls that it answers, by the API of the fleet in the database.

Counts of a controller are those of one process. The API counts nothing: any number of its processes, in a WSGI server
too, say the same.
"""

import collections
import contextlib
import datetime
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

import prometheus_client
import sqlalchemy
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric

from vethagent import exceptions, metrics, model
from vethagent.controller import closed_rings, link_counts
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.fleet import counting
from vethagent.controller.liveness import Liveness

_CONTROLLER, _FLEET = "vethagent_controller", "vethagent_fleet"

#: Seconds for an answer of the database. Prometheus gives up after 10, and would say that the controller is gone.
_ANSWER = 3.0


class ControllerMetrics:
    """A registry of its own."""

    def __init__(self, *, ping: Callable[[], None]) -> None:
        """``ping`` raises DatabaseUnavailable."""
        self._database = _Question(ping)
        self.listening: Callable[[], bool] = lambda: False
        self._lock, self._under_way = threading.Lock(), 0
        self.registry = CollectorRegistry()
        self._calls = Histogram(
            f"{_CONTROLLER}_call_duration_seconds",
            "Calls of agents that were answered, refused ones too",
            ["method", "result"],
            buckets=metrics.SECONDS,
            registry=self.registry,
        )
        self._events = Counter(
            f"{_CONTROLLER}_port_events", "Port events that were new, by kind", ["kind"], registry=self.registry
        )
        for kind in model.EventKind:
            self._events.labels(kind)
        self._seconds = metrics.OperationSeconds(
            _CONTROLLER, "From an agent's first notice until a link was plugged, unplugged or repaired", self.registry
        )
        self.registry.register(self)

    @contextlib.contextmanager
    def call(self, method: str) -> Iterator[None]:
        """Count the block as a call of ``method``."""
        begun, result = time.monotonic(), "failed"
        self._add(1)
        try:
            yield
            result = "ok"
        except (exceptions.InvalidMessage, exceptions.UnsupportedVersion):
            result = "refused"
            raise
        finally:
            self._add(-1)
            self._calls.labels(method, result).observe(time.monotonic() - begun)

    @property
    def under_way(self) -> int:
        """How many calls of agents are under way."""
        return self._under_way

    def _add(self, calls: int) -> None:
        with self._lock:
            self._under_way += calls

    def happened(self, events: Iterable[model.PortEvent]) -> None:
        """Count events that were new."""
        for event in events:
            self._events.labels(event.kind).inc()
            self._seconds.happened(event.kind, event.took_ms)

    def collect(self) -> Iterable[Metric]:
        """Return what is so now."""
        works = {("bus",): self.listening(), ("database",): self._database.is_answered()}
        yield metrics.gauge(
            f"{_CONTROLLER}_healthy", "1 for each part that works, 0 for one that does not", works, ["part"]
        )


class _Question:
    """A question that may hang, asked on a thread of its own; by one at a time, whoever wants to know."""

    def __init__(self, ask: Callable[[], None]) -> None:
        """``ask`` raises DatabaseUnavailable."""
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: futures.Future[bool] = futures.Future()
        self._answer.set_result(False)

    def is_answered(self) -> bool:
        """Return whether there is a good answer within a few seconds."""
        with self._lock:
            if self._answer.done():
                self._answer = futures.Future()
                threading.Thread(target=self._run, args=[self._answer], name="metrics-ask", daemon=True).start()
            answer = self._answer
        futures.wait([answer], _ANSWER)
        return answer.done() and answer.result()

    def _run(self, answer: futures.Future[bool]) -> None:
        try:
            self._ask()
        except exceptions.DatabaseUnavailable:
            answer.set_result(False)
        except Exception as error:
            answer.set_exception(error)
        else:
            answer.set_result(True)


class FleetMetrics:
    """All agents and links of the database, at the moment of the question."""

    def __init__(self, database: Database, liveness: Liveness) -> None:
        self._database = database
        self._liveness = liveness

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format; raise DatabaseUnavailable."""
        registry = CollectorRegistry()
        families = list(self._families())

        class Once:
            def collect(self) -> Iterable[Metric]:
                return families

        registry.register(Once())
        return prometheus_client.generate_latest(registry)

    def _families(self) -> Iterator[Metric]:
        agent = models.Agent
        with self._database.reader() as session:
            agents = session.execute(
                sqlalchemy.select(
                    agent.host,
                    agent.mode,
                    agent.ready,
                    agent.started_at,
                    agent.reported_at,
                    agent.health,
                    agent.counters,
                )
                .where(agent.deleted_at.is_(None))
                .order_by(agent.host)
            ).all()
            alive = {row.host: self._liveness.is_alive(row.reported_at) for row in agents}
            links = link_counts.shown(session, lambda host: alive.get(host, False))
            rollouts, hosts = counting.rollouts(session), counting.hosts(session)
            rings = collections.Counter((ring.host,) for ring in closed_rings.closed(session).values())
        yield from _of_agents(agents, alive, self._liveness.now())
        yield metrics.gauge(
            f"{_FLEET}_links",
            "Links by status and reason, as they are shown",
            links,
            ["host", "status", "reason"],
        )
        yield metrics.gauge(
            f"{_FLEET}_links_in_rings",
            "Links that are pieces of a ring through physical networks which nobody has allowed",
            dict(rings),
            ["host"],
        )
        yield from _of_templates(rollouts, hosts)


def _of_agents(
    agents: Sequence[sqlalchemy.Row[Any]], alive: Mapping[str, bool], now: datetime.datetime
) -> Iterator[Metric]:
    by_host = {(row.host,): row for row in agents}
    yield metrics.gauge(
        f"{_FLEET}_agent_up", "1 if the agent reports", {(host,): up for host, up in alive.items()}, ["host"]
    )
    yield metrics.gauge(
        f"{_FLEET}_agent_ready",
        "1 once the agent was in step with the controller",
        {key: row.ready for key, row in by_host.items()},
        ["host"],
    )
    yield metrics.gauge(
        f"{_FLEET}_agent_report_age_seconds",
        "Since the agent's last report",
        {key: max(0.0, (now - row.reported_at).total_seconds()) for key, row in by_host.items()},
        ["host"],
    )
    yield metrics.gauge(
        f"{_FLEET}_agent_start_time_seconds",
        "When the agent was started, by its clock",
        {key: row.started_at.timestamp() for key, row in by_host.items()},
        ["host"],
    )
    yield metrics.gauge(
        f"{_FLEET}_agent_mode",
        "1 for the mode that the agent is wanted in",
        {(row.host, row.mode): 1.0 for row in agents},
        ["host", "mode"],
    )
    yield metrics.gauge(
        f"{_FLEET}_agent_unhealthy",
        "1 for each part of an agent that does not work, nothing for one that does",
        {(row.host, str(reason["part"])): 1.0 for row in agents for reason in row.health},
        ["host", "part"],
    )
    yield from metrics.counters(f"{_FLEET}_agent", [((row.host,), row.counters) for row in agents], ["host"])


def _of_templates(rollouts: dict[tuple[str], int], hosts: dict[tuple[str, str], int]) -> Iterator[Metric]:
    yield metrics.gauge(
        f"{_FLEET}_rollouts", "Link templates by the state of their newest roll-out", rollouts, ["state"]
    )
    yield metrics.gauge(f"{_FLEET}_template_hosts", "Hosts of link templates by state", hosts, ["template", "state"])
