"""An agent with many links in place: what its start takes and changes, and what it costs while nothing happens."""

import argparse
import os
import pathlib
import time

import psutil

from benchmarks import arguments, report, shapes
from benchmarks.site import HOST, Site, settle
from tests.support import commands, machine, processes

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: list[int]) -> float:
    """Return the processor time that processes have used."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def workers(pid: int) -> list[int]:
    """Return the process with the threads of an agent: on native ones it is a child, and the parent only waits."""
    return [child.pid for child in psutil.Process(pid).children()] or [pid]


def resident_mb(pids: list[int]) -> float:
    """Return what of processes is in memory."""
    total: int = sum(psutil.Process(pid).memory_info().rss for pid in pids)
    return total / 2**20


def changes(site: Site) -> int:
    """Return how many changes of its configuration Open vSwitch's database has seen."""
    return int(site.host.vsctl("--no-wait", "get", "Open_vSwitch", ".", "next_cfg"))


def start(site: Site) -> float:
    """Restart the agent; return the milliseconds from its start until it has reported that it is in step."""
    before = site.api.get(f"/v1/agents/{HOST}")["started_at"]
    site.node.agent.stop()
    settle(site)
    number, messages = changes(site), site.watcher.messages
    begun = time.perf_counter()
    site.node.agent.start()

    def ready() -> bool:
        shown = site.api.get(f"/v1/agents/{HOST}")
        return bool(shown["started_at"] != before and shown["ready"])

    commands.wait_until(ready, what="an agent in step", interval=0.01)
    took = (time.perf_counter() - begun) * 1000
    made = changes(site) - number, site.watcher.messages - messages
    print(f"changes of OVSDB: {made[0]}, messages of the kernel about devices: {made[1]}")
    return took


def helpers_at_rest(site: Site) -> list[int]:
    """Return the agent's helpers once their start is over: an agent is in step before, and starts them by a child."""
    agent = psutil.Process(site.node.agent.pid)

    def rest() -> bool:
        found = processes.helpers(site.host)
        return bool(found) and not {child.pid for child in agent.children(recursive=True)}.intersection(found)

    commands.wait_until(rest, what="a helper that has started", interval=1)
    return processes.helpers(site.host)


def idle(site: Site, seconds: float) -> None:
    """Look at the agent for a while in which nothing happens."""
    helpers = helpers_at_rest(site)
    agent = workers(site.node.agent.pid)
    number, messages, used = changes(site), site.watcher.messages, cpu_seconds([*agent, *helpers])
    time.sleep(seconds)
    share = (cpu_seconds([*agent, *helpers]) - used) / seconds * 100
    print(
        f"idle for {seconds:.0f} s: {share:.2f} % of a core, RSS {resident_mb(agent):.0f} MB, helper "
        f"{resident_mb(helpers):.0f} MB, changes of OVSDB: {changes(site) - number}, "
        f"messages of the kernel about devices: {site.watcher.messages - messages}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh standing", description="Start and idling with many links.")
    parser.add_argument("--runs", type=arguments.positive, default=5, help="starts (default: %(default)s)")
    parser.add_argument("--count", type=arguments.links, default=1000, help="of links in place (default: %(default)s)")
    parser.add_argument("--seconds", type=arguments.positive, default=60, help="of idling (default: %(default)s)")
    parser.add_argument("--shape", choices=shapes.SHAPES, default="one-ovs", help="of the links")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    links = shapes.SHAPES[options.shape](options.count)
    with Site(concurrency=options.concurrency) as site:
        shapes.make_bridges(site.host, links)
        report.progress(f"plugging {len(links)} links")
        site.place(links)
        report.progress(f"starting the agent {options.runs} times")
        name = "process started until in step"
        took = [start(site) for _ in range(options.runs)]
        title = f"start with {len(links)} links in place, agent on {options.concurrency}"
        report.show(title, {name: took}, baseline=name)
        report.progress(f"idling for {options.seconds:g} s")
        idle(site, options.seconds)
