"""Long lists of values, of which a database takes a limited number in one statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

#: Values in one statement.
MOST = 500


def pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield ``values`` in pieces of ``MOST`` at most."""
    for start in range(0, len(values), MOST):
        yield values[start : start + MOST]
