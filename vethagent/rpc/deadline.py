"""Messages that nobody waits for longer than they are worth."""

import os
import queue
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

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
        self._idle: list[_Sender] = []
        self._process = os.getpid()

    def within(self, seconds: float, message: Callable[[], T]) -> T:
        """Return what ``bus.send`` does, and raise what it raises; raise BusUnavailable also after ``seconds``."""
        with self._lock:
            if self._overdue >= _AT_MOST:
                raise exceptions.BusUnavailable(f"the broker has not taken {self._overdue} earlier messages yet")
            sender = self._sender()
        future = sender.send(message)
        futures.wait([future], seconds)
        with self._lock:
            given_up = not future.done()
            self._overdue += given_up
        if given_up:
            future.add_done_callback(self._done)  # without the lock: if it is done by now this calls it at once
            raise exceptions.BusUnavailable(f"the broker has not taken the message in {seconds:g} s")
        return future.result()

    def _sender(self) -> "_Sender":
        if self._process != os.getpid():
            # A WSGI server has forked: the threads have stayed in the other process.
            self._process, self._idle = os.getpid(), []
        try:
            return self._idle.pop() if self._idle else _Sender(self._rest)
        except RuntimeError as error:  # as many threads as there may be
            raise exceptions.BusUnavailable(f"there is no thread to send with: {error}") from error

    def _rest(self, sender: "_Sender") -> None:
        with self._lock:
            self._idle.append(sender)

    def _done(self, _future: object) -> None:
        with self._lock:
            self._overdue -= 1


class _Sender:
    """A thread that sends one message after the other: in a new one a message takes half as long again.

    No executor of the standard library, whose threads the end of the process waits for, also for one that hangs.
    """

    def __init__(self, rest: Callable[["_Sender"], None]) -> None:
        """``rest`` is told when there is nothing to send any more."""
        self._rest = rest
        self._todo: queue.SimpleQueue[tuple[futures.Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="bus-send", daemon=True).start()

    def send(self, message: Callable[[], T]) -> "futures.Future[T]":
        """Begin to send; nobody else does meanwhile."""
        future: futures.Future[T] = futures.Future()
        self._todo.put((future, message))
        return future

    def _run(self) -> None:
        while True:
            self._send(*self._todo.get())

    def _send(self, future: "futures.Future[T]", message: Callable[[], T]) -> None:
        try:
            result = bus.send(message)
        except BaseException as error:
            self._rest(self)
            future.set_exception(error)
        else:
            self._rest(self)  # first: who has the answer may have more to send
            future.set_result(result)
