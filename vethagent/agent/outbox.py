"""Port events on their way to the controller: a queue that keeps the newest state of each link."""

import collections
import threading

from vethagent import model

#: Events of one link that leave together at most.
_TIMES = 2


class Outbox:
    """Thread-safe, bounded by the number of links. What is taken has to be confirmed or given back."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._events: dict[str, model.PortEvent] = {}
        self._returned: list[model.PortEvent] = []
        self._in_flight = 0
        self._puts = self._seq = 0
        self._closed = False

    def put(self, event: model.PortEvent) -> None:
        """Queue an event; one of the same link that has not left yet is merged into it."""
        with self._condition:
            self._puts += 1
            waiting = self._events.pop(event.state.link_id, None)
            self._events[event.state.link_id] = _merged(waiting, event)
            self._condition.notify()

    def take(self, most: int, timeout: float | None = None) -> list[model.PortEvent]:
        """Return up to ``most`` events in order, waiting for the first; none when closed or after ``timeout`` s.

        They are numbered only now, so that the numbers which arrive have no gap although some events were merged.

        With what was given back goes what is newer: the controller should not see first how a link was before an
        outage. But once for each link, or a long one would end with all that has been meanwhile.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._returned or self._events or self._closed, timeout)
            taken, self._returned = self._returned, []
            times = collections.Counter(event.state.link_id for event in taken)
            news = [link_id for link_id in self._events if times[link_id] < _TIMES]
            taken = taken + [self._number(link_id) for link_id in news[: max(0, most - len(taken))]]
            self._in_flight = len(taken)
            return taken

    def confirm(self) -> None:
        """What was taken has arrived."""
        with self._condition:
            self._in_flight = 0

    def give_back(self, events: list[model.PortEvent]) -> None:
        """What was taken has perhaps not arrived: it goes again, before all else and as it is.

        Merged with something newer, a repair that did arrive would be counted twice.
        """
        with self._condition:
            self._in_flight = 0
            self._returned = events

    def close(self) -> None:
        """Let ``take`` return at once from now on."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def depth(self) -> int:
        """Return how many events have not arrived."""
        with self._condition:
            return len(self._returned) + len(self._events) + self._in_flight

    def position(self) -> tuple[int, bool]:
        """Return (how many events there have been, whether all have arrived)."""
        with self._condition:
            return self._puts, not (self._returned or self._events or self._in_flight)

    def _number(self, link_id: str) -> model.PortEvent:
        self._seq += 1
        return self._events.pop(link_id).model_copy(update={"seq": self._seq})


def _merged(waiting: model.PortEvent | None, event: model.PortEvent) -> model.PortEvent:
    """Return ``event`` with what an older one of the same link, not yet told, had to say of repairs."""
    if waiting is None or not waiting.repaired or event.kind is model.EventKind.UNPLUGGED:
        return event
    told = {(d.code, d.device) for d in event.repaired}
    kept = tuple(d for d in waiting.repaired if (d.code, d.device) not in told)
    return event.model_copy(update={"repaired": kept + event.repaired})
