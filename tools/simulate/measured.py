"""Figures of one span of time, as a table for people and as JSON for programs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

_MEBIBYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Span:
    """What happened in ``seconds``: calls by method, queue depths, and what processes used."""

    name: str
    seconds: float
    took: Mapping[str, Sequence[float]]
    depths: Sequence[int]
    cpu: Mapping[str, float]
    memory: Mapping[str, int]
    links: Sequence[float] = ()
    answered: int = 0

    def figures(self) -> dict[str, Any]:
        """Return rates a second, times in ms, shares of a core in percent, and memory in MiB."""
        calls = {
            name: {"rate": round(len(times) / self.seconds, 1)} | spread(times) for name, times in self.took.items()
        }
        found: dict[str, Any] = {
            "phase": self.name,
            "seconds": round(self.seconds, 1),
            "calls": calls,
            "queue": {"median": percentile(self.depths, 50), "max": max(self.depths, default=0)},
            "cpu_percent": {name: round(100 * cpu / self.seconds, 1) for name, cpu in self.cpu.items()},
            "memory_mib": {name: round(memory / _MEBIBYTE) for name, memory in self.memory.items()},
        }
        if self.links:
            found["links"] = {"rate": round(len(self.links) / self.seconds, 1)} | spread(self.links)
        if self.answered:
            found["answered"] = {"count": self.answered, "rate": round(self.answered / self.seconds, 1)}
        if made := self.answered or sum(map(len, self.took.values())):
            controllers = sum(cpu for name, cpu in self.cpu.items() if name.startswith("controller"))
            found["controller_ms_per_call"] = round(1000 * controllers / made, 3)
        return found


def percentile(values: Sequence[float], percent: float) -> float:
    """Return that percentile, 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return count, median, 99th percentile and maximum in ms."""
    times = {"p50_ms": percentile(seconds, 50), "p99_ms": percentile(seconds, 99), "max_ms": max(seconds, default=0)}
    return {"count": len(seconds)} | {name: round(1000 * value, 1) for name, value in times.items()}


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Return the figures of one span as text."""
    found = [f"-- {figures['phase']}, {figures['seconds']:g} s"]
    rows = dict(figures["calls"])
    if "links" in figures:
        rows["request until stored as done"] = figures["links"]
    found.append(f"   {'':30}{'count':>8}{'per s':>9}{'median':>11}{'99 %':>11}{'max':>11}")
    for name, row in rows.items():
        times = "".join(f"{row[key]:>8.1f} ms" for key in ("p50_ms", "p99_ms", "max_ms"))
        found.append(f"   {name:30}{row['count']:>8}{row['rate']:>9.1f}{times}")
    if answered := figures.get("answered"):
        found.append(f"   {'answered':30}{answered['count']:>8}{answered['rate']:>9.1f}")
    queue = figures["queue"]
    found.append(f"   messages in the controller's queue: median {queue['median']}, at most {queue['max']}")
    for name, cpu in figures["cpu_percent"].items():
        found.append(f"   {name:30}{cpu:>7.1f} % of a core{figures['memory_mib'][name]:>8} MiB")
    if "controller_ms_per_call" in figures:
        found.append(f"   the controller spent {figures['controller_ms_per_call']:.2f} ms of CPU on each call")
    return found
