"""The helper dies or stands still between two steps of a batch, and so does the one that takes its place."""

import itertools

import pytest

from tests.functional.agent.half_done import OPERATED, Work, under_way
from tests.support import points

CONCURRENCY = ("eventlet", "threading")
#: What befalls the helper, and then the one that took its place.
HELPERS = list(itertools.zip_longest(points.HELPER, points.HELPER_MAKING))


@pytest.mark.parametrize(("fault", "other"), [("kill", "stop"), ("stop", "kill")])
@pytest.mark.parametrize(("name", "later"), HELPERS)
def test_the_helper_is_killed_and_stopped(work: Work, name: str, later: str | None, fault: str, other: str) -> None:
    helpers = work.node.helpers()
    with under_way(work, {name: fault, OPERATED: "stop"}) as batch:
        if later is None:
            batch.go_on()
        else:
            batch.strike(later, other)
    assert set(helpers).isdisjoint(work.node.helpers()), "it is not left standing there"
