import threading

import pytest
from prometheus_client import parser

from tests.unit.controller import fakes
from vethagent import exceptions
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import ControllerMetrics, FleetMetrics
from vethagent.controller.reports import Reports

CALLS = "vethagent_controller_call_duration_seconds_count"


class Samples(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    def of(self, name: str, **labels: str) -> float | None:
        return self.get((f"vethagent_fleet_{name}", frozenset(labels.items())))


@pytest.fixture
def fleet(database: Database, liveness: Liveness) -> FleetMetrics:
    return FleetMetrics(database, liveness)


def read(fleet: FleetMetrics) -> Samples:
    families = parser.text_string_to_metric_families(fleet.text().decode())
    return Samples(
        {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}
    )


def test_an_empty_fleet_is_no_error(fleet: FleetMetrics) -> None:
    assert read(fleet).of("agent_up", host="h1") is None


def test_each_host_is_shown_with_its_links(
    fleet: FleetMetrics, reports: Reports, links: Links, events: Events, clock: fakes.Clock
) -> None:
    counts = {"casts": 7, "drift_repaired_MTU": 2, "no name\n": 1}
    wrong = {"ready": False, "reasons": [{"part": "ovsdb", "message": "away"}]}
    reports.take(fakes.report("h1", counters=counts))
    reports.take(fakes.report("h2", health=wrong))
    link = links.create({}, fakes.body())
    events.store(fakes.batch([fakes.event(link.id, 1, status="ERROR", reason="LOOP")]))
    clock.advance(20)
    found = read(fleet)
    assert (found.of("agent_up", host="h1"), found.of("agent_ready", host="h1")) == (1, 1)
    assert found.of("agent_report_age_seconds", host="h1") == 20
    assert found.of("agent_start_time_seconds", host="h1") == round(fakes.START.timestamp(), 6)
    assert found.of("agent_ready", host="h2") == 0
    assert found.of("agent_unhealthy", host="h2", part="ovsdb") == 1
    assert found.of("agent_mode", host="h1", mode="enforce") == 1
    assert found.of("links", host="h1", status="ERROR", reason="LOOP") == 1
    assert found.of("agent_casts_total", host="h1") == 7
    assert found.of("agent_casts_total", host="h2") == 0
    assert found.of("agent_drift_repaired_total", host="h1", code="MTU") == 2


def test_links_of_a_silent_agent_are_down(
    fleet: FleetMetrics, known: str, links: Links, events: Events, clock: fakes.Clock
) -> None:
    link = links.create({}, fakes.body(host=known))
    events.store(fakes.batch([fakes.event(link.id, 1)]))
    assert read(fleet).of("links", host=known, status="ACTIVE", reason="") == 1
    clock.advance(76)
    found = read(fleet)
    assert found.of("agent_up", host=known) == 0
    assert found.of("links", host=known, status="ACTIVE", reason="") is None
    assert found.of("links", host=known, status="DOWN", reason="AGENT_DOWN") == 1


def test_calls_are_counted_by_what_came_of_them() -> None:
    metrics = ControllerMetrics(ping=lambda: None)
    with metrics.call("report_state"):
        pass
    with pytest.raises(exceptions.InvalidMessage), metrics.call("report_state"):
        raise exceptions.InvalidMessage("no")
    with pytest.raises(ZeroDivisionError), metrics.call("report_state"):
        _ = 1 / 0
    for result in ("ok", "refused", "failed"):
        labels = {"method": "report_state", "result": result}
        assert metrics.registry.get_sample_value(CALLS, labels) == 1


def test_events_are_counted_and_measured() -> None:
    metrics = ControllerMetrics(ping=lambda: None)
    metrics.happened([fakes.event(fakes.STREAM, 1, kind="repaired", took_ms=20.0), fakes.event(fakes.STREAM, 2)])
    value = metrics.registry.get_sample_value
    assert value("vethagent_controller_port_events_total", {"kind": "repaired"}) == 1
    assert value("vethagent_controller_port_events_total", {"kind": "changed"}) == 1
    assert value("vethagent_controller_operation_duration_seconds_sum", {"operation": "repair"}) == 0.02


def test_a_database_that_is_away_is_told() -> None:
    def ping() -> None:
        raise exceptions.DatabaseUnavailable("away")

    value = ControllerMetrics(ping=ping).registry.get_sample_value
    assert value("vethagent_controller_healthy", {"part": "database"}) == 0
    assert value("vethagent_controller_healthy", {"part": "bus"}) == 0


def test_a_database_that_hangs_holds_up_no_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.controller.metrics._ANSWER", 0.05)
    answers, asked, answered = threading.Event(), [], threading.Event()

    def ping() -> None:
        asked.append(1)
        answers.wait(20)
        answered.set()

    value = ControllerMetrics(ping=ping).registry.get_sample_value
    assert [value("vethagent_controller_healthy", {"part": "database"}) for _ in range(3)] == [0, 0, 0]
    assert len(asked) == 1, "scrapes in vain leave no more than one thread"
    answers.set()
    assert answered.wait(20)
    monkeypatch.setattr("vethagent.controller.metrics._ANSWER", 20)
    assert value("vethagent_controller_healthy", {"part": "database"}) == 1
