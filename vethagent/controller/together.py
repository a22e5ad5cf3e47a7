"""Calls that come at the same time, done as one."""

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from vethagent import exceptions

A = TypeVar("A")
R = TypeVar("R")

#: Of oslo.messaging's threads no more than 64 call at once by default.
_AT_MOST = 64


@dataclasses.dataclass(eq=False, slots=True)
class _Call:
    """One call; its thread sleeps until ``woken``, and then it is either ``done`` or has to do all that wait."""

    argument: Any
    woken: threading.Event = dataclasses.field(default_factory=threading.Event)
    done: bool = False
    result: Any = None
    error: Exception | None = None


class Together(Generic[A, R]):
    """A function of one argument, made of one that does many at once, such as in one transaction.

    Whoever calls while a batch is under way waits for the next, which has all that came meanwhile. So one call alone
    waits for nobody, and the more come the less each costs. There is no thread for it: one of the callers does a batch,
    and wakes one of those who came meanwhile for the next.
    """

    def __init__(self, do: Callable[[Sequence[A]], Sequence[R]], *, pause: float = 0) -> None:
        """``do`` returns a result for each argument. If it raises it has done nothing, and may be asked again.

        ``pause`` is the least time in seconds from the beginning of one batch to that of the next.
        """
        self._do = do
        self._pause = pause
        self._next = 0.0
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []
        self._busy = False

    def __call__(self, argument: A) -> R:
        """Return the result for ``argument``, or raise what it raises."""
        call = _Call(argument)
        with self._lock:
            self._waiting.append(call)
            others, self._busy = self._busy, True
        if others:
            call.woken.wait()
        if not call.done:
            self._lead()
        if call.error is not None:
            raise call.error
        result: R = call.result
        return result

    def _lead(self) -> None:
        if self._pause:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._pause
        with self._lock:
            batch, self._waiting = self._waiting[:_AT_MOST], self._waiting[_AT_MOST:]
        try:
            self._finish(batch)
        except BaseException:  # such as the end of a greenlet, and nobody is to wait for ever
            for call in batch:
                if not call.done:
                    call.error, call.done = RuntimeError("given up"), True
            raise
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting[0].woken.set()
                else:
                    self._busy = False
            for call in batch:
                call.woken.set()

    def _finish(self, batch: Sequence[_Call]) -> None:
        try:
            results = self._do([call.argument for call in batch])
        except exceptions.DatabaseUnavailable as error:
            for call in batch:
                call.error, call.done = exceptions.DatabaseUnavailable(*error.args), True
        except Exception as error:
            if len(batch) > 1:  # who is to blame is found by doing each alone
                for call in batch:
                    self._finish([call])
                return
            batch[0].error, batch[0].done = error, True
        else:
            for call, result in zip(batch, results, strict=True):
                call.result, call.done = result, True


def first_only(results: Sequence[R], news: set[str]) -> Sequence[tuple[R, set[str]]]:
    """Return each of ``results`` with what is to be passed on: by the first one who called, after the batch.

    Who does that within the batch holds up all others, and may wait for itself if it comes back here.
    """
    return [(result, set() if number else news) for number, result in enumerate(results)]
