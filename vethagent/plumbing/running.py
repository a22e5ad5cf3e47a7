"""Whether ovs-vswitchd runs, as far as that can be seen from outside without asking it. Needs no privilege."""

import pathlib
import time
from collections.abc import Callable

from vethagent import processes

_NAME = "ovs-vswitchd"
#: Of the states of proc(5) those of a process that goes on when there is something to do.
_ALIVE = ("R", "S", "D", "I")


def pidfile(remote: str) -> pathlib.Path | None:
    """Return where it leaves its pid if OVSDB is reached at ``remote``, None if that is not on this host."""
    kind, _, path = remote.partition(":")
    return pathlib.Path(path).parent / f"{_NAME}.pid" if kind == "unix" else None


class Pulse:
    """Whether a process goes on, seen by how often its main thread has gone to sleep, without asking it.

    That of ovs-vswitchd wakes each half second even if there is nothing to do (seen with 3.1); one that waits for a
    lock, or goes round without an end, never goes to sleep again.
    """

    def __init__(self, pid_file: pathlib.Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = pid_file
        self._clock = clock
        self._slept: tuple[int, int] | None = None
        self._changed_at = 0.0

    def still_for(self) -> float | None:
        """Return for how many seconds nothing was seen of it, as far as it was looked at; None if it is not seen.

        Not to be seen, or to be stopped, says nothing of it: in a container other processes may not be seen.
        """
        pid = self._running()
        slept = None if pid is None else (pid, processes.times_slept(pid))
        if slept != self._slept:
            self._slept, self._changed_at = slept, self._clock()
        return None if slept is None else self._clock() - self._changed_at

    def _running(self) -> int | None:
        try:
            pid = int(self._file.read_text())
        except (OSError, ValueError):
            return None
        seen = processes.look(pid)
        return pid if seen is not None and seen[0] == _NAME and seen[1] in _ALIVE else None
