import pytest

from tests.unit.controller import fakes
from vethagent import exceptions, model
from vethagent.controller.agents import Agents, Reports
from vethagent.controller.errors import NotFound
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.requests import AgentUpdate
from vethagent.model import Mode, Reason, Status


def test_the_first_report_makes_an_agent_known(reports: Reports, agents: Agents, clock: fakes.Clock) -> None:
    assert agents.list() == []
    reasons = [{"part": "ovsdb", "message": "no answer"}]
    reports.take(fakes.report(health={"ready": False, "reasons": reasons}))
    agent = agents.show("h1")
    assert agents.list() == [agent]
    assert (agent.alive, agent.ready, agent.health[0].part) == (True, False, "ovsdb")
    assert (agent.mode, agent.reported_at, agent.contract_version) == (Mode.ENFORCE, clock.now, model.MODEL_VERSION)
    assert (agent.links, agent.counters) == ({"ACTIVE": 1}, {"plugs": 2})
    with pytest.raises(NotFound):
        agents.show("h2")


def test_an_agent_dies_and_comes_back(reports: Reports, agents: Agents, clock: fakes.Clock) -> None:
    reports.take(fakes.report())
    clock.advance(76)
    assert not agents.show("h1").alive
    reports.take(fakes.report(agent_version="2" * 300))
    assert agents.show("h1").alive
    assert agents.show("h1").agent_version == "2" * 255


def test_digests_tell_an_agent_what_it_missed(reports: Reports, links: Links, events: Events, agents: Agents) -> None:
    empty = reports.take(fakes.report())
    assert empty.desired_digest == model.desired_digest([])
    link = links.create(fakes.CONTEXT, fakes.body())
    answer = reports.take(fakes.report())
    assert answer.desired_digest == model.desired_digest([(link.id, 1)])
    assert answer.observed_digest == model.observed_digest([(link.id, 1, Status.BUILD, Reason.PLUGGING)])
    assert not agents.show("h1").desired_in_step
    events.store(fakes.batch([fakes.event(link.id, 1)]))
    said = model.observed_digest([(link.id, 1, Status.ACTIVE, Reason.NONE)])
    answer = reports.take(fakes.report(desired_digest=answer.desired_digest, observed_digest=said))
    assert answer.observed_digest == said
    agent = agents.show("h1")
    assert agent.desired_in_step
    assert agent.observed_in_step


def test_that_an_agent_is_down_does_not_change_its_digest(
    reports: Reports, links: Links, events: Events, clock: fakes.Clock
) -> None:
    reports.take(fakes.report())
    link = links.create(fakes.CONTEXT, fakes.body())
    events.store(fakes.batch([fakes.event(link.id, 1)]))
    before = reports.take(fakes.report())
    clock.advance(1000)
    assert links.show(link.id).reason is Reason.AGENT_DOWN
    assert reports.take(fakes.report()) == before


def test_host_state(reports: Reports, links: Links, agents: Agents) -> None:
    assert reports.host_state("h1") == model.HostState(host="h1")
    reports.take(fakes.report())
    agents.update(fakes.CONTEXT, "h1", AgentUpdate(mode=Mode.OBSERVE))
    stays = links.create(fakes.CONTEXT, fakes.body())
    goes = links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    links.delete(fakes.CONTEXT, goes.id)
    state = reports.host_state("h1")
    assert [link.id for link in state.links] == [stays.id]
    assert state.deleted == (model.LinkRef(link_id=goes.id, generation=2, request_id="req-1"),)
    assert state.mode is Mode.OBSERVE
    assert reports.take(fakes.report()).desired_digest == model.desired_digest([(stays.id, 1)])


def test_update(reports: Reports, agents: Agents, agent_api: fakes.AgentApi) -> None:
    reports.take(fakes.report())
    agent = agents.update(fakes.CONTEXT, "h1", AgentUpdate(mode=Mode.PAUSED, description="rack 7"))
    assert (agent.mode, agent.reported_mode, agent.description) == (Mode.PAUSED, Mode.ENFORCE, "rack 7")
    assert agent_api.casts == [("set_mode", "h1", Mode.PAUSED)]
    assert agents.update(fakes.CONTEXT, "h1", AgentUpdate()).description == "rack 7"
    assert agents.update(fakes.CONTEXT, "h1", AgentUpdate(description=None)).description is None
    assert reports.take(fakes.report()).mode is Mode.PAUSED
    with pytest.raises(NotFound):
        agents.update(fakes.CONTEXT, "h2", AgentUpdate(mode=Mode.PAUSED))


def test_a_report_without_an_end_is_refused(reports: Reports, agents: Agents) -> None:
    with pytest.raises(exceptions.InvalidMessage):
        reports.take(fakes.report(report_interval=float("inf")))
    assert agents.list() == []
