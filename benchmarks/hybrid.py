"""Many links, each with a Linux bridge that is made with it and goes with it, beside os-vif's hybrid plug.

os-vif does one after the other, in a process that runs already; it says no more of a port than that it asked for it.
With ours the bridges are made by one ``ip -batch``, the links by one request, and the bridges go by device group.
"""

import argparse
import contextlib
import functools
import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import arguments, bulk, report, shapes
from benchmarks.peers import Peer
from benchmarks.shapes import End, Wanted
from benchmarks.site import Site
from tests.support import commands, hosts, machine

_OURS = "vethagent: ip -batch and one bulk request"
_GROUP = "4712"


class OsVif(Peer):
    """os-vif in a process that runs already, asked for one link after the other."""

    name = "os-vif: hybrid plug, one after the other"

    def __init__(self, host: hosts.Host) -> None:
        super().__init__(host)
        with host.namespace.entered():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.osvif", host.ovsdb],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        self._hear("ready")

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)

    def plug(self, links: Sequence[Wanted]) -> None:
        """Make the links with their bridges."""
        self._ask("plug", links)

    def unplug(self, links: Sequence[Wanted]) -> None:
        """Remove both."""
        self._ask("unplug", links)

    def _ask(self, verb: str, links: Sequence[Wanted]) -> None:
        print(json.dumps({verb: [_vif_id(link) for link in links]}), file=self._process.stdin, flush=True)
        self._hear("done")

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        heard = self._process.stdout.readline().strip()
        assert heard == word, "os-vif has failed; is what benchmarks/requirements.txt names installed?"


def wanted(count: int) -> list[Wanted]:
    """Return links with the names that os-vif gives them."""
    tails = [f"{number:08x}-00" for number in range(count)]
    return [Wanted((End(f"qbr{tail}", f"qvb{tail}", False), End("ob", f"qvo{tail}", True))) for tail in tails]


def _vif_id(link: Wanted) -> str:
    return f"{link.ends[0].device.removeprefix('qvb')}00-4000-8000-000000000000"


def by_system(site: Site, links: Sequence[Wanted]) -> tuple[float, float]:
    """Return the milliseconds of plug and unplug, with the Linux bridges made and removed."""
    bridges = [link.ends[0].bridge for link in links]
    lines = [f"link add name {name} group {_GROUP} type bridge\nlink set {name} up" for name in bridges]
    ip = functools.partial(commands.run, "ip", "-n", site.host.namespace.name)
    return bulk.by_system(
        site,
        links,
        first=functools.partial(ip, "-batch", "-", stdin="\n".join(lines)),
        last=functools.partial(ip, "link", "delete", "group", _GROUP),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh hybrid", description="Links with their bridges, and os-vif.")
    parser.add_argument("--runs", type=arguments.positive, default=3, help="of each way (default: %(default)s)")
    parser.add_argument("--count", type=arguments.links, default=100, help="of links (default: %(default)s)")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    links = wanted(options.count)
    plug: dict[str, list[float]] = {OsVif.name: [], _OURS: []}
    unplug: dict[str, list[float]] = {OsVif.name: [], _OURS: []}
    with Site(concurrency=options.concurrency) as site:
        site.host.vsctl("add-br", "ob", "--", "set", "Bridge", "ob", "datapath_type=netdev")
        with contextlib.closing(OsVif(site.host)) as peer:
            for number in range(options.runs):
                report.progress(f"{options.count} links: run {number + 1} of {options.runs}")
                for name, took in ((OsVif.name, bulk.by_peer(site, peer, links)), (_OURS, by_system(site, links))):
                    plug[name].append(took[0])
                    unplug[name].append(took[1])
    for verb, samples in (("plug", plug), ("unplug", unplug)):
        report.show(f"{verb} {options.count} links, {shapes.MEANING['one-ovs']}", samples, baseline=OsVif.name)
