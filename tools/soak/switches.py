"""What befalls bridges and Open vSwitch."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator

from tests.support import commands, daemons, freezing
from tools.soak.acting import HARMS, measured
from tools.soak.record import SERVICE, Record
from tools.soak.site import SWITCH, VICTIM, Site
from tools.soak.watch import PATIENCE


def rebuild_bridge(site: Site, rng: random.Random, record: Record) -> None:
    """Of either kind, and soon or at once."""
    bridge = rng.choice(site.restless)
    began = time.monotonic()
    site.delete_bridge(bridge)
    time.sleep(rng.choice([0, rng.uniform(0, 2)]))
    site.make_bridge(bridge)
    kind = "OVS bridge on the netdev datapath" if bridge in site.host.ovs_bridges else "Linux bridge"
    with measured(f"{kind} deleted and made again", record, since=began):
        site.wait_until_whole()


def kill_switch(site: Site, rng: random.Random, record: Record) -> None:
    """What passes through the userspace datapath is lost while it is not there, which is nobody's fault."""
    switch = site.host.ovs.switch
    with (
        _killed(site, rng, switch.kill, switch.start) as since,
        measured("ovs-vswitchd killed", record, SERVICE, since=since),
    ):
        site.wait_until_whole()


def kill_server(site: Site, rng: random.Random, record: Record) -> None:
    """The userspace datapath waits for it too: ovs-vswitchd passes no packets before it is connected again."""
    ovs = site.host.ovs
    with _killed(site, rng, ovs.server.kill, ovs.start_server) as since:
        _harm("ovsdb-server killed, then sabotage", site, rng, record, since=since)


def kill_both(site: Site, rng: random.Random, record: Record) -> None:
    """As when the package is upgraded."""
    ovs = site.host.ovs

    def start() -> None:
        ovs.start_server()
        ovs.switch.start()

    with _killed(site, rng, ovs.close, start) as since:
        _harm("ovs-vswitchd and ovsdb-server killed, then sabotage", site, rng, record, since=since)


def stop_either(site: Site, rng: random.Random, record: Record) -> None:
    """It takes connections and does not answer, for longer than the agent waits or not."""
    ovs = site.host.ovs
    which: daemons.Daemon = rng.choice([ovs.server, ovs.switch])
    with site.unwatched(SWITCH):
        began = time.monotonic()
        with freezing.stopped(which.pid):
            site.host.ip("link", "delete", VICTIM[0])
            time.sleep(rng.uniform(1, 8))
        _wait_for_switch(site)
        with measured(f"{which.name} stopped, an end deleted meanwhile", record, since=began):
            site.wait_until_carries()
            site.wait_until_whole()


@contextlib.contextmanager
def _killed(site: Site, rng: random.Random, kill: Callable[[], object], start: Callable[[], object]) -> Iterator[float]:
    """Something is away for a while, and back when the block begins; yield when it was killed."""
    with site.unwatched(SWITCH):
        killed = time.monotonic()
        kill()
        time.sleep(rng.uniform(0, 2))
        start()
        yield killed


def _harm(kind: str, site: Site, rng: random.Random, record: Record, *, since: float) -> None:
    """One thing, when the switch is connected again."""
    _wait_for_switch(site)
    with measured(kind, record, since=since):
        rng.choice(HARMS).act(site)
        site.wait_until_carries()
        site.wait_until_whole()


def _wait_for_switch(site: Site) -> None:
    """Until the switch is connected again, which takes it some seconds, nothing can come of anything."""
    commands.wait_until(lambda: _answers(site), what="ovs-vswitchd", timeout=PATIENCE, interval=0.2)


def _answers(site: Site) -> bool:
    """Return whether ovs-vswitchd takes in what is in the database."""
    bump = ("--timeout=2", f"--db={site.host.ovsdb}", "set", "Open_vSwitch", ".", "external_ids:soak=1")
    return commands.run("ovs-vsctl", *bump, check=False, env=site.host.ovs.env).returncode == 0
