"""How long traffic stops when somebody deletes the pair of a link: the gap that a stream of packets has."""

import argparse
import contextlib
import itertools
import math
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Iterator

from benchmarks import arguments, report
from benchmarks.site import HOST, Site
from tests.support import commands, hosts, machine

_INTERVAL = 0.001
_PORT = 9000
_FIRST, _SECOND = "phy-br1", "eth1-br1"
_QUIET = 0.5


class Stream:
    """A datagram each millisecond from one guest to another."""

    def __init__(self, source: hosts.Guest, target: hosts.Guest) -> None:
        with target.entered():
            self._target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._target.bind((target.address, _PORT))
        with source.entered():
            self._source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._source.setblocking(False)
        self._address = target.address, _PORT
        self._ended = threading.Event()
        #: When each came, by perf_counter.
        self.arrivals: list[float] = []
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._send, self._receive)]

    @contextlib.contextmanager
    def running(self) -> Iterator["Stream"]:
        """Send for as long as the block lasts."""
        for thread in self._threads:
            thread.start()
        try:
            commands.wait_until(lambda: len(self.arrivals) > 100, what="the first packets")
            yield self
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()
            self._source.close()
            self._target.close()

    def gap_since(self, begun: float) -> float:
        """Return the longest time without a packet since then, in milliseconds."""
        times = [at for at in list(self.arrivals) if at >= begun - 10 * _INTERVAL]
        return max(later - earlier for earlier, later in itertools.pairwise(times)) * 1000

    def flows_since(self, begun: float) -> bool:
        """Return whether packets came after a gap, and for a while."""
        return bool(self.arrivals) and len([at for at in self.arrivals[-400:] if at > begun + _QUIET]) > 100

    def _send(self) -> None:
        while not self._ended.wait(_INTERVAL):
            with contextlib.suppress(OSError):
                self._source.sendto(b"x", self._address)

    def _receive(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._target, selectors.EVENT_READ)
            while not self._ended.is_set():
                if selector.select(0.1):
                    self._target.recv(64)
                    self.arrivals.append(time.perf_counter())


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that is not less than ``share`` of them."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def measure(site: Site, runs: int) -> list[float]:
    """Return the milliseconds of each gap."""
    ends = [{"bridge": "br1", "device": _FIRST}, {"bridge": "br-eth1", "device": _SECOND}]
    link = site.api.create({"host": HOST, "ends": ends})
    site.api.wait_for_status(link["id"], "ACTIVE")
    gaps = []
    with Stream(site.node.guest1, site.node.guest2).running() as stream:
        for _ in range(runs):
            begun = time.perf_counter()
            site.host.ip("link", "del", _FIRST)
            commands.wait_until(lambda begun=begun: stream.flows_since(begun), what="traffic", interval=0.1)  # type: ignore[misc]
            gaps.append(stream.gap_since(begun))
    return gaps


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh repair", description="Traffic after `ip link del`.")
    parser.add_argument("--runs", type=arguments.positive, default=100, help="(default: %(default)s)")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    with Site(concurrency=options.concurrency) as site:
        report.progress(f"{options.runs} times `ip link del {_FIRST}`, with a packet each millisecond")
        gaps = measure(site, options.runs)
    name = "gap in the traffic"
    report.show(f"repair after ip link del, agent on {options.concurrency}", {name: gaps}, baseline=name)
    print(f"p50 {statistics.median(gaps):.1f} ms, p99 {percentile(gaps, 0.99):.1f} ms")
