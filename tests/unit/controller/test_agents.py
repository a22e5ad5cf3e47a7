import concurrent.futures
import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy

from tests.unit.controller import fakes
from vethagent import exceptions, model
from vethagent.controller.agents import Agents
from vethagent.controller.db.database import Database
from vethagent.controller.errors import AgentAlive, Contradiction, NotFound, UnknownHost, UnknownMarker
from vethagent.controller.events import Events
from vethagent.controller.inventories import Inventories
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import AgentQuery, AgentUpdate, LinkQuery
from vethagent.model import Mode, Reason, Status


def test_the_first_report_makes_an_agent_known(reports: Reports, agents: Agents, clock: fakes.Clock) -> None:
    assert agents.list(AgentQuery()) == ([], False)
    reasons = [{"part": "ovsdb", "message": "no answer"}]
    reports.take(fakes.report(health={"ready": False, "reasons": reasons}))
    agent = agents.show("h1")
    assert agents.list(AgentQuery()) == ([agent], False)
    assert (agent.alive, agent.ready, agent.health[0].part) == (True, False, "ovsdb")
    assert (agent.mode, agent.reported_at, agent.contract_version) == (Mode.ENFORCE, clock.now, model.MODEL_VERSION)
    assert (agent.links, agent.drifted, agent.counters) == ({}, 0, {"plugs": 2})
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


def test_marks_of_links_of_other_hosts_are_named_in_a_pull(
    reports: Reports, links: Links, inventories: Inventories
) -> None:
    for host in ("h1", "h2"):
        reports.take(fakes.report(host))
    own, other = (links.create(fakes.CONTEXT, fakes.body(host=host)).id for host in ("h1", "h2"))
    pairs = [model.VethPair(devices=("a", "b"), bridges=(None, None), link_id=each) for each in (own, other)]
    port = model.BridgePort(device="c", link_id=str(uuid.UUID(int=7, version=4)))
    told = model.HostDescription(
        host="h1", pairs=tuple(pairs), bridges=(model.Bridge(name="br1", kind="linux", ports=(port,)),)
    )
    assert reports.host_state("h1").elsewhere == ()
    inventories.store(model.inventory(told))
    assert reports.host_state("h1").elsewhere == (other,)
    assert reports.host_state("h2").elsewhere == ()
    links.delete(fakes.CONTEXT, other)
    assert reports.host_state("h1").elsewhere == (), "it is to go where it was wanted"


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
    assert agents.list(AgentQuery()) == ([], False)


def _listed(agents: Agents, **query: Any) -> list[str]:
    return [agent.host for agent in agents.list(AgentQuery(**query))[0]]


def test_list_filters_and_sorts(reports: Reports, agents: Agents, clock: fakes.Clock) -> None:
    reports.take(fakes.report("b"))
    clock.advance(76)
    for host in ("c", "a"):
        reports.take(fakes.report(host))
        clock.advance(1)
    agents.update(fakes.CONTEXT, "c", AgentUpdate(mode=Mode.PAUSED))
    assert _listed(agents) == ["a", "b", "c"]
    assert _listed(agents, alive=True) == ["a", "c"]
    assert _listed(agents, alive=False) == ["b"]
    assert _listed(agents, mode=Mode.PAUSED) == ["c"]
    assert _listed(agents, host="b") == ["b"]
    assert _listed(agents, sort="reported_at:desc") == ["a", "c", "b"]
    assert _listed(agents, sort="mode") == ["a", "b", "c"]


#: In the order that most languages have, which is not that of the bytes.
HOSTS = ["a", "a-b", "ab", "B", "c10", "C2"]


@pytest.mark.parametrize("sort", [None, "host:desc", "mode,reported_at"])
def test_pages_have_each_agent_once(reports: Reports, agents: Agents, sort: str | None) -> None:
    for host in HOSTS:
        reports.take(fakes.report(host))
    seen: list[str] = []
    more, marker = True, None
    while more:
        page, more = agents.list(AgentQuery(limit=2, marker=marker, sort=sort))
        seen += [agent.host for agent in page]
        marker = seen[-1]
    assert seen == _listed(agents, sort=sort)
    assert seen == sorted(HOSTS, reverse=sort == "host:desc")


def test_a_page_after_an_agent_that_is_gone(reports: Reports, agents: Agents) -> None:
    reports.take(fakes.report("b"))
    assert _listed(agents, marker="a") == ["b"]
    with pytest.raises(UnknownMarker):
        agents.list(AgentQuery(marker="a", sort="mode"))


def test_links_are_counted_as_they_are_shown(
    reports: Reports, agents: Agents, links: Links, events: Events, clock: fakes.Clock
) -> None:
    for host in ("h1", "h2"):
        reports.take(fakes.report(host))
    made = [
        links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": f"a{number}"}, {"bridge": f"b{number}"}]))
        for number in range(3)
    ]
    drift = {"status": Status.DOWN, "reason": Reason.DRIFT, "kind": "drifted"}
    events.store(fakes.batch([fakes.event(made[0].id, 1), fakes.event(made[1].id, 2, **drift)]))
    both, _ = agents.list(AgentQuery(fields="host,links,drifted"))
    assert [(agent.host, agent.links, agent.drifted) for agent in both] == [
        ("h1", {"ACTIVE": 1, "DOWN": 1, "BUILD": 1}, 1),
        ("h2", {}, 0),
    ]
    clock.advance(76)
    silent = agents.show("h1")
    assert (silent.links, silent.drifted) == ({"DOWN": 3}, 0)
    assert len(links.list(LinkQuery(host="h1", status=Status.DOWN))[0]) == 3


def test_only_who_asks_for_it_waits_for_a_look_at_each_link(
    reports: Reports, agents: Agents, links: Links, database: Database
) -> None:
    reports.take(fakes.report())
    links.create(fakes.CONTEXT, fakes.body())
    assert not agents.list(AgentQuery())[0][0].desired_in_step
    assert not agents.list(AgentQuery(fields="desired_in_step"))[0][0].desired_in_step
    with _statements(database) as seen:
        agents.list(AgentQuery(fields="host,alive,links"))
    assert not [statement for statement in seen if "bridge_links.generation" in statement]


@contextlib.contextmanager
def _statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = database._engine  # that of all transactions
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)


def test_labels(reports: Reports, agents: Agents) -> None:
    for host in ("h1", "h2"):
        reports.take(fakes.report(host))
    agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={"rack": "7", "site": "cologne"}))
    agents.update(fakes.CONTEXT, "h2", AgentUpdate(labels={"rack": "8", "site": "cologne"}))
    assert _listed(agents, label="rack=7") == ["h1"]
    assert _listed(agents, label="rack,site=cologne") == ["h1", "h2"]
    agent = agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={"rack": None, "none": None, "row": "2"}))
    assert agent.labels == {"row": "2", "site": "cologne"}
    reports.take(fakes.report("h1"))
    assert agents.show("h1") == agent
    with pytest.raises(ValueError, match="labels"):
        AgentUpdate(labels=None)


def test_labels_do_not_become_more_and_more(reports: Reports, agents: Agents) -> None:
    reports.take(fakes.report())
    agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={f"l{number}": "" for number in range(64)}))
    with pytest.raises(Contradiction, match="there would be 65 then"):
        agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={"more": ""}))
    changed = agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={"l0": None, "l1": "7", "more": ""}))
    assert (len(changed.labels), changed.labels["l1"], changed.labels["more"]) == (64, "7", "")


def test_a_deleted_agent_leaves_its_links_and_comes_back(
    reports: Reports, agents: Agents, links: Links, clock: fakes.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = reports.take(fakes.report())
    link = links.create(fakes.CONTEXT, fakes.body())
    agents.update(fakes.CONTEXT, "h1", AgentUpdate(labels={"rack": "7"}, mode=Mode.OBSERVE, description="old"))
    with pytest.raises(AgentAlive):
        agents.delete(fakes.CONTEXT, "h1")
    clock.advance(76)
    assert agents.delete(fakes.CONTEXT, "h1").host == "h1"
    for gone in (agents.show, lambda host: agents.delete(fakes.CONTEXT, host)):
        with pytest.raises(NotFound):
            gone("h1")
    assert _listed(agents) == []
    shown = links.show(link.id)
    assert (shown.status, shown.reason) == (Status.DOWN, Reason.AGENT_DOWN)
    assert [each.id for each in links.list(LinkQuery(status=Status.DOWN))[0]] == [link.id]
    assert not agents.show("h1", deleted=True).alive
    with pytest.raises(UnknownHost):
        links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "b3"}, {"bridge": "b4"}]))
    assert "REVIVED" not in caplog.text

    answer = reports.take(fakes.report())
    assert caplog.text.count("REVIVED") == 1
    assert (answer.desired_digest, answer.mode) == (model.desired_digest([(link.id, 1)]), Mode.ENFORCE)
    assert answer.incarnation == before.incarnation
    agent = agents.show("h1")
    assert (agent.alive, agent.labels, agent.description) == (True, {}, None)
    assert links.show(link.id).status is Status.BUILD


def test_an_agent_that_was_silent_is_revived_once(
    reports: Reports, clock: fakes.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for seconds in (0, 30, 76, 30):
        clock.advance(seconds)
        reports.take(fakes.report())
    assert caplog.text.count("REVIVED") == 1


def test_a_report_is_stored_when_it_says_something_else(reports: Reports, agents: Agents, clock: fakes.Clock) -> None:
    for fields in ({}, {"counters": {"plugs": 3}}, {"health": {"ready": False}}, {"mode": "paused"}, {}):
        clock.advance(30)
        reports.take(fakes.report(**fields))
        said, shown = fakes.report(**fields), agents.show("h1")
        assert (shown.counters, shown.ready, shown.reported_mode) == (said.counters, said.health.ready, said.mode)
        assert shown.reported_at == clock.now


def test_of_two_reports_at_once_the_later_one_counts(reports: Reports, agents: Agents) -> None:
    both = [fakes.report(counters={"plugs": 1}), fakes.report(counters={"plugs": 2}), fakes.report("h2")]
    answers = reports._take(both)
    assert answers[0] == answers[1]
    assert agents.show("h1").counters == {"plugs": 2}
    assert reports._take(both[:2]) == answers[:2]


def test_two_controllers_revive_an_agent_once(
    reports: Reports, database: Database, liveness: Liveness, clock: fakes.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    reports.take(fakes.report())
    other = Reports(database, liveness)
    clock.advance(76)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(each.take, fakes.report()) for each in (reports, other)]:
            done.result(30)
    assert caplog.text.count("REVIVED") == 1
