import datetime
from typing import Any

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller.agents import Agents
from vethagent.controller.diagnosis import Diagnosis, diagnose
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.reports import Reports
from vethagent.controller.requests import EventQuery, LinkQuery

GOOD: dict[str, Any] = {"present": True, "up": True, "carrier": True, "mtu": 1500}


def ends(**second: Any) -> list[dict[str, Any]]:
    first = {"bridge": "br1", "kind": "linux", "device": "phy-br1", "attached_to": "br1"} | GOOD
    other = {"bridge": "br2", "kind": "ovs", "device": "eth1-br1", "attached_to": "br2", "ofport": 3} | GOOD
    return [first | {"ifindex": 6, "peer_ifindex": 7}, other | {"ifindex": 7, "peer_ifindex": 6} | second]


@pytest.fixture
def link_id(links: Links, known: str) -> str:
    return links.create(fakes.CONTEXT, fakes.body()).id


@pytest.fixture
def ask(links: Links, agents: Agents, events: Events, link_id: str) -> Any:
    def ask() -> Diagnosis:
        told = events.list(EventQuery(link_id=link_id))
        return diagnose(links.show(link_id), agents.show("h1"), told[::-1], changes=agents.changes("h1"))

    return ask


def unmet(found: Diagnosis) -> dict[str, tuple[str, str]]:
    return {each.name: (each.wanted, each.observed) for each in found.conditions if not each.met}


def test_all_is_well(ask: Any, events: Events, link_id: str) -> None:
    events.store(fakes.batch([fakes.event(link_id, 1, ends=ends())]))
    found = ask()
    assert (found.sentence, unmet(found)) == ("The link is as wanted.", {})
    assert {"agent alive", "phy-br1 carrier", "eth1-br1 ofport", "pair"} <= {each.name for each in found.conditions}


def test_all_is_well_but_for_a_ring(links: Links, agents: Agents, events: Events, link_id: str) -> None:
    events.store(fakes.batch([fakes.event(link_id, 1, ends=ends())]))
    found = diagnose(links.show(link_id), agents.show("h1"), [], ring="br1 of h1 - one - br1 of h2")
    assert found.sentence == "The link is as wanted, and closes a ring: br1 of h1 - one - br1 of h2."
    assert unmet(found) == {"physical networks": ("no ring", "br1 of h1 - one - br1 of h2")}


def test_all_is_well_but_for_a_loop(links: Links, agents: Agents, events: Events, link_id: str) -> None:
    events.store(fakes.batch([fakes.event(link_id, 1, ends=ends())]))
    found = diagnose(links.show(link_id), agents.show("h1"), [], loop="br1 - br2 - br-eth1")
    assert found.sentence == "The link is as wanted, and closes a loop: br1 - br2 - br-eth1."
    assert unmet(found) == {"bridges": ("no other way", "br1 - br2 - br-eth1")}


def test_a_link_that_may_carry_nothing_though_it_is_as_wanted(
    ask: Any, events: Events, reports: Reports, links: Links, link_id: str
) -> None:
    health = {"ready": True, "reasons": [{"part": "vswitchd", "message": "ovs-vswitchd hangs"}]}
    events.store(fakes.batch([fakes.event(link_id, 1, ends=ends())]))
    other = links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "br3"}, {"bridge": "br4"}])).id
    linux = [{"bridge": bridge, "kind": "linux", "device": bridge + "d"} for bridge in ("br3", "br4")]
    events.store(fakes.batch([fakes.event(other, 2, ends=linux)]))
    reports.take(fakes.report("h1", health=health))
    shown = links.show(link_id)
    assert (shown.status, shown.message) == ("ACTIVE", "packets may not pass: ovs-vswitchd hangs")
    assert ask().sentence == "The link is as wanted, but packets may not pass: ovs-vswitchd hangs."
    assert {each.id: each.message for each in links.list(LinkQuery())[0]} == {link_id: shown.message, other: ""}
    reports.take(fakes.report("h1"))
    assert links.show(link_id).message == ""


def test_nobody_knows_how_a_link_is_while_its_agent_is_paused(
    ask: Any, events: Events, reports: Reports, link_id: str
) -> None:
    events.store(fakes.batch([fakes.event(link_id, 1, ends=ends())]))
    reports.take(fakes.report(mode="paused"))
    was = "The link was as wanted when the agent of h1 was paused, which has not looked at it since."
    assert (ask().sentence, unmet(ask())) == (was, {"agent mode": ("enforce", "paused")})


def test_nothing_was_heard_yet(ask: Any) -> None:
    found = ask()
    assert "has not told of generation 1 yet" in found.sentence
    assert unmet(found) == {"generation": ("1", "none yet")}


def test_the_first_that_is_wrong_makes_the_sentence(ask: Any, events: Events, link_id: str) -> None:
    events.store(fakes.batch([fakes.event(link_id, 1, status="DOWN", reason="DRIFT", ends=ends(attached_to=None))]))
    found = ask()
    assert found.sentence == "eth1-br1 attached to: wanted is br2, it is none."
    assert unmet(found) == {"eth1-br1 attached to": ("br2", "none")}


def test_what_the_agent_says_comes_first(ask: Any, events: Events, link_id: str) -> None:
    said = {"status": "ERROR", "reason": "LOOP", "message": "br1 and br2 are joined already", "ends": []}
    events.store(fakes.batch([fakes.event(link_id, 1, **said)]))
    assert ask().sentence == "LOOP: br1 and br2 are joined already"


def test_since_when_it_is_so(ask: Any, events: Events, link_id: str) -> None:
    for seq, ofport in enumerate([3, -1, -1]):
        at = fakes.START + datetime.timedelta(seconds=seq)
        state = {"status": "DOWN", "reason": "PORT_ERROR", "ends": ends(ofport=ofport)}
        events.store(fakes.batch([fakes.event(link_id, seq, observed_at=at, **state)]))
    conditions = {each.name: each for each in ask().conditions}
    assert conditions["eth1-br1 ofport"].since == fakes.START + datetime.timedelta(seconds=1)
    assert conditions["eth1-br1 up"].since == fakes.START
    assert not conditions["eth1-br1 ofport"].met


def test_since_when_the_agent_is_so(
    ask: Any, events: Events, reports: Reports, link_id: str, clock: fakes.Clock
) -> None:
    def since() -> dict[str, datetime.datetime | None]:
        return {each.name: each.since for each in ask().conditions if each.name.startswith(("agent", "generation"))}

    known_at = clock.now
    assert set(since().values()) == {known_at}, "all is so since the agent is known, and the link was made then"
    clock.advance(5)
    healths = {"ready": True, "reasons": [{"part": "ovsdb", "message": "no answer"}]}
    reports.take(fakes.report(mode="observe", health=healths))
    told_at = fakes.START + datetime.timedelta(seconds=9)
    for seq in range(2):
        at = told_at + datetime.timedelta(seconds=seq)
        events.store(fakes.batch([fakes.event(link_id, seq, observed_at=at, ends=ends())]))
    changed = {"agent alive": known_at, "agent healthy": clock.now, "agent mode": clock.now, "generation": told_at}
    assert since() == changed
    clock.advance(76)
    reports.take(fakes.report(mode="observe", health=healths))
    assert since() == changed | {"agent alive": clock.now}


def test_the_agent_is_what_is_wrong(ask: Any, events: Events, reports: Reports, link_id: str, clock: Any) -> None:
    events.store(fakes.batch([fakes.event(link_id, 1, status="DOWN", reason="DRIFT", ends=ends())]))
    health = {"ready": True, "reasons": [{"part": "ovsdb", "message": "no answer"}]}
    reports.take(fakes.report(mode="paused", health=health))
    found = ask()
    assert "is paused" in found.sentence
    assert unmet(found) == {"agent mode": ("enforce", "paused"), "agent healthy": ("nothing wrong", "ovsdb: no answer")}
    clock.advance(100)
    assert ask().sentence.startswith("Nobody knows: the agent of h1 reported last at")


def test_an_agent_that_only_observes(ask: Any, events: Events, reports: Reports, link_id: str) -> None:
    said = {"status": "DOWN", "reason": "DRIFT", "message": "phy-br1: MTU is 1400, wanted 1500", "ends": ends()}
    events.store(fakes.batch([fakes.event(link_id, 1, **said)]))
    reports.take(fakes.report(mode="observe"))
    assert ask().sentence == (
        "The agent of h1 only observes, so it does not repair the link. DRIFT: phy-br1: MTU is 1400, wanted 1500"
    )


def test_differences_are_conditions(ask: Any, events: Events, link_id: str) -> None:
    difference = model.Difference(code="MTU", device="phy-br1", wanted="1500", observed="1400")
    state = {"status": "DOWN", "reason": "DRIFT", "ends": ends(), "differences": [difference.model_dump()]}
    events.store(fakes.batch([fakes.event(link_id, 1, **state)]))
    assert unmet(ask()) == {"phy-br1 MTU": ("1500", "1400")}
