import pathlib
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.unit.agent import builders
from vethagent import agent, metrics, model
from vethagent.agent.desired import Desired
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.journal import Journal
from vethagent.agent.metrics import AgentMetrics
from vethagent.agent.outbox import Outbox
from vethagent.agent.store import Store
from vethagent.model import Mode


class Parts:
    """An agent's parts, as far as they are measured."""

    def __init__(self) -> None:
        self.counters, self.health = Counters(), HealthKeeper()
        self.metrics = AgentMetrics(host="h1", version="1.2.3", counters=self.counters, health=self.health)
        self.inbox, self.outbox = Inbox(), Outbox()
        self.told: list[model.PortEvent] = []
        self.journal = Journal(self.told.append)
        self.desired = Desired(Store(":memory:"))
        self.age: float | None = None

    def watch(self) -> None:
        self.metrics.watch(
            desired=self.desired,
            journal=self.journal,
            inbox=self.inbox,
            outbox=self.outbox,
            report_age=lambda: self.age,
        )

    def value(self, name: str, **labels: str) -> float | None:
        return value(self.metrics.registry, name, **labels)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"vethagent_agent_{name}", labels)


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_before_the_start_there_is_something_to_read(parts: Parts) -> None:
    assert b"vethagent_agent_info" in generate_latest(parts.metrics.registry)
    assert parts.value("report_age_seconds") is None


def test_what_was_never_counted_is_zero(parts: Parts) -> None:
    assert parts.value("netlink_overflows_total") == 0
    assert parts.value("operation_duration_seconds_count", operation="repair") == 0


def test_counts_have_labels_where_their_names_have_parts(parts: Parts) -> None:
    parts.counters.add("drift_found_DEVICE_MISSING", 3)
    parts.counters.add("events_failed")
    parts.counters.add("of_tomorrow")
    assert parts.value("drift_found_total", code="DEVICE_MISSING") == 3
    assert parts.value("port_events_total", kind="failed") == 1
    assert parts.value("of_tomorrow_total") == 1


def test_a_count_of_somebody_else_is_read_when_it_is_asked_for(parts: Parts) -> None:
    restarts = [0]
    parts.counters.include("helper_restarts", lambda: restarts[0])
    restarts[0] = 2
    assert parts.value("helper_restarts_total") == 2
    assert parts.counters.all() == {"helper_restarts": 2}


def test_each_part_works_or_does_not(parts: Parts) -> None:
    parts.health.bad("ovsdb", "refused")
    assert (parts.value("healthy", part="ovsdb"), parts.value("healthy", part="bus")) == (0, 1)
    parts.health.good("ovsdb")
    assert parts.value("healthy", part="ovsdb") == 1


def test_all_that_the_agent_speaks_of_is_shown_from_the_start(parts: Parts) -> None:
    said = "".join(source.read_text() for source in pathlib.Path(agent.__file__).parent.glob("*.py"))
    assert set(re.findall(r'health\.bad\(\s*"(\w+)"', said)) == set(metrics.PARTS)
    counted = set(re.findall(r'counters\.(?:add|include)\(\s*"(\w+)"', said))
    assert "taken_back" in counted
    assert {name: parts.value(f"{name}_total") for name in counted} == dict.fromkeys(counted, 0)


def test_a_part_that_nobody_knew_of_is_shown_too(parts: Parts) -> None:
    parts.health.bad("moon", "too far")
    assert parts.value("healthy", part="moon") == 0


def test_links_mode_queues_and_age_are_read_when_they_are_asked_for(parts: Parts) -> None:
    parts.watch()
    parts.journal.tell(builders.state())
    parts.inbox.mark(["a", "b"])
    parts.outbox.put(parts.told[0])
    parts.desired.set_mode(Mode.OBSERVE)
    parts.age = 12.5
    assert (parts.value("links", status="ACTIVE"), parts.value("links", status="DOWN")) == (1, 0)
    assert (parts.value("queue_depth", queue="inbox"), parts.value("queue_depth", queue="outbox")) == (2, 1)
    assert (parts.value("mode", mode="observe"), parts.value("mode", mode="enforce")) == (1, 0)
    assert parts.value("report_age_seconds") == 12.5


def test_what_an_event_took_is_in_seconds(parts: Parts) -> None:
    parts.journal.tell(builders.state())
    event = parts.told[0]
    parts.metrics.happened(event.model_copy(update={"took_ms": 1500.0}))
    parts.metrics.happened(event.model_copy(update={"took_ms": None}))
    parts.metrics.happened(event.model_copy(update={"kind": model.EventKind.CHANGED}))
    assert parts.value("operation_duration_seconds_sum", operation="plug") == 1.5
    assert parts.value("operation_duration_seconds_bucket", operation="plug", le="1.0") == 0
    assert parts.value("operation_duration_seconds_count", operation="plug") == 1
