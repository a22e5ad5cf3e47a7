"""Times of several runs, as a table for people and as JSON for programs."""

import json
import statistics
from collections.abc import Mapping, Sequence


def summary(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return number of runs, min, median and max."""
    return {
        "runs": len(milliseconds),
        "min_ms": round(min(milliseconds), 2),
        "median_ms": round(statistics.median(milliseconds), 2),
        "max_ms": round(max(milliseconds), 2),
    }


def show(title: str, samples: Mapping[str, Sequence[float]], *, baseline: str) -> None:
    """Print the table, with the ratio of each median to that of ``baseline``, then the same as one line of JSON."""
    results = {name: summary(values) for name, values in samples.items()}
    for result in results.values():
        result["ratio"] = round(result["median_ms"] / results[baseline]["median_ms"], 3)
    width = max(map(len, results))
    print(title)
    print(f"{'':{width}}  {'runs':>6}{'min':>12}{'median':>12}{'max':>12}{'ratio':>8}")
    for name, result in results.items():
        times = "".join(f"{result[key]:>9.1f} ms" for key in ("min_ms", "median_ms", "max_ms"))
        print(f"{name:{width}}  {result['runs']:>6}{times}{result['ratio']:>8.2f}")
    print(json.dumps({"title": title, "baseline": baseline, "results": results}))


def progress(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(f"==> {text}", flush=True)
