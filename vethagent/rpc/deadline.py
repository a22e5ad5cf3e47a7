"""Messages that nobody waits for longer than they are worth."""

import threading
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

from vethagent import exceptions
from vethagent.rpc import transport as bus

T = TypeVar("T")

#: How many that were given up may still be under way before no other is begun.
_AT_MOST = 8


class Deadline:
    """Sends what may hang in a library, a resolver or a broker, on threads of its own, and waits for a while.

    What is given up goes on by itself, and may be done in the end. While too many do, nothing else is tried: so a
    broker that hangs costs the first few callers the whole time, and all others none.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._overdue = 0

    def within(self, seconds: float, message: Callable[[], T]) -> T:
        """Return what ``bus.send`` does, and raise what it raises; raise BusUnavailable also after ``seconds``."""
        with self._lock:
            if self._overdue >= _AT_MOST:
                raise exceptions.BusUnavailable(f"the broker has not taken {self._overdue} earlier messages yet")
        future: futures.Future[T] = futures.Future()
        threading.Thread(target=self._run, args=(future, message), name="bus-send", daemon=True).start()
        futures.wait([future], seconds)
        with self._lock:
            given_up = not future.done()
            if given_up:
                self._overdue += 1
                future.add_done_callback(self._done)
        if given_up:
            raise exceptions.BusUnavailable(f"the broker has not taken the message in {seconds:g} s")
        return future.result()

    @staticmethod
    def _run(future: futures.Future[T], message: Callable[[], T]) -> None:
        try:
            result = bus.send(message)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _done(self, _future: object) -> None:
        with self._lock:
            self._overdue -= 1
