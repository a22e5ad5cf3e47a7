"""What is done to one host; each act waits until all is whole again, and says what it was."""

import contextlib
import dataclasses
import os
import random
import signal
import time
from collections.abc import Callable, Iterator

from tests.functional.agent import sabotage
from tests.support import commands, freezing, processes
from tools.soak.record import MODE, REPAIR, SERVICE, START, Record
from tools.soak.site import Site
from tools.soak.watch import PATIENCE

_HARMS = (*sabotage.ALL, sabotage.MTU)
#: Seconds between two acts.
_PAUSE = (0.05, 0.5)


@dataclasses.dataclass(frozen=True)
class Act:
    """``do`` may happen ``weight`` times as often as one with 1."""

    weight: float
    do: Callable[[Site, random.Random, Record], None]


def _sabotage(site: Site, rng: random.Random, record: Record) -> None:
    harm = rng.choice(_HARMS)
    with _measured(f"sabotage: {harm.name}", record):
        harm.act(site)
        site.wait_until_carries()


def _churn(site: Site, rng: random.Random, record: Record) -> None:
    began = time.monotonic()
    record.asked(site.churn(rng), time.monotonic() - began)


def _kill_agent(site: Site, rng: random.Random, record: Record) -> None:
    killed = time.monotonic()
    site.node.agent.kill()
    commands.wait_until(lambda: not processes.helpers(site.host), what="the end of the helper", timeout=PATIENCE)
    harmed = rng.random() < 0.5
    if harmed:
        rng.choice(_HARMS).act(site)
    time.sleep(rng.uniform(0, 2))
    before = site.api.get(f"/v1/agents/{site.host.name}")["started_at"]
    site.node.agent.start()
    if harmed:
        with _measured("agent killed, sabotage while it is away", record, START, since=killed):
            site.wait_until_carries()
            site.wait_until_whole()
        site.wait_for_another_agent(before)
        return
    with _measured("agent killed (until the next one is heard)", record, SERVICE, since=killed):
        site.wait_for_another_agent(before)


def _kill_helper(site: Site, rng: random.Random, record: Record) -> None:
    with _measured("helper killed, then sabotage", record):
        _signal(processes.helpers(site.host), signal.SIGKILL)
        rng.choice(_HARMS).act(site)
        site.wait_until_carries()


def _stop_helper(site: Site, rng: random.Random, record: Record) -> None:
    stopped = processes.helpers(site.host)
    _signal(stopped, signal.SIGSTOP)
    try:
        with _measured("helper stopped, then sabotage", record):
            rng.choice(_HARMS).act(site)
            site.wait_until_carries()
    finally:
        _signal(stopped, signal.SIGCONT)


def _stop_agent(site: Site, rng: random.Random, record: Record) -> None:
    """With its helper, as a machine does that has nothing left for them."""
    began = time.monotonic()
    with freezing.stopped(site.node.agent.pid):
        rng.choice(_HARMS).act(site)
        time.sleep(rng.uniform(0, 5))
    with _measured("agent stopped, sabotage meanwhile", record, since=began):
        site.wait_until_carries()


def _only_observe(site: Site, rng: random.Random, record: Record) -> None:
    """What is harmed is told, and stays so until the mode is enforce again."""
    harm = rng.choice(_HARMS)
    site.set_mode("observe")
    harm.act(site)
    site.wait_until_told()
    assert site.defects("victim"), f"{harm.name}: mended by an agent that observes"
    with _measured("sabotage in mode observe, then enforce", record, MODE):
        site.set_mode("enforce")
        site.wait_until_carries()


def _pause(site: Site, rng: random.Random, record: Record) -> None:
    """Nothing is done meanwhile, neither to what is harmed nor to what is asked for."""
    site.set_mode("paused")
    rng.choice(_HARMS).act(site)
    time.sleep(rng.uniform(0, 2))
    assert site.defects("victim"), "mended by an agent that is paused"
    with _measured("sabotage in mode paused, then enforce", record, MODE):
        site.set_mode("enforce")
        site.wait_until_carries()


def _rebuild_bridge(site: Site, rng: random.Random, record: Record) -> None:
    """Of either kind, and soon or at once."""
    bridge = rng.choice(site.restless)
    began = time.monotonic()
    site.delete_bridge(bridge)
    time.sleep(rng.choice([0, rng.uniform(0, 2)]))
    site.make_bridge(bridge)
    with _measured("bridge deleted and made again", record, since=began):
        site.wait_until_whole()


def _kill_switch(site: Site, rng: random.Random, record: Record) -> None:
    with site.unwatched():
        killed = time.monotonic()
        site.host.ovs.switch.kill()
        time.sleep(rng.uniform(0, 2))
        site.host.ovs.switch.start()
        with _measured("ovs-vswitchd killed", record, SERVICE, since=killed):
            site.wait_until_whole()


def _kill_server(site: Site, rng: random.Random, record: Record) -> None:
    with site.unwatched():
        killed = time.monotonic()
        site.host.ovs.server.kill()
        time.sleep(rng.uniform(0, 2))
        site.host.ovs.start_server()
        # Until the switch is connected again, which takes it some seconds, nothing can come of it.
        commands.wait_until(lambda: _answers(site), what="ovs-vswitchd", timeout=PATIENCE, interval=0.2)
        with _measured("ovsdb-server killed, then sabotage", record, since=killed):
            rng.choice(_HARMS).act(site)
            site.wait_until_carries()
            site.wait_until_whole()


ACTS = (
    Act(10, _sabotage),
    Act(6, _churn),
    Act(1, _kill_agent),
    Act(1, _kill_helper),
    Act(0.5, _stop_helper),
    Act(0.5, _stop_agent),
    Act(0.5, _only_observe),
    Act(0.5, _pause),
    Act(1, _rebuild_bridge),
    Act(0.5, _kill_switch),
    Act(0.5, _kill_server),
)


def drawn(rng: random.Random) -> Iterator[tuple[float, Act, random.Random]]:
    """Yield pauses, what is done after each, and what it draws from by itself.

    Nothing depends on what comes of it, so the same seed draws the same acts.
    """
    while True:
        pause = rng.uniform(*_PAUSE)
        chosen = rng.choices(ACTS, [each.weight for each in ACTS])[0]
        yield pause, chosen, random.Random(rng.random())


@contextlib.contextmanager
def _measured(kind: str, record: Record, group: str = REPAIR, *, since: float | None = None) -> Iterator[None]:
    """What is waited for in the block is counted, and apart from it all the time ``since`` a moment before."""
    began = time.monotonic()
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{kind}: {error}") from error
    ended = time.monotonic()
    record.done(kind, ended - began, group, in_all=None if since is None else ended - since)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _answers(site: Site) -> bool:
    """Return whether ovs-vswitchd takes in what is in the database."""
    bump = ("--timeout=2", f"--db={site.host.ovsdb}", "set", "Open_vSwitch", ".", "external_ids:soak=1")
    return commands.run("ovs-vsctl", *bump, check=False, env=site.host.ovs.env).returncode == 0
