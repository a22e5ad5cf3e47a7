"""Port events on their way to the controller: a queue that keeps the newest state of each link."""

import threading

from vethagent import model


class Outbox:
    """Thread-safe, bounded by the number of links. What is taken has to be confirmed or given back."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._events: dict[str, model.PortEvent] = {}
        self._returned: list[model.PortEvent] = []
        self._in_flight = 0
        self._seq = 0
        self._closed = False

    def put(self, event: model.PortEvent) -> None:
        """Queue an event; one of the same link that has not left yet is merged into it."""
        with self._condition:
            self._seq += 1
            waiting = self._events.pop(event.state.link_id, None)
            self._events[event.state.link_id] = _merged(waiting, event, self._seq)
            self._condition.notify()

    def take(self, most: int, timeout: float | None = None) -> list[model.PortEvent]:
        """Return up to ``most`` events in order, waiting for the first; none when closed or after ``timeout`` s."""
        with self._condition:
            self._condition.wait_for(lambda: self._returned or self._events or self._closed, timeout)
            taken, self._returned = self._returned, []
            taken = taken or [self._events.pop(link_id) for link_id in list(self._events)[:most]]
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

    def position(self) -> tuple[int, bool]:
        """Return (number of the newest event, whether all have arrived)."""
        with self._condition:
            return self._seq, not (self._returned or self._events or self._in_flight)


def _merged(waiting: model.PortEvent | None, event: model.PortEvent, seq: int) -> model.PortEvent:
    """Return ``event`` with what an older one of the same link, not yet told, had to say of repairs."""
    update: dict[str, object] = {"seq": seq}
    if waiting is not None and waiting.repaired and event.kind is not model.EventKind.UNPLUGGED:
        told = {(d.code, d.device) for d in event.repaired}
        kept = tuple(d for d in waiting.repaired if (d.code, d.device) not in told)
        update["repaired"] = kept + event.repaired
    return event.model_copy(update=update)
