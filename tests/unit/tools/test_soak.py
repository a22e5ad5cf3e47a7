"""What a soak finds out by itself."""

import pytest

from tools.soak import verdict


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [1, 2, 3],
        [1, 2, 1, 2, 3, 1],
        # The agent of 3 was killed while the controller stood still.
        [1, 2, 1, 3, 2],
    ],
)
def test_port_events_that_were_told_once(numbers: list[int]) -> None:
    assert verdict.misnumbered(numbers) == []


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 2, 2, 3], [1, 2, 3, 2, 3], [1, 2, 3, 1, 2, 2]])
def test_port_events_that_were_lost_or_counted_twice(numbers: list[int]) -> None:
    assert verdict.misnumbered(numbers)
