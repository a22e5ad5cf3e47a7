"""Pictures of what simulations have measured: ``python -m tools.simulate.curves FOLDER``.

Reads all files of FOLDER that ``tools/simulate.sh --json`` has written, and draws curves over the number of agents into
it, as SVG.
"""

import json
import math
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax import saxutils

_WIDTH, _HEIGHT = 640, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 190, 40, 48
_COLOURS = ("#1f5fa8", "#c2571a", "#2e7d32", "#7b3fa0", "#555555")

#: Of one simulation: phases by what they begin with.
Run = Mapping[str, Any]
#: Of one phase the value, None if it has none.
Value = Callable[[Run], float | None]


def phase(run: Run, words: str) -> Mapping[str, Any]:
    """Return the phase whose name has ``words`` in it, an empty one if there is none."""
    return next((each for each in run["phases"] if words in each["phase"]), {})


def _at(words: str, *keys: str) -> Value:
    def value(run: Run) -> float | None:
        found: Any = phase(run, words)
        for key in keys:
            found = found.get(key, {})
        return found if isinstance(found, int | float) else None

    return value


_STEADY, _CREATED = "nothing else", "created"
_PROCESSES = {
    "controller": "controller",
    "database": "MariaDB",
    "RabbitMQ": "RabbitMQ",
    "agents": "simulated agents, all",
}

#: File -> title, unit of the axis, curves.
PICTURES: dict[str, tuple[str, str, dict[str, Value]]] = {
    "cpu": (
        "CPU while agents report, one report each 30 s",
        "% of a core",
        {label: _at(_STEADY, "cpu_percent", name) for name, label in _PROCESSES.items()},
    ),
    "memory": (
        "Memory while agents report",
        "MiB",
        {label: _at(_STEADY, "memory_mib", name) for name, label in _PROCESSES.items()},
    ),
    "latency": (
        "Time as an agent, or who asks for a link, sees it",
        "ms",
        {
            "report, median": _at(_STEADY, "calls", "report_state", "p50_ms"),
            "report, 99 %": _at(_STEADY, "calls", "report_state", "p99_ms"),
            "link ACTIVE, median": _at(_CREATED, "links", "p50_ms"),
            "link ACTIVE, 99 %": _at(_CREATED, "links", "p99_ms"),
        },
    ),
}


def svg(title: str, unit: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return a picture of ``curves``, points by label; both axes are logarithmic."""
    points = [point for curve in curves.values() for point in curve]
    across, up = _decades(x for x, _ in points), _decades(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _scaled(x, across, _LEFT, _WIDTH - _RIGHT),
            _scaled(y, up, _HEIGHT - _BOTTOM, _TOP),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img">',
        f"<title>{saxutils.escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_LEFT, 20, title, size=14),
        _text(_LEFT, _TOP - 7, unit),
        _text(_WIDTH - _RIGHT, _HEIGHT - 12, "agents", anchor="end"),
    ]
    for decade in range(across[0], across[1] + 1):
        x, _ = place(10.0**decade, 10.0 ** up[0])
        parts += [_line(x, _TOP, x, _HEIGHT - _BOTTOM), _text(x, _HEIGHT - 30, f"{10**decade:,}", anchor="middle")]
    for decade in range(up[0], up[1] + 1):
        _, y = place(10.0 ** across[0], 10.0**decade)
        parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 6, y + 4, f"{10.0**decade:g}", anchor="end")]
    labels = _apart([place(*curve[-1])[1] for curve in curves.values()])
    for (label, curve), colour, height in zip(curves.items(), _COLOURS, labels, strict=False):
        way = [place(*point) for point in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in way)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in way]
        parts.append(_text(_WIDTH - _RIGHT + 10, height + 4, label, colour=colour))
    return "\n".join([*parts, "</svg>", ""])


def _decades(values: Any) -> tuple[int, int]:
    logs = [math.log10(value) for value in values]
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)


def _scaled(value: float, decades: tuple[int, int], begin: float, end: float) -> float:
    return begin + (math.log10(value) - decades[0]) / (decades[1] - decades[0]) * (end - begin)


def _apart(heights: Sequence[float], least: float = 15) -> list[float]:
    """Return where labels go that belong there, none on another."""
    placed: dict[int, float] = {}
    last = -math.inf
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        last = placed[index] = max(heights[index], last + least)
    return [placed[index] for index in range(len(heights))]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#222222", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">'
        f"{saxutils.escape(text)}</text>"
    )


def main(folder: pathlib.Path) -> None:
    """Draw all pictures."""
    runs = sorted(
        (json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")), key=lambda run: run["agents"]
    )
    for name, (title, unit, values) in PICTURES.items():
        curves = {
            label: [(run["agents"], found) for run in runs if (found := value(run))] for label, value in values.items()
        }
        drawn = {label: curve for label, curve in curves.items() if curve}
        (folder / f"{name}.svg").write_text(svg(title, unit, drawn), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
