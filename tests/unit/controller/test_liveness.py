import datetime

import pytest

from tests.unit.controller import fakes
from vethagent.controller.agents import Agents
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness, Shown
from vethagent.controller.requests import AgentQuery, LinkQuery
from vethagent.model import Reason, Status

HELD = Shown(Status.ACTIVE, Reason.NONE, "", fakes.START)


def test_alive_to_the_last_second() -> None:
    liveness = Liveness(75, fakes.Clock())
    assert liveness.is_alive(fakes.START - datetime.timedelta(seconds=75))
    assert not liveness.is_alive(fakes.START - datetime.timedelta(seconds=75, microseconds=1))


def test_who_reports_in_times_to_come_is_dead() -> None:
    """The clock was set back since. A little later is another controller's clock."""
    liveness = Liveness(75, fakes.Clock())
    ahead = fakes.START + datetime.timedelta(hours=3)
    assert liveness.is_alive(fakes.START + datetime.timedelta(minutes=10))
    assert not liveness.is_alive(ahead)
    shown = liveness.shown(HELD, ahead)
    assert (shown.status, shown.reason, shown.changed_at) == (Status.DOWN, Reason.AGENT_DOWN, fakes.START)
    assert "set back" in shown.message


def test_nobody_is_silent_for_a_clock_that_was_set() -> None:
    """For as long as an agent may be silent, and who was before is still."""
    for moved in (datetime.timedelta(hours=3), datetime.timedelta(hours=-3)):
        liveness = Liveness(75, fakes.Clock(), {75.0: fakes.START - moved}.get)
        assert liveness.is_alive(fakes.START - moved - datetime.timedelta(seconds=75))
        assert liveness.is_alive(fakes.START)
        assert not liveness.is_alive(fakes.START - moved - datetime.timedelta(seconds=76))
        assert not liveness.is_alive(fakes.START - datetime.timedelta(seconds=76))


def test_links_of_a_silent_agent_are_down_since_it_was_missed() -> None:
    reported_at = fakes.START - datetime.timedelta(seconds=100)
    shown = Liveness(75, fakes.Clock()).shown(HELD, reported_at)
    assert (shown.status, shown.reason) == (Status.DOWN, Reason.AGENT_DOWN)
    assert shown.changed_at == fakes.START - datetime.timedelta(seconds=25)
    assert "75 seconds" in shown.message


@pytest.mark.parametrize(("status", "age"), [(Status.ACTIVE, 1), (Status.PENDING_DELETE, 1000)])
def test_otherwise_what_is_held_is_shown(status: Status, age: int) -> None:
    held = Shown(status, Reason.NONE, "", fakes.START)
    assert Liveness(75, fakes.Clock()).shown(held, fakes.START - datetime.timedelta(seconds=age)) == held


@pytest.mark.usefixtures("known")
def test_all_who_judge_say_the_same(links: Links, agents: Agents, events: Events, clock: fakes.Clock) -> None:
    """The value that is shown, the database that selects and sorts, and the counts."""
    made = [links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": "br1"}, {"bridge": f"b{n}"}])) for n in range(3)]
    events.store(fakes.batch([fakes.event(made[0].id, 1)]))
    links.delete(fakes.CONTEXT, made[2].id)
    for age, wanted in (
        (75, ["ACTIVE", "BUILD", "PENDING_DELETE"]),
        (1, ["DOWN", "DOWN", "PENDING_DELETE"]),
        (-7200, ["DOWN", "DOWN", "PENDING_DELETE"]),
    ):
        clock.advance(age)
        shown = links.list(LinkQuery(sort="status"))[0]
        assert [link.status for link in shown] == wanted
        for status in Status:
            selected = links.list(LinkQuery(status=status))[0]
            assert [link.status for link in selected] == [status] * wanted.count(status)
        counts = {status: wanted.count(status) for status in wanted}
        alive = "DOWN" not in wanted
        [agent] = agents.list(AgentQuery(alive=alive))[0]
        assert (agent.alive, agent.links) == (alive, counts)
        assert agents.list(AgentQuery(alive=not alive))[0] == []
