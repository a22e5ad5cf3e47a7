"""What was done and what came of it, written down by several threads, and printed at the end."""

import collections
import contextlib
import dataclasses
import datetime
import math
import threading
import time
from collections.abc import Iterator, Sequence

_SLOWEST = 5

#: What is waited for after something was done.
REPAIR = "repairs by an agent that runs"
START = "repairs by an agent that is started"
MODE = "repairs when the mode is enforce again"
ASKED = "links asked for"
ASKED_AWAY = "links asked for while a service was away"
SERVICE = "services, until all that need them work again"
REFUSED = "links that cannot be as asked for, until they can or are gone"
ORPHAN = "orphans, until they are removed"
_GROUPS = (REPAIR, START, MODE, ASKED, ASKED_AWAY, REFUSED, ORPHAN, SERVICE)


@dataclasses.dataclass
class _Kind:
    """Of each time something was done: seconds as in Record.done, and all of them."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    in_all: list[float] = dataclasses.field(default_factory=list)


class Record:
    """Thread-safe. ``problems`` are sentences; as long as there are none the soak has passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slowest: list[tuple[float, str, str]] = []
        self._kinds: dict[str, _Kind] = {}
        self._groups: dict[str, list[float]] = {}
        self._traffic: dict[str, collections.Counter[str]] = {}
        self._faults: collections.Counter[str] = collections.Counter()
        self._links: collections.Counter[str] = collections.Counter()
        #: Until when a service was away last.
        self._away = -math.inf
        self.problems: list[str] = []
        #: Where controller, stores, kernels and OVSDBs differ, and what should not be there, in sentences; None as long
        #: as nobody has looked.
        self.differences: list[str] | None = None
        self.leftovers: list[str] | None = None
        #: Set when whoever waits for something need not wait any more.
        self.aborted = threading.Event()

    def done(self, kind: str, seconds: float, group: str, *, in_all: float | None = None) -> None:
        """A fault of a kind was made; ``group`` is one of those above.

        All was whole again after ``seconds``, which begin when what has to work for that is there, and after ``in_all``
        of them from the beginning of the fault, if that was before.
        """
        with self._lock:
            self._faults[kind] += 1
            self._write(kind, seconds, group, in_all)

    def asked(self, kind: str, seconds: float) -> None:
        """A link was asked for, or its change or its end, and was there ``seconds`` later."""
        with self._lock:
            away = self._away > time.monotonic() - seconds
            self._write(kind, seconds, ASKED_AWAY if away else ASKED, None)

    def link(self, what: str) -> None:
        """A link was created, changed or deleted, whatever for."""
        with self._lock:
            self._links[what] += 1

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """While the block lasts a service is away, or not all know yet that it is back."""
        with self._lock:
            self._away = math.inf
        try:
            yield
        finally:
            with self._lock:
                self._away = time.monotonic()

    def traffic(self, way: str, *, answered: int, lost: int) -> None:
        """So many pings went a way."""
        with self._lock:
            self._traffic.setdefault(way, collections.Counter()).update(answered=answered, lost=lost)

    def problem(self, sentence: str) -> None:
        """Something is not as it has to be."""
        with self._lock:
            self.problems.append(sentence)

    def looked(self, *, differences: Sequence[str] = (), leftovers: Sequence[str] = ()) -> None:
        """Somebody has compared all, looked for what is left over, and found this."""
        with self._lock:
            self.differences = [*(self.differences or ()), *differences]
            self.leftovers = [*(self.leftovers or ()), *leftovers]
            self.problems += [*differences, *leftovers]

    @property
    def lost(self) -> int:
        """The number of pings that were not answered though an earlier and a later one was."""
        return sum(counts["lost"] for counts in self._traffic.values())

    def lines(self) -> list[str]:
        """Return the tables, ready to be printed."""
        head = ("what was done", "times", "whole again after: p50", "p99", "max", "with the fault itself: max")
        rows: list[tuple[str, ...]] = [head]
        rows += [
            (*_row(kind, each.seconds), f"{max(each.in_all):.2f} s" if each.in_all else "")
            for kind, each in sorted(self._kinds.items())
        ]
        groups: list[tuple[str, ...]] = [("all together", "times", "p50", "p99", "max")]
        groups += [_row(group, self._groups.get(group, ())) for group in _GROUPS]
        ways = [("traffic over links that nobody touches", "pings answered", "lost")]
        ways += [(way, str(each["answered"]), str(each["lost"])) for way, each in sorted(self._traffic.items())]
        slow = [("slowest", "whole again after", "at")]
        slow += [(kind, f"{seconds:.2f} s", moment) for seconds, kind, moment in self._slowest]
        return [*_table(rows), "", *_table(groups), "", *_table(slow), "", *_table(ways)]

    def sums(self) -> list[str]:
        """Return what came of it in a few lines, ready to be printed."""
        repairs = [*self._groups.get(REPAIR, ()), *self._groups.get(START, ())]
        pings = sum(counts.total() for counts in self._traffic.values())
        links = [f"{self._links[what]} {what}" for what in ("created", "changed", "deleted")]
        rows = {
            "faults done": f"{self._faults.total()} of {len(self._faults)} kinds",
            "repairs": str(len(repairs)),
            "time to repair": ", ".join(
                f"{name} {figure}" for name, figure in zip(("p50", "p99", "max"), _figures(repairs), strict=True)
            ),
            "links": ", ".join(links),
            "packets lost on untouched links": f"{self.lost} of {pings}",
            "leftovers": "not looked for" if self.leftovers is None else str(len(self.leftovers)),
            "controller, stores, kernels, OVSDBs": self._agreement(),
        }
        return ["  ".join([name.ljust(max(map(len, rows))), value]) for name, value in rows.items()]

    def _agreement(self) -> str:
        if self.differences is None:
            return "not compared"
        return f"{len(self.differences)} differences" if self.differences else "agree to the last field"

    def _write(self, kind: str, seconds: float, group: str, in_all: float | None) -> None:
        moment = datetime.datetime.now().astimezone()
        self._slowest = sorted([*self._slowest, (seconds, kind, f"{moment:%H:%M:%S}")], reverse=True)[:_SLOWEST]
        times = self._kinds.setdefault(kind, _Kind())
        times.seconds.append(seconds)
        if in_all is not None:
            times.in_all.append(in_all)
        self._groups.setdefault(group, []).append(seconds)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of ``values`` do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _row(kind: str, seconds: Sequence[float]) -> tuple[str, ...]:
    return kind, str(len(seconds)), *_figures(seconds)


def _figures(seconds: Sequence[float]) -> list[str]:
    """Return p50, p99 and the greatest."""
    return [f"{percentile(seconds, percent):.2f} s" for percent in (50, 99, 100)] if seconds else ["-"] * 3


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)
    return [line.rstrip() for line in lines]
