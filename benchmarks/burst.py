"""A burst of casts to one agent: whether its state reports stay in time, and its memory bounded."""

import argparse
import contextlib
import datetime
import itertools
import threading
import time

from benchmarks import arguments, report, shapes
from benchmarks.beside import Beside
from benchmarks.site import HOST, Site
from benchmarks.standing import resident_mb, workers
from tests.support import machine

_INTERVAL = 5
#: How much later than ``_INTERVAL`` a report may be by itself: its wait is drawn anew each time.
_SPREAD = 1.1


class Reports:
    """Watches when reports arrive, by the clock of the controller, and how much memory the agent has."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stopped = threading.Event()
        self._seen: list[float] = []
        self.most_mb = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> list[float]:
        """Return the milliseconds from each report to the next."""
        self._stopped.set()
        self._thread.join()
        return [(after - before) * 1000 for before, after in itertools.pairwise(self._seen)]

    def _run(self) -> None:
        while not self._stopped.wait(0.2):
            shown = self._site.api.get(f"/v1/agents/{HOST}")
            at = datetime.datetime.fromisoformat(shown["reported_at"]).timestamp()
            if not self._seen or at != self._seen[-1]:
                self._seen.append(at)
            self.most_mb = max(self.most_mb, resident_mb(workers(self._site.node.agent.pid)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh burst", description="Many casts at once to one agent.")
    parser.add_argument("--casts", type=arguments.positive, default=10_000, help="how many (default: %(default)s)")
    parser.add_argument(
        "--count", type=arguments.links, default=100, help="of links that they are about (default: %(default)s)"
    )
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    links = shapes.SHAPES["several-ovs"](options.count)
    with (
        Site(concurrency=options.concurrency, agent={"report_interval": str(_INTERVAL)}) as site,
        contextlib.closing(Beside(site.made, "holder")) as holder,
    ):
        shapes.make_bridges(site.host, links)
        ids = holder.ask({"create": [link.body(HOST) for link in links]})
        holder.ask({"cast": "bulk"})
        site.wait_until_stored(ids, "ACTIVE")
        time.sleep(3 * _INTERVAL)  # reports that tell of changes are over
        before = resident_mb(workers(site.node.agent.pid))
        counted = _casts(site)
        reports = Reports(site)
        begun, ended = holder.ask({"again": options.casts})
        report.progress(f"{options.casts} casts left in {ended - begun:.1f} s")
        while _casts(site) - counted < options.casts:
            time.sleep(0.5)
        taken = time.perf_counter() - begun
        time.sleep(2 * _INTERVAL)
        gaps = reports.stop()
    name = "from one state report to the next"
    report.show(f"{options.casts} casts, agent on {options.concurrency}", {name: gaps}, baseline=name)
    late = max(0.0, max(gaps) - _INTERVAL * _SPREAD * 1000)
    print(
        f"a report was late by at most {late:.0f} ms; all casts were taken within {taken:.1f} s, as a report told;\n"
        f"RSS before {before:.0f} MB, at most {reports.most_mb:.0f} MB"
    )


def _casts(site: Site) -> int:
    counted: int = site.api.get(f"/v1/agents/{HOST}")["counters"].get("casts", 0)
    return counted
