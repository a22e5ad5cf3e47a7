"""Many links in one request, until every one carries, and until every one is gone: side by side with the peers.

Times begin when the request is sent, or when the first command of the peer is started, and end when the watcher has
seen the last device and the last row.
"""

import argparse
import functools
import time
from collections.abc import Callable, Sequence

from benchmarks import arguments, peers, report, shapes
from benchmarks.shapes import Wanted
from benchmarks.site import Site, settle
from tests.support import machine

_OURS = "vethagent: one bulk request"
_PEERS = {"floor": peers.Batch, "lean": peers.Lean, "shell": peers.Shell}
_LONG = 280.0


def by_peer(site: Site, peer: peers.Peer, links: Sequence[Wanted]) -> tuple[float, float]:
    """Return the milliseconds of plug and unplug."""
    begun = time.perf_counter()
    peer.plug(links)
    plugged = site.watcher.wait_until_carrying(links, _LONG) - begun
    settle(site)
    begun = time.perf_counter()
    peer.unplug(links)
    unplugged = site.watcher.wait_until_gone(links, _LONG) - begun
    site.tell()
    settle(site)
    return plugged * 1000, unplugged * 1000


def by_system(
    site: Site,
    links: Sequence[Wanted],
    *,
    first: Callable[[], object] | None = None,
    last: Callable[[], object] | None = None,
) -> tuple[float, float]:
    """Return the milliseconds of plug and unplug; ``first`` belongs to the one, ``last`` to the other."""
    begun = time.perf_counter()
    if first is not None:
        first()
    ids = site.plug(links)
    plugged = site.watcher.wait_until_carrying(links, _LONG) - begun
    site.wait_until_stored(ids, "ACTIVE")
    settle(site)
    begun = time.perf_counter()
    site.unplug(ids)
    ended = site.watcher.wait_until_gone(links, _LONG)
    if last is not None:
        last()
        ended = time.perf_counter()
    unplugged = ended - begun
    site.wait_until_stored(ids, None)
    settle(site)
    return plugged * 1000, unplugged * 1000


def measure(site: Site, shape: str, count: int, names: Sequence[str], runs: int) -> None:
    """Measure one shape with one count, and show it."""
    links = shapes.SHAPES[shape](count)
    shapes.make_bridges(site.host, links)
    ways: dict[str, Callable[[], tuple[float, float]]] = {}
    for peer in (_PEERS[name](site.host) for name in names):
        ways[peer.name] = functools.partial(by_peer, site, peer, links)
    ways[_OURS] = functools.partial(by_system, site, links)
    plug: dict[str, list[float]] = {name: [] for name in ways}
    unplug: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(runs):
        report.progress(f"{shape}, {count} links: run {number + 1} of {runs}")
        for name, way in ways.items():
            for samples, took in zip((plug, unplug), way(), strict=True):
                samples[name].append(took)
    for verb, samples in (("plug", plug), ("unplug", unplug)):
        title = f"{verb} {count} links, {shapes.MEANING[shape]}"
        report.show(title, samples, baseline=next(iter(ways)))
    shapes.remove_bridges(site.host, links)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh bulk", description="Many links in one request, side by side.")
    parser.add_argument("--runs", type=arguments.positive, default=5, help="of each way (default: %(default)s)")
    parser.add_argument(
        "--counts", type=arguments.counts, default="20,100,300,500", help="of links (default: %(default)s)"
    )
    for name, names, default in (("--shapes", shapes.SHAPES, "one-ovs"), ("--peers", _PEERS, "floor")):
        some = f"of {', '.join(names)} (default: %(default)s)"
        parser.add_argument(name, type=arguments.each_of(names), default=default, help=some)
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    with Site(concurrency=options.concurrency) as site:
        for shape in options.shapes:
            for count in options.counts:
                measure(site, shape, count, options.peers, options.runs)
