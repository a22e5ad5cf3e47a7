"""Pauses between attempts to reach the controller."""

import pytest

from vethagent.agent.delays import next_delay


@pytest.mark.parametrize(("interval", "longest"), [(1, 1), (30, 15), (600, 30)])
def test_delays_grow_and_end(interval: float, longest: float) -> None:
    delay = 0.0
    for _ in range(50):
        longer = next_delay(delay, interval)
        assert 0.5 <= longer <= longest
        delay = longer
    assert delay >= longest / 2
