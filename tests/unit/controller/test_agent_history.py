"""What happened to an agent, and what is told of it only once although several look."""

import datetime
import threading

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller import history
from vethagent.controller.agents import Agents
from vethagent.controller.damping import AGENT_LIMIT, LINK_LIMIT, REST
from vethagent.controller.db.database import Database
from vethagent.controller.errors import NotFound
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import AgentUpdate
from vethagent.controller.watch import Watch

CONTRACT = f"contract {model.MODEL_VERSION}"


@pytest.fixture
def watch(database: Database, liveness: Liveness) -> Watch:
    return Watch(database, liveness)


def kinds(agents: Agents) -> list[str]:
    return [each.kind for each in agents.history("h1")]


def test_two_hosts_with_one_name_are_told_of(
    agents: Agents, reports: Reports, clock: fakes.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = clock.now
    for seconds, started_at in ((0, first), (9, first + datetime.timedelta(seconds=5)), (9, first)):
        clock.advance(seconds)
        reports.take(fakes.report(started_at=started_at))
    assert kinds(agents) == ["NEW", "RESTARTED", "TWO_AGENTS"]
    assert "h1: one started at 2026-01-02T03:04:05Z reports after one started later, at 2026-01-02T03:04:10Z" in (
        caplog.text
    )


def test_each_change_is_there_with_who_when_and_why(agents: Agents, reports: Reports, clock: fakes.Clock) -> None:
    with pytest.raises(NotFound):
        agents.history("h1")
    reports.take(fakes.report(health={"ready": False}))
    reasons = [{"part": "ovsdb", "message": "no answer"}]
    clock.advance(30)
    reports.take(fakes.report(health={"ready": True, "reasons": reasons}))
    reports.take(fakes.report(health={"ready": True, "reasons": [{"part": "ovsdb", "message": "still no answer"}]}))
    agents.update(fakes.CONTEXT | {"user": "ann"}, "h1", AgentUpdate(mode="observe", labels={"rack": "7"}))
    reports.take(fakes.report(mode="observe", agent_version="2.0", started_at=clock.now))
    told = agents.history("h1")
    assert [(each.kind, each.message) for each in told] == [
        ("NEW", "version 1.2.3, mode enforce"),
        ("READY", "in step with the controller"),
        ("HEALTH", "ovsdb: no answer"),
        ("MODE_WANTED", "from enforce to observe"),
        ("LABELS", "rack=7"),
        ("UPGRADED", f"from version 1.2.3 with {CONTRACT} to 2.0 with {CONTRACT}"),
        ("RESTARTED", "started at 2026-01-02T03:04:35Z"),
        ("HEALTH", "nothing wrong"),
        ("MODE", "is in mode observe"),
    ]
    assert {each.changed_by for each in told} == {"agent h1", "user ann"}
    assert (told[3].request_id, told[1].changed_at) == ("req-1", clock.now)
    agents.update(fakes.CONTEXT, "h1", AgentUpdate(mode="observe"))
    reports.take(fakes.report(mode="observe", agent_version="2.0", started_at=clock.now))
    assert len(agents.history("h1")) == len(told), "nothing has changed"


def test_silence_is_noted_once_and_the_return_too(
    agents: Agents, reports: Reports, watch: Watch, clock: fakes.Clock
) -> None:
    reports.take(fakes.report())
    clock.advance(76)
    threads = [threading.Thread(target=watch.look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    reports.take(fakes.report())
    watch.look()
    told = agents.history("h1")
    assert [each.kind for each in told] == ["NEW", "DOWN", "REVIVED"]
    assert (told[1].changed_by, told[1].message) == ("controller", "no report since 2026-01-02T03:04:05Z")
    assert (told[1].changed_at - told[0].changed_at).total_seconds() == 75


def test_a_silence_that_no_controller_saw_is_in_history_too(
    agents: Agents, reports: Reports, clock: fakes.Clock
) -> None:
    reports.take(fakes.report())
    clock.advance(500)
    reports.take(fakes.report())
    assert kinds(agents) == ["NEW", "DOWN", "REVIVED"]


def test_one_that_was_deleted(agents: Agents, reports: Reports, watch: Watch, clock: fakes.Clock) -> None:
    reports.take(fakes.report())
    clock.advance(76)
    watch.look()
    agents.delete(fakes.CONTEXT, "h1")
    watch.look()
    assert kinds(agents) == ["NEW", "DOWN", "DELETED"]
    reports.take(fakes.report())
    assert kinds(agents)[3:] == ["REVIVED"]


def test_an_agent_that_comes_and_goes_is_damped(
    agents: Agents, reports: Reports, watch: Watch, clock: fakes.Clock
) -> None:
    reports.take(fakes.report())
    for _ in range(30):
        clock.advance(76)
        watch.look()
        reports.take(fakes.report())
        assert agents.show("h1").alive, "what is shown is so at once"
    told = kinds(agents)
    assert told.count("FLAPPING") == 1 and told[-1] == "FLAPPING"
    assert AGENT_LIMIT < len(told) < 20
    assert agents.show("h1").flapping
    agents.update(fakes.CONTEXT, "h1", AgentUpdate(mode="observe"))
    assert kinds(agents)[-1] == "MODE_WANTED", "what somebody does is always told"
    clock.advance(REST)
    reports.take(fakes.report())
    clock.advance(REST)
    reports.take(fakes.report())
    assert agents.show("h1").flapping, "it was silent meanwhile, which is a change"
    for _ in range(int(REST / 60)):
        clock.advance(60)
        reports.take(fakes.report())
    watch.look()
    last = agents.history("h1")[-1]
    assert (last.kind, last.changed_by) == ("STEADY", "controller")
    assert last.message.endswith("changes were not told; now: alive")
    assert not agents.show("h1").flapping
    watch.look()
    assert agents.history("h1")[-1] == last


@pytest.mark.usefixtures("known")
def test_a_link_that_flaps_is_damped(links: Links, events: Events, watch: Watch, clock: fakes.Clock) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    for seq in range(40):
        clock.advance(1)
        status = "DOWN" if seq % 2 else "ACTIVE"
        events.store(fakes.batch([fakes.event(link.id, seq, status=status)]))
        assert links.show(link.id).status == status
    told = [each.status for each in events.history(link.id)]
    assert told == ["BUILD", *["ACTIVE", "DOWN"] * 5, "ACTIVE", "FLAPPING"]
    assert len(told) == LINK_LIMIT + 3
    assert links.show(link.id).flapping
    clock.advance(REST)
    watch.look()
    last = events.history(link.id)[-1]
    assert (last.status, last.message) == (history.STEADY, "29 changes were not told; now: DOWN")
    assert not links.show(link.id).flapping
    events.store(fakes.batch([fakes.event(link.id, 100, status="ACTIVE")]))
    assert events.history(link.id)[-1].status == "ACTIVE"
