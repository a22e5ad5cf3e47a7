"""One more link in an OVS bridge that has none, and in one that has many: how much of the time grows with them.

The peer for the same link, ``ip -batch`` and one ovs-vsctl, shows the share of kernel and ovs-vswitchd.
"""

import argparse
import time

from benchmarks import arguments, peers, report, shapes
from benchmarks.bulk import by_peer, by_system
from benchmarks.shapes import Wanted
from benchmarks.site import Site
from tests.support import machine

_WARM_UP = 2


def measure(site: Site, link: Wanted, runs: int) -> dict[str, list[float]]:
    """Return the milliseconds of one plug, of the peer and of ours."""
    peer = peers.Batch(site.host)
    samples: dict[str, list[float]] = {peer.name: [], "vethagent: request to carrying": []}
    for number in range(-_WARM_UP, runs):
        took = by_peer(site, peer, [link])[0], by_system(site, [link])[0]
        if number >= 0:
            for values, value in zip(samples.values(), took, strict=True):
                values.append(value)
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh grown", description="One more link with many in place.")
    parser.add_argument("--runs", type=arguments.positive, default=10, help="of each way (default: %(default)s)")
    parser.add_argument("--count", type=arguments.links, default=1000, help="of links in place (default: %(default)s)")
    parser.add_argument("--shape", choices=shapes.SHAPES, default="one-ovs", help="of all of them")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    *others, last = shapes.SHAPES[options.shape](options.count + 1)
    with Site(concurrency=options.concurrency) as site:
        shapes.make_bridges(site.host, [*others, last])
        report.progress(f"{options.runs} runs with no other link")
        alone = measure(site, last, options.runs)
        report.progress(f"plugging {len(others)} links")
        begun = time.perf_counter()
        site.place(others)
        report.progress(f"that took {time.perf_counter() - begun:.1f} s")
        report.progress(f"{options.runs} runs beside them")
        grown = measure(site, last, options.runs)
    for (name, none), many in zip(alone.items(), grown.values(), strict=True):
        samples = {"with no other link": none, f"with {len(others)} in place": many}
        report.show(f"one more link, {name}", samples, baseline="with no other link")
