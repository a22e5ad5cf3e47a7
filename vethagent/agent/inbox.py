"""Where everything that happens meets: who learns of something leaves it here, one consumer takes all at once.

What is left twice is kept once, the newest of it. So a thousand casts cost one batch, and memory is bounded by the
number of links, devices and ports.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import Any, TypeVar

from vethagent.plumbing.observed import OvsBridge, OvsPort
from vethagent.plumbing.ovs_replica import OvsChanges
from vethagent.plumbing.rtnl import Changes

T = TypeVar("T")

#: What comes in a row is taken together: once nothing more has come for ``_LULL`` seconds, or after ``_ROW`` seconds.
_LULL, _ROW = 0.005, 0.1
#: More casts, devices that have gone, or devices and ports that are otherwise now, than one change by itself brings: a
#: row.
_CASTS, _GONE, _CHANGED = 1, 8, 16


@dataclasses.dataclass(slots=True)
class Batch:
    """All that was left since the last take; ``whole`` is set if ``bridges`` and ``ports`` are all there are."""

    dirty: set[str] = dataclasses.field(default_factory=set)
    casts: int = 0
    all_dirty: bool = False
    devices: Changes = dataclasses.field(default_factory=dict)
    #: Indexes of devices that were gone in between: moved into another namespace and back, say.
    returned: set[int] = dataclasses.field(default_factory=set)
    look_again: bool = False
    bridges: dict[str, OvsBridge | None] = dataclasses.field(default_factory=dict)
    ports: dict[str, OvsPort | None] = dataclasses.field(default_factory=dict)
    whole: bool = False
    questions: list[Callable[[], None]] = dataclasses.field(default_factory=list)
    answers: "list[futures.Future[Any]]" = dataclasses.field(default_factory=list)


class Inbox:
    """Thread-safe; everything but ``take`` returns at once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._batch = Batch()
        self._anything = False
        self._closed = False

    def mark(self, link_ids: Iterable[str]) -> None:
        """These links have to be looked at."""
        with self._condition:
            self._batch.dirty.update(link_ids)
            self._notify()

    def cast(self, link_ids: Iterable[str]) -> None:
        """A cast is about these links, which have to be looked at."""
        with self._condition:
            self._batch.casts += 1
            self._batch.dirty.update(link_ids)
            self._notify()

    def mark_all(self) -> None:
        """All links have to be looked at."""
        with self._condition:
            self._batch.all_dirty = True
            self._notify()

    def put_devices(self, changes: Changes) -> None:
        """Devices changed."""
        with self._condition:
            known = self._batch.devices
            self._batch.returned.update(i for i, device in changes.items() if device and known.get(i, device) is None)
            self._batch.devices.update(changes)
            self._notify()

    def wake(self) -> None:
        """Have ``take`` return, also if nothing is left here: what it calls has something, or there is to be saved."""
        with self._condition:
            self._notify()

    def look_again(self) -> None:
        """Changes of devices were lost: all of them have to be listed."""
        with self._condition:
            self._batch.look_again = True
            self._notify()

    def put_ovs(self, changes: OvsChanges) -> None:
        """Rows of OVSDB changed."""
        with self._condition:
            if changes.whole:
                self._batch.bridges.clear()
                self._batch.ports.clear()
                self._batch.whole = True
            self._batch.bridges.update(changes.bridges)
            self._batch.ports.update(changes.ports)
            self._notify()

    def ask(self, question: Callable[[], T]) -> "futures.Future[T]":
        """Have the consumer, who owns what is observed, answer a question between two batches."""
        answer: futures.Future[T] = futures.Future()

        def run() -> None:
            try:
                answer.set_result(question())
            except Exception as error:  # goes to whoever asked
                answer.set_exception(error)

        with self._condition:
            if self._closed:
                answer.cancel()
                return answer
            self._batch.questions.append(run)
            self._batch.answers.append(answer)
            self._notify()
        return answer

    def close(self) -> None:
        """Let ``take`` return None from now on; questions that are open get CancelledError for an answer."""
        with self._condition:
            self._closed = True
            for answer in self._batch.answers:
                answer.cancel()
            self._condition.notify_all()

    @property
    def closed(self) -> bool:
        """Whether ``take`` returns None from now on."""
        return self._closed

    def take(self, timeout: float | None, before: Callable[[], None] = lambda: None) -> Batch | None:
        """Return what has been left, waiting for it up to ``timeout`` seconds; None when closed.

        ``before`` is called when there is something, and may leave more.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._anything or self._closed, timeout)
        if not self._closed:
            before()
            self._let_end(before)
        return None if self._closed else self.rest()

    def rest(self) -> Batch:
        """Return what has been left, also when closed."""
        with self._condition:
            batch, self._batch, self._anything = self._batch, Batch(), False
            return batch

    def depth(self) -> int:
        """Return how many links, devices, bridges and ports wait to be looked at."""
        with self._condition:
            batch = self._batch
            return len(batch.dirty) + len(batch.devices) + len(batch.bridges) + len(batch.ports)

    def _let_end(self, more: Callable[[], None]) -> None:
        """Wait for the end of a row, if there is one: Open vSwitch looks at all of its ports after each batch.

        What a batch has done comes in a row too, from the kernel and then from Open vSwitch. A cast that comes alone is
        not held up, nor is the first one of a row.
        """
        end, seen = time.monotonic() + _ROW, (_CASTS, _GONE, _CHANGED)
        while self._is_more(seen) and time.monotonic() < end and not self._closed:
            seen = self._row()
            time.sleep(_LULL)
            more()

    def _row(self) -> tuple[int, int, int]:
        with self._condition:
            batch = self._batch
            gone = sum(device is None for device in batch.devices.values())
            return batch.casts, gone, len(batch.devices) + len(batch.ports)

    def _is_more(self, seen: tuple[int, int, int]) -> bool:
        return any(now > before for now, before in zip(self._row(), seen, strict=True))

    def _notify(self) -> None:
        self._anything = True
        self._condition.notify()
