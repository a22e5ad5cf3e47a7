import datetime

import pytest

from tests.unit.controller import fakes
from vethagent.controller.liveness import Liveness, Shown
from vethagent.model import Reason, Status

HELD = Shown(Status.ACTIVE, Reason.NONE, "", fakes.START)


def test_alive_to_the_last_second() -> None:
    liveness = Liveness(75, fakes.Clock())
    assert liveness.is_alive(fakes.START - datetime.timedelta(seconds=75))
    assert not liveness.is_alive(fakes.START - datetime.timedelta(seconds=75, microseconds=1))


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
