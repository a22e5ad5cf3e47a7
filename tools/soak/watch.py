"""Pings over a link that nobody touches."""

from collections.abc import Callable

from tests.support import hosts, traffic
from tools.soak.record import Record

#: Seconds in which everything has to be whole again, on a machine that is busy.
PATIENCE = 240.0


class Watch:
    """Pings in spans: what is between the end of one and the beginning of the next does not count."""

    def __init__(
        self,
        way: str,
        source: hosts.Guest,
        target: hosts.Guest,
        record: Record,
        *,
        interval: float,
        hint: Callable[[], str] = str,
    ) -> None:
        """``interval`` is in seconds, between two pings; ``hint`` is asked for what may be the cause of a loss."""
        self._hint = hint
        self._interval = interval
        self._way = way
        self._source = source
        self._target = target
        self._record = record
        self._pings: traffic.Pings | None = None

    def begin(self) -> None:
        """Begin a span, when the first ping is answered."""
        traffic.wait_for_ping(self._source, self._target.address, timeout=PATIENCE)
        self._pings = traffic.Pings(self._source, self._target.address, interval=self._interval)
        self._pings.__enter__()

    def end(self) -> None:
        """End a span and count what was lost in it."""
        pings, self._pings = self._pings, None
        if pings is None:
            return
        try:
            pings.wait_for_answers(1, timeout=PATIENCE)
        finally:
            pings.__exit__(None, None, None)
        lost = pings.lost()
        self._record.traffic(self._way, answered=len(pings.answered()), lost=len(lost))
        if lost:
            self._record.problem(
                f"{self._source.role}: {len(lost)} pings were lost {self._way}, first {lost[:5]}{self._hint()}"
            )
