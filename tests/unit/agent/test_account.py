"""What both sides hold of the same links, from what the controller's rows and the agent's words really look like."""

from typing import Any

from tests.unit.agent.builders import ids, state
from vethagent.agent import account
from vethagent.agent.outlook import Outlook
from vethagent.controller import digests
from vethagent.controller.digests import HeldLink
from vethagent.model import LinkState, Reason, Status

A, B = ids(2)


def held(link_id: str, generation: int, status: Status, reason: Reason, said: LinkState | None = None) -> HeldLink:
    reported = (said.generation, said.status, said.reason) if said else (None, None, None)
    return HeldLink(link_id, generation, status, reason, *reported)


def same(outlook: Outlook, told: list[LinkState], rows: list[HeldLink]) -> bool:
    rendered = account.render(outlook, told, whole=True)
    assert rendered.desired_digest == digests.desired(rows)
    return rendered.observed_digest == digests.observed(rows)


def going(**fields: Any) -> LinkState:
    return state(link_id=A, status=Status.PENDING_DELETE, **fields)


def test_a_link_that_is_wanted_and_of_which_nothing_was_said() -> None:
    assert same(Outlook({A: 1}, {}), [], [held(A, 1, Status.BUILD, Reason.PLUGGING)])


def test_a_link_that_was_said_to_be_there() -> None:
    said = state(link_id=A, generation=1)
    assert same(Outlook({A: 1}, {}), [said], [held(A, 1, Status.ACTIVE, Reason.NONE, said)])
    assert not same(Outlook({A: 1}, {}), [said], [held(A, 1, Status.BUILD, Reason.PLUGGING)])


def test_a_link_that_was_changed_since_it_was_said_to_be_there() -> None:
    said = state(link_id=A, generation=1)
    assert same(Outlook({A: 2}, {}), [said], [held(A, 2, Status.BUILD, Reason.PLUGGING, said)])


def test_a_link_that_is_to_go_and_of_which_only_older_things_were_said() -> None:
    said = state(link_id=A, generation=1)
    rows = [held(A, 2, Status.PENDING_DELETE, Reason.UNPLUGGING, said)]
    assert same(Outlook({}, {A: 2}), [said], rows)
    assert same(Outlook({}, {A: 2}), [], rows)


def test_a_link_that_cannot_go() -> None:
    said = going(generation=2, reason=Reason.OVSDB_UNAVAILABLE)
    assert same(Outlook({}, {A: 2}), [said], [held(A, 2, Status.PENDING_DELETE, Reason.OVSDB_UNAVAILABLE, said)])
    assert not same(Outlook({}, {A: 2}), [said], [held(A, 2, Status.PENDING_DELETE, Reason.UNPLUGGING)])


def test_what_is_counted() -> None:
    rendered = account.render(Outlook({A: 1, B: 1}, {}), [state(link_id=A, generation=1)], whole=True)
    assert rendered.links == {"ACTIVE": 1, "BUILD": 1}
