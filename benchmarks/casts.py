"""Many single casts in a row, one after the other without waiting, against one cast of all of them.

The links are stored before: times are from just before the first cast leaves until the watcher has seen that each link
carries, so what differs is the bus and what the agent makes of it.
"""

import argparse
import contextlib

from benchmarks import arguments, report, shapes
from benchmarks.beside import Beside
from benchmarks.site import HOST, Site, settle
from tests.support import machine

_WAYS = {"bulk": "one cast with all", "single": "one cast for each"}
_WARM_UP = 1


def measure(site: Site, holder: Beside, links: list[shapes.Wanted], kind: str) -> float:
    """Return the milliseconds of one way."""
    ids = holder.ask({"create": [link.body(HOST) for link in links]})
    begun = holder.ask({"cast": kind})
    took = site.watcher.wait_until_carrying(links, 120) - begun
    site.wait_until_stored(ids, "ACTIVE")
    site.unplug(ids)
    site.watcher.wait_until_gone(links, 120)
    site.wait_until_stored(ids, None)
    settle(site)
    return float(took) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh casts", description="Many single casts, and one of all.")
    parser.add_argument("--runs", type=arguments.positive, default=10, help="of each way (default: %(default)s)")
    parser.add_argument("--count", type=arguments.links, default=100, help="of links (default: %(default)s)")
    parser.add_argument("--shape", choices=shapes.SHAPES, default="one-ovs", help="of the links")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    links = shapes.SHAPES[options.shape](options.count)
    samples: dict[str, list[float]] = {name: [] for name in _WAYS.values()}
    with (
        Site(concurrency=options.concurrency) as site,
        contextlib.closing(Beside(site.made, "holder")) as holder,
    ):
        shapes.make_bridges(site.host, links)
        for number in range(-_WARM_UP, options.runs):
            for kind, name in _WAYS.items():
                took = measure(site, holder, links, kind)
                if number >= 0:
                    samples[name].append(took)
    title = f"{options.count} links, agent on {options.concurrency}"
    report.show(title, samples, baseline=_WAYS["bulk"])
