"""What was done and what came of it, written down by several threads, and printed at the end."""

import collections
import datetime
import math
import threading
from collections.abc import Sequence

_SLOWEST = 5

#: What is waited for after something was done.
REPAIR = "repairs by an agent that runs"
START = "repairs by an agent that is started"
ORDER = "links and modes asked for; also without bus or controller"
SERVICE = "services, until all that need them work again"


class Record:
    """Thread-safe. ``problems`` are sentences; as long as there are none the soak has passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slowest: list[tuple[float, str, str]] = []
        self._seconds: dict[str, list[float]] = {}
        self._groups: dict[str, list[float]] = {}
        self._traffic: dict[str, collections.Counter[str]] = {}
        self.problems: list[str] = []
        #: Set when whoever waits for something need not wait any more.
        self.aborted = threading.Event()

    def done(self, kind: str, seconds: float, group: str) -> None:
        """Something was done, and ``seconds`` later all was whole again; ``group`` is one of the four above."""
        moment = datetime.datetime.now().astimezone()
        with self._lock:
            self._slowest = sorted([*self._slowest, (seconds, kind, f"{moment:%H:%M:%S}")], reverse=True)[:_SLOWEST]
            self._seconds.setdefault(kind, []).append(seconds)
            self._groups.setdefault(group, []).append(seconds)

    def traffic(self, way: str, *, answered: int, lost: int) -> None:
        """So many pings went a way."""
        with self._lock:
            self._traffic.setdefault(way, collections.Counter()).update(answered=answered, lost=lost)

    def problem(self, sentence: str) -> None:
        """Something is not as it has to be."""
        with self._lock:
            self.problems.append(sentence)

    @property
    def lost(self) -> int:
        """The number of pings that were not answered though an earlier and a later one was."""
        return sum(counts["lost"] for counts in self._traffic.values())

    @property
    def kinds(self) -> dict[str, int]:
        """How often each kind of thing was done."""
        return {kind: len(seconds) for kind, seconds in self._seconds.items()}

    def lines(self) -> list[str]:
        """Return the tables, ready to be printed."""
        rows: list[tuple[str, ...]] = [("what was done", "times", "whole again after: p50", "p99", "max")]
        rows += [_row(kind, seconds) for kind, seconds in sorted(self._seconds.items())]
        groups: list[tuple[str, ...]] = [("all together", "times", "p50", "p99", "max")]
        groups += [_row(group, self._groups.get(group, ())) for group in (REPAIR, START, ORDER, SERVICE)]
        ways = [("traffic over links that nobody touches", "pings answered", "lost")]
        ways += [(way, str(each["answered"]), str(each["lost"])) for way, each in sorted(self._traffic.items())]
        slow = [("slowest", "whole again after", "at")]
        slow += [(kind, f"{seconds:.2f} s", moment) for seconds, kind, moment in self._slowest]
        return [*_table(rows), "", *_table(groups), "", *_table(slow), "", *_table(ways)]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of ``values`` do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _row(kind: str, seconds: Sequence[float]) -> tuple[str, ...]:
    figures = [f"{percentile(seconds, percent):.2f} s" for percent in (50, 99, 100)] if seconds else ["-"] * 3
    return kind, str(len(seconds)), *figures


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
