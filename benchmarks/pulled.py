"""Many of many more links pulled out at once, until all of them carry again, against a bulk plug of as many.

They go by device group, in one message to the kernel: one by one the last would have gone seconds after the first.
"""

import argparse
import time

from benchmarks import report, shapes
from benchmarks.bulk import by_system
from benchmarks.site import Site, settle
from tests.support import commands, machine

_GROUP = "4711"
_PLUG, _PULLED = "one bulk request, until all carry", "pulled out, until all carry again"


def pull(site: Site, links: list[shapes.Wanted]) -> float:
    """Delete the pairs of ``links`` at once; return the milliseconds until each carries again."""
    namespace = site.host.namespace.name
    old = site.watcher.indexes(links)
    lines = "\n".join(f"link set {link.ends[0].device} group {_GROUP}" for link in links)
    commands.run("ip", "-n", namespace, "-batch", "-", stdin=lines)
    settle(site)
    begun = time.perf_counter()
    commands.run("ip", "-n", namespace, "link", "delete", "group", _GROUP)
    return (site.watcher.wait_until_carrying(links, 250, instead=old) - begun) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh pulled", description="Many links pulled out at once.")
    parser.add_argument("--runs", type=int, default=5, help="of each (default: %(default)s)")
    parser.add_argument("--count", type=int, default=1000, help="of all links (default: %(default)s)")
    parser.add_argument("--pulled", type=int, default=200, help="of these (default: %(default)s)")
    parser.add_argument("--shape", choices=shapes.SHAPES, default="several-ovs", help="of the links")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    links = shapes.SHAPES[options.shape](options.count)
    chosen, others = links[: options.pulled], links[options.pulled :]
    samples: dict[str, list[float]] = {_PLUG: [], _PULLED: []}
    with Site(concurrency=options.concurrency) as site:
        shapes.make_bridges(site.host, links)
        report.progress(f"plugging {len(others)} links")
        stay = site.plug(others)
        site.watcher.wait_until_carrying(others, 250)
        site.wait_until_stored(stay, "ACTIVE")
        for number in range(options.runs):
            report.progress(f"run {number + 1} of {options.runs}")
            samples[_PLUG].append(by_system(site, chosen)[0])
            ids = site.plug(chosen)
            site.watcher.wait_until_carrying(chosen, 250)
            site.wait_until_stored(ids, "ACTIVE")
            samples[_PULLED].append(pull(site, chosen))
            site.wait_until_stored(ids, "ACTIVE")
            site.unplug(ids)
            site.wait_until_stored(ids, None)
            settle(site)
    title = f"{options.pulled} of {options.count} links, agent on {options.concurrency}"
    report.show(title, samples, baseline=_PLUG)


if __name__ == "__main__":
    main()
