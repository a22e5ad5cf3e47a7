"""Many of many more links pulled out at once, until all of them carry again, against a bulk plug of as many.

They go by device group, in one message to the kernel: one by one the last would have gone seconds after the first. By
hand, with all commands ready, shows what of it is kernel and ovs-vswitchd.
"""

import argparse
import time
from collections.abc import Callable, Sequence

from benchmarks import arguments, peers, report, shapes
from benchmarks.bulk import by_system
from benchmarks.shapes import Wanted
from benchmarks.site import LONG, Site, settle
from tests.support import commands, machine

_GROUP = "4711"
_ALONE, _PLUG = "one bulk request, none in place", "one bulk request, the others in place"
_PULLED, _HAND = "pulled out, until all carry again", "the same by hand: del-port, ip -batch, add-port"


def pull(site: Site, links: Sequence[Wanted], repair: Callable[[], None] = lambda: None) -> float:
    """Delete the pairs of ``links`` at once and ``repair`` them; return the milliseconds until each carries again."""
    namespace = site.host.namespace.name
    old = site.watcher.indexes(links)
    lines = "\n".join(f"link set {link.ends[0].device} group {_GROUP}" for link in links)
    commands.run("ip", "-n", namespace, "-batch", "-", stdin=lines)
    settle(site)
    begun = time.perf_counter()
    commands.run("ip", "-n", namespace, "link", "delete", "group", _GROUP)
    repair()
    return (site.watcher.wait_until_carrying(links, LONG, instead=old) - begun) * 1000


def pull_ours(site: Site, links: Sequence[Wanted]) -> float:
    """Plug and pull; return the milliseconds until the agent has them carry again."""
    ids = site.place(links)
    took = pull(site, links)
    site.wait_until_stored(ids, "ACTIVE")
    site.unplug(ids)
    site.wait_until_stored(ids, None)
    settle(site)
    return took


def pull_theirs(site: Site, links: Sequence[Wanted]) -> float:
    """The same of links that are not the agent's, so that it leaves them alone."""
    peer = peers.Batch(site.host)
    peer.plug(links)
    site.watcher.wait_until_carrying(links, LONG)
    took = pull(site, links, lambda: peer.repair(links))
    peer.unplug(links)
    site.watcher.wait_until_gone(links, LONG)
    settle(site)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh pulled", description="Many links pulled out at once.")
    parser.add_argument("--runs", type=arguments.positive, default=5, help="of each (default: %(default)s)")
    parser.add_argument("--count", type=arguments.links, default=1000, help="of all links (default: %(default)s)")
    parser.add_argument("--pulled", type=arguments.links, default=200, help="of these (default: %(default)s)")
    parser.add_argument("--shape", choices=shapes.SHAPES, default="several-ovs", help="of the links")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    if options.pulled > options.count:
        parser.error(f"--pulled {options.pulled} is more than --count {options.count}")
    machine.prepare()
    links = shapes.SHAPES[options.shape](options.count)
    chosen, others = links[: options.pulled], links[options.pulled :]
    samples: dict[str, list[float]] = {_PLUG: [], _ALONE: [], _PULLED: [], _HAND: []}
    with Site(concurrency=options.concurrency) as site:
        shapes.make_bridges(site.host, links)
        report.progress(f"plugging {len(chosen)} links {options.runs} times, alone")
        samples[_ALONE] = [by_system(site, chosen)[0] for _ in range(options.runs)]
        if others:
            report.progress(f"plugging {len(others)} links")
            site.place(others)
        for number in range(options.runs):
            report.progress(f"run {number + 1} of {options.runs}")
            samples[_PLUG].append(by_system(site, chosen)[0])
            samples[_PULLED].append(pull_ours(site, chosen))
            samples[_HAND].append(pull_theirs(site, chosen))
        title = f"{options.pulled} of {options.count} links, agent on {options.concurrency}"
        report.show(title, samples, baseline=_PLUG)
