"""A few threads for the many that as many agents would have."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Does something with each thing when its time has come; with one thing never twice at once."""

    def __init__(self, do: Callable[[T], float | None], *, threads: int, name: str) -> None:
        """``do`` returns the time, as of time.monotonic(), at which it is to be called again; None if it need not."""
        self._do = do
        self._condition = threading.Condition()
        self._queue: list[tuple[float, int, T]] = []
        self._numbers = itertools.count()
        self._due: dict[T, float] = {}
        self._busy: set[T] = set()
        self._closed = False
        for number in range(threads):
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def at(self, when: float, thing: T) -> None:
        """Do ``thing`` at that time, unless it is to be done before."""
        with self._condition:
            self._put(when, thing)

    def now(self, thing: T) -> None:
        """Do ``thing`` as soon as may be."""
        self.at(time.monotonic(), thing)

    def close(self) -> None:
        """Do nothing any more; what is under way comes to its end."""
        with self._condition:
            self._closed = True

    def _put(self, when: float, thing: T) -> None:
        if self._closed or when >= self._due.get(thing, float("inf")):
            return
        self._due[thing] = when
        if thing not in self._busy:
            heapq.heappush(self._queue, (when, next(self._numbers), thing))
            self._condition.notify()

    def _take(self) -> T:
        with self._condition:
            while True:
                if self._closed:
                    self._queue.clear()
                while self._queue and self._due.get(self._queue[0][2]) != self._queue[0][0]:
                    heapq.heappop(self._queue)  # it is to be done at another time, or was done
                wait = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    _, _, thing = heapq.heappop(self._queue)
                    del self._due[thing]
                    self._busy.add(thing)
                    return thing
                self._condition.wait(wait)

    def _run(self) -> None:
        while True:
            thing = self._take()
            again = self._do(thing)
            with self._condition:
                self._busy.remove(thing)
                # What was asked for meanwhile is in _due, but not in the queue.
                asked = self._due.pop(thing, None)
                times = [when for when in (again, asked) if when is not None]
                if times:
                    self._put(min(times), thing)
