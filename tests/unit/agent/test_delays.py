"""Pauses between attempts to reach the controller."""

import pytest

from vethagent.agent.delays import next_delay, next_report


@pytest.mark.parametrize(("interval", "longest"), [(1, 1), (30, 15), (600, 30)])
def test_delays_grow_and_end(interval: float, longest: float) -> None:
    delay = 0.0
    for _ in range(50):
        longer = next_delay(delay, interval)
        assert 0.5 <= longer <= longest
        delay = longer
    assert delay >= longest / 2


@pytest.mark.parametrize(("alone", "least"), [(True, 27), (False, 3)])
def test_reports_are_apart(alone: bool, least: float) -> None:
    pauses = [next_report(30, alone=alone) for _ in range(200)]
    assert least <= min(pauses) < max(pauses) <= 33
    assert max(pauses) - min(pauses) > (33 - least) / 2
