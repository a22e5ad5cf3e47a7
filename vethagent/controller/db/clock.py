"""What time it is: that of the database's server, which all controllers and APIs have in common.

Their own clocks may be apart, by minutes if nobody sets them. What one has written down would then be hours old for
another, or yet to come: agents would be taken for dead that are not. So each asks the database now and then, within a
transaction that it makes anyway, and counts on by its monotonic clock. A file has no clock but that of this host.
"""

import datetime
import logging
import threading
import time
from collections.abc import Callable

import sqlalchemy

LOG = logging.getLogger(__name__)

#: Seconds after which the database is asked again, that it may take to answer, and by which a clock is set on purpose.
_ASK_EACH, _SLOW, _MOVED = 10.0, 1.0, 2.0

_NOW = {
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "mariadb": "SELECT UTC_TIMESTAMP(6)",
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
}


class Clock:
    """Thread-safe. A clock that is set forward or back is noticed; see ``unmoved``."""

    def __init__(
        self,
        dialect: str,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``wall`` tells seconds since 1970, ``monotonic`` seconds since whenever."""
        self._statement = _NOW.get(dialect)
        self._wall, self._monotonic = wall, monotonic
        self._lock = threading.Lock()
        #: Seconds since 1970 minus those of the monotonic clock: of the database, and of this host when that was asked.
        self._offset: float | None = None
        self._own_offset = 0.0
        self._asked_at = float("-inf")
        #: Offset before the clock was set the last time, and when that was noticed.
        self._before = (0.0, float("-inf"))

    def now(self) -> datetime.datetime:
        """Return the time."""
        if self._statement is None:
            self._take(self._wall() - self._monotonic())
        offset = self._wall() - self._monotonic() if self._offset is None else self._offset
        return _time(offset + self._monotonic())

    def unmoved(self, seconds: float) -> datetime.datetime | None:
        """Return what time it would be if the clock had not been set, None if it was not in the last ``seconds``."""
        self.now()
        offset, at = self._before
        return _time(offset + self._monotonic()) if self._monotonic() - at < seconds else None

    def ask(self, connect: Callable[[], sqlalchemy.Connection]) -> None:
        """Ask the server, if that was long ago, or this host's own clock was set or the host suspended since."""
        if self._statement is None or not self._is_due():
            return
        connection = connect()
        begun, self._asked_at = self._monotonic(), self._monotonic()
        told = connection.exec_driver_sql(self._statement).scalar_one()
        ended = self._monotonic()
        self._own_offset = self._wall() - ended
        if ended - begun < _SLOW:
            self._take(told.replace(tzinfo=datetime.UTC).timestamp() - (begun + ended) / 2)

    def _is_due(self) -> bool:
        now = self._monotonic()
        return now - self._asked_at >= _ASK_EACH or abs(self._wall() - now - self._own_offset) > _MOVED

    def _take(self, offset: float) -> None:
        with self._lock:
            before, self._offset = self._offset, offset
            if before is None or abs(offset - before) <= _MOVED:
                return
            self._before = before, self._monotonic()
        LOG.warning("The clock that all go by was set by %+.0f seconds", offset - before)


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
