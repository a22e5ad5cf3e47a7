"""When links passed each part of the way from a cast to what it asks for."""

import datetime
import time
from collections.abc import Callable, Iterable
from typing import Literal

from vethagent import model

#: Fields of model.Timing that are taken on the way.
Part = Literal["planned_at", "kernel_at", "ovsdb_at"]


class Stopwatch:
    """Thread-safe, bounded by the number of links: what was taken of one is gone with its next event."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock`` tells seconds since 1970, as others who see these times have clocks of their own."""
        self._clock = clock
        self._taken: dict[str, dict[str, float]] = {}

    def heard(self, link_id: str, cast_at: object) -> None:
        """A cast about a link was taken, and is news; ``cast_at`` is what it says of its start, in seconds since 1970.

        What was taken before belongs to another request.
        """
        times = {"heard_at": self._clock()}
        if isinstance(cast_at, float):
            times["cast_at"] = cast_at
        self._taken[link_id] = times

    def passed(self, part: Part, link_ids: Iterable[str]) -> None:
        """These links have passed ``part`` now; the last time counts, but for the beginning."""
        now = self._clock()
        for link_id in link_ids:
            times = self._taken.setdefault(link_id, {})
            times[part] = times.get(part, now) if part == "planned_at" else now

    def read(self, link_id: str) -> model.Timing | None:
        """Return the times of a link and forget them; None if there are none."""
        times = self._taken.pop(link_id, None)
        return model.Timing(**{part: _utc(at) for part, at in times.items()}) if times else None


def _utc(at: float) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromtimestamp(at, datetime.UTC)
    except (ValueError, OverflowError, OSError):  # what a message says may be anything
        return None
