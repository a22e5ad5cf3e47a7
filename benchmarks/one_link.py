"""One link: five shell commands, and ``ip -batch`` with one ovs-vsctl, against one cast of vethagent over RabbitMQ.

They alternate in one run.

"Stored" is from just before the cast leaves the process that has the API's part until ACTIVE can be read from the
controller's database, where it is committed then, by the clock of the machine that all of it runs on. The shell
commands end when the devices are up; nobody checks what has become of them, and nothing is stored. The agent's part is
from when it took the cast until it found the link as wanted, carrier and ofport included.
"""

import argparse
import contextlib
import datetime
import sqlite3
import time
from collections.abc import Callable

from benchmarks import arguments, peers, report
from benchmarks.beside import Beside
from benchmarks.shapes import End, Wanted
from tests.support import commands, deployment, machine, rest

_HOST = "compute-1"
_FIRST, _SECOND = "phy-br1", "eth1-br1"
_LINK = Wanted((End("br1", _FIRST, ovs=False), End("br-eth1", _SECOND, ovs=True)))
_SCRIPT = f"""
ip link add {_SECOND} type veth peer name {_FIRST}
brctl addif br1 {_FIRST}
ovs-vsctl "$1" add-port br-eth1 {_SECOND}
ip link set {_FIRST} up
ip link set {_SECOND} up
"""
_SHELL = "shell: ip, brctl, ovs-vsctl, ip, ip"
_STORED = "vethagent: cast to ACTIVE stored"
_AGENT = "of that the agent, cast taken to as wanted"
_WARM_UP = 2
#: Seconds between two looks into the database: no more than a few hundredths of one of the two cores.
_LOOK = 0.0005


def by_shell(node: deployment.Node) -> float:
    """Plug by five commands and unplug again; return the milliseconds of the five."""
    database = f"--db={node.host.ovsdb}"
    # What is started from here is in the namespace by itself: no `ip netns exec` is measured.
    with node.host.namespace.entered():
        begun = time.perf_counter()
        commands.run("sh", "-ec", _SCRIPT, "sh", database)
        took = time.perf_counter() - begun
        commands.run("ovs-vsctl", database, "del-port", "br-eth1", _SECOND)
        commands.run("ip", "link", "del", _SECOND)
    return took * 1000


def by_batch(peer: peers.Batch) -> float:
    """Plug and unplug as the floor does; return the milliseconds of the plug."""
    begun = time.perf_counter()
    peer.plug([_LINK])
    took = time.perf_counter() - begun
    peer.unplug([_LINK])
    return took * 1000


def by_system(api: rest.Rest, caster: Beside, database: sqlite3.Connection) -> dict[str, float]:
    """Plug by one cast and unplug again; return the milliseconds by what they measure."""
    cast = caster.ask(_LINK.body(_HOST))
    status = "SELECT 1 FROM bridge_links WHERE id = ? AND status = 'ACTIVE'"
    # The API is not asked meanwhile: a question to it is work for the same two cores.
    commands.wait_until(
        lambda: database.execute(status, (cast["id"],)).fetchone(), what="ACTIVE", timeout=60, interval=_LOOK
    )
    stored_at = time.time()
    (plugged,) = [event for event in api.events(f"link_id={cast['id']}") if event["kind"] == "plugged"]
    api.delete(cast["id"])
    api.wait_until_gone(cast["id"])
    heard_at, wanted_at = map(datetime.datetime.fromisoformat, (plugged["timing"]["heard_at"], plugged["observed_at"]))
    took = (wanted_at - heard_at).total_seconds()
    return {_STORED: (stored_at - cast["cast_at"]) * 1000, _AGENT: took * 1000}


def measure(runs: int, concurrency: str, progress: Callable[[str], None]) -> dict[str, list[float]]:
    """Return the milliseconds of each way, ``runs`` of each."""
    samples: dict[str, list[float]] = {_SHELL: [], peers.Batch.name: [], _STORED: [], _AGENT: []}
    progress("starting RabbitMQ, controller, API and one host with its agent")
    with (
        deployment.Deployment() as made,
        contextlib.closing(Beside(made, "caster")) as caster,
        contextlib.closing(sqlite3.connect(f"file:{made.database}?mode=ro", uri=True)) as database,
    ):
        node = made.add_node(_HOST, concurrency=concurrency)
        floor = peers.Batch(node.host)
        progress(f"{runs} runs of each, alternating, after {_WARM_UP} to warm up")
        for number in range(-_WARM_UP, runs):
            run = {_SHELL: by_shell(node), peers.Batch.name: by_batch(floor)}
            run |= by_system(made.rest, caster, database)
            if number >= 0:
                for name, took in run.items():
                    samples[name].append(took)
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench.sh one_link", description="One link, side by side.")
    parser.add_argument("--runs", type=arguments.positive, default=20, help="of each way (default: %(default)s)")
    parser.add_argument("--concurrency", choices=["eventlet", "threading"], default="eventlet", help="of the agent")
    options = parser.parse_args()
    machine.prepare()
    samples = measure(options.runs, options.concurrency, lambda text: print(f"==> {text}", flush=True))
    agent = samples.pop(_AGENT)
    floor = samples.pop(peers.Batch.name)
    report.show(f"one link, agent on {options.concurrency}", samples, baseline=_SHELL)
    report.show("of that in the agent", {peers.Batch.name: floor, _AGENT: agent}, baseline=peers.Batch.name)
