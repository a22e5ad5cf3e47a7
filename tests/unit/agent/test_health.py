import oslo_messaging
import pytest

from vethagent import model
from vethagent.agent.health import Counters, HealthKeeper


@pytest.fixture
def health() -> HealthKeeper:
    return HealthKeeper()


@pytest.fixture
def changes(health: HealthKeeper) -> list[model.Health]:
    """What is reported at each change, by one who asks for it as the change is told."""
    told: list[model.Health] = []
    health.changed = lambda: told.append(health.state())
    return told


def test_at_first_nothing_is_wrong_and_it_is_not_ready(health: HealthKeeper) -> None:
    assert health.state() == model.Health(ready=False, reasons=()) and not health.state().degraded


def test_a_part_that_fails_is_told_once_and_its_recovery_once(
    health: HealthKeeper, changes: list[model.Health]
) -> None:
    health.good("bus")
    assert changes == []
    health.bad("bus", "refused")
    health.bad("bus", "timed out")
    assert len(changes) == 1 and changes[0].degraded
    assert health.state().reasons == (model.HealthReason(part="bus", message="timed out"),)
    health.good("bus")
    health.good("bus")
    assert [each.degraded for each in changes] == [True, False]


def test_the_traceback_of_another_process_is_not_told(health: HealthKeeper) -> None:
    health.bad("bus", str(oslo_messaging.RemoteError("DBError", "no such table", ["Traceback ..."])))
    assert [each.message for each in health.state().reasons] == ["Remote error: DBError no such table"]


def test_parts_are_told_apart(health: HealthKeeper, changes: list[model.Health]) -> None:
    health.bad("privsep", "no helper")
    health.bad("ovsdb", "no server")
    health.good("privsep")
    assert [reason.part for reason in health.state().reasons] == ["ovsdb"]
    assert [[reason.part for reason in each.reasons] for each in changes] == [
        ["privsep"],
        ["ovsdb", "privsep"],
        ["ovsdb"],
    ]


def test_ready_is_told_once(
    health: HealthKeeper, changes: list[model.Health], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        health.ready()
        health.ready()
    assert [each.ready for each in changes] == [True]
    # devstack/lib/vethagent waits for these words
    assert caplog.messages == ["in step with the controller"]


def test_counts_rise() -> None:
    counters = Counters()
    counters.add("casts")
    counters.add("casts", 2)
    before = counters.all()
    counters.add("syncs")
    assert (before, counters.all()) == ({"casts": 3}, {"casts": 3, "syncs": 1})
