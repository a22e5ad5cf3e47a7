"""How far ovs-vswitchd is with what it was asked for.

Whoever changes the database raises ``next_cfg``; ovs-vswitchd sets ``cur_cfg`` to it when it has acted on the change
(ovs-vswitchd.conf.db(5), table Open_vSwitch). So it can be told whether it acts at all, without a right but that to the
database.
"""

import threading
import time
from collections.abc import Callable, Iterable

#: Seconds of silence after which an answer is news.
_LATE = 1.0


class Switch:
    """Thread-safe. ``back`` is called when ovs-vswitchd acts again after it has been silent for a while."""

    def __init__(self, back: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._back = back
        self._clock = clock
        self._condition = threading.Condition()
        self._done: int | None = None
        self._acted_at = clock()
        self._owes_since: float | None = None
        self._leaving: dict[str, int] = {}
        #: The last change when it was first looked: what went by it and those before it is not known.
        self._first: int | None = None
        self._asked = 0

    def seen(self, asked: int, done: int) -> None:
        """The database has these numbers as ``next_cfg`` and ``cur_cfg``."""
        with self._condition:
            now = self._clock()
            acted = done != self._done
            late = acted and self._owes_since is not None and now - self._owes_since >= _LATE
            if acted:
                self._acted_at = now
            if self._first is None:
                self._first = asked
            if asked < self._asked:  # another database, maybe made anew while this one was away
                self._leaving.clear()
                self._first = done
            self._asked, self._done = asked, done
            self._leaving = {name: number for name, number in self._leaving.items() if number > done}
            if done >= asked:
                self._owes_since = None
            elif acted or self._owes_since is None:
                self._owes_since = now
            self._condition.notify_all()
        if late:
            self._back()

    def unknown(self) -> None:
        """The database is not there, so nothing can be told."""
        with self._condition:
            self._done, self._owes_since = None, None
            self._acted_at = self._clock()

    def left(self, ports: Iterable[str], number: int) -> None:
        """``ports`` have been taken out of their bridges by the change with this number."""
        with self._condition:
            if self._done is None or number > self._done:
                self._leaving.update(dict.fromkeys(ports, number))

    def is_leaving(self, ports: Iterable[str]) -> bool:
        """Return whether ovs-vswitchd may still hold the device of one of ``ports``."""
        names = frozenset(ports)
        with self._condition:
            return self._holds(names)

    def wait(self, ports: Iterable[str], timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until it holds none of ``ports``; return whether that is so."""
        names = frozenset(ports)
        with self._condition:
            return self._condition.wait_for(lambda: not self._holds(names), timeout)

    def _holds(self, names: frozenset[str]) -> bool:
        """An agent before this one may have taken any of them out, and not have lived to see that acted on."""
        early = self._done is not None and self._first is not None and self._done < self._first
        return bool(names) and (early or not self._leaving.keys().isdisjoint(names))

    def silent_for(self) -> float:
        """Return for how many seconds an answer has been due; 0 if none is."""
        with self._condition:
            return 0.0 if self._owes_since is None else self._clock() - self._owes_since

    def idle_for(self) -> float:
        """Return how many seconds ago it last acted, as far as is known."""
        with self._condition:
            return self._clock() - self._acted_at
