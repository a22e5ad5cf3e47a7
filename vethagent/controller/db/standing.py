"""Says once in the log that the database does not do something, and once that it does again.

Without it each of those who want something would: with each request, report or look, for as long as it takes.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from vethagent import exceptions

LOG = logging.getLogger(__name__)

#: Seconds without a failure before all is well again: while some have to wait for a lock and others not, it is not.
_CALM = 15.0


class Standing:
    """Whether one kind of transactions can be made. Thread-safe."""

    def __init__(self, what: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``what`` follows on "the database can be"."""
        self._what = what
        self._clock = clock
        self._lock = threading.Lock()
        self._failed_at: float | None = None
        #: Whether it is said. While a process starts, and in commands, who asked says it.
        self.said = False

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Do the block, a transaction, and take note of DatabaseUnavailable, or that there is none any more."""
        try:
            yield
        except exceptions.DatabaseUnavailable as error:
            self._failed(error)
            raise
        if self._failed_at is not None:
            self._worked()

    def _failed(self, error: Exception) -> None:
        with self._lock:
            known, self._failed_at = self._failed_at, self._clock()
        if known is None and self.said:
            LOG.error("the database cannot be %s: %s", self._what, exceptions.one_line(error))

    def _worked(self) -> None:
        with self._lock:
            if self._failed_at is None or self._clock() - self._failed_at < _CALM:
                return
            self._failed_at = None
        LOG.info("the database can be %s again", self._what)
