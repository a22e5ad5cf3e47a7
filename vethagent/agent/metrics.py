"""What Prometheus is told of an agent; read when it asks, so nothing is counted twice."""

import collections
import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from vethagent import metrics, model
from vethagent.agent.desired import Desired
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.journal import Journal
from vethagent.agent.outbox import Outbox

_PREFIX = "vethagent_agent"


class AgentMetrics:
    """A registry of its own; ``watch`` is called once the parts are there."""

    def __init__(self, *, host: str, version: str, counters: Counters, health: HealthKeeper) -> None:
        self._host = host
        self._version = version
        self._counters = counters
        self._health = health
        self._started_at = time.time()
        self._states: Callable[[], Iterable[model.LinkState]] = lambda: ()
        self._mode: Callable[[], model.Mode | None] = lambda: None
        self._queues: dict[str, Callable[[], int]] = {}
        self._report_age: Callable[[], float | None] = lambda: None
        self.registry = CollectorRegistry()
        self._seconds = metrics.OperationSeconds(
            _PREFIX, "From the first notice until a link was plugged, unplugged or repaired", self.registry
        )
        self.registry.register(self)

    def watch(
        self,
        *,
        desired: Desired,
        journal: Journal,
        inbox: Inbox,
        outbox: Outbox,
        report_age: Callable[[], float | None],
    ) -> None:
        """Read these from now on; ``report_age`` is seconds since the last report that arrived, None before it."""
        self._states = journal.states
        self._mode = lambda: desired.mode
        self._queues = {"inbox": inbox.depth, "outbox": outbox.depth}
        self._report_age = report_age

    def happened(self, event: model.PortEvent) -> None:
        """Take the time that ``event`` tells."""
        self._seconds.happened(event.kind, event.took_ms)

    def collect(self) -> Iterable[Metric]:
        """Return everything as it is now."""
        health, mode, age = self._health.state(), self._mode(), self._report_age()
        wrong = {reason.part for reason in health.reasons}
        links = collections.Counter(state.status for state in self._states())
        about = {(self._host, self._version): 1.0}
        yield metrics.gauge(f"{_PREFIX}_info", "Which agent this is", about, ["host", "version"])
        yield metrics.gauge(f"{_PREFIX}_start_time_seconds", "When it started, by its clock", {(): self._started_at})
        yield metrics.gauge(
            f"{_PREFIX}_mode", "1 for the mode that it is in", {(each,): each is mode for each in model.Mode}, ["mode"]
        )
        yield metrics.gauge(f"{_PREFIX}_ready", "1 once it was in step with the controller", {(): health.ready})
        parts = sorted({*metrics.PARTS, *wrong})
        works = {(part,): part not in wrong for part in parts}
        yield metrics.gauge(
            f"{_PREFIX}_healthy", "1 for each part that works, 0 for one that does not", works, ["part"]
        )
        yield metrics.gauge(
            f"{_PREFIX}_links", "Links by status", {(each,): links[each] for each in model.Status}, ["status"]
        )
        depths = {(queue,): depth() for queue, depth in self._queues.items()}
        yield metrics.gauge(f"{_PREFIX}_queue_depth", "What waits: to be looked at, to be told", depths, ["queue"])
        if age is not None:
            yield metrics.gauge(f"{_PREFIX}_report_age_seconds", "Since the last report that arrived", {(): age})
        yield from metrics.counters(_PREFIX, [((), self._counters.all())])
