"""What befalls an agent, its helper, its store and its host."""

import contextlib
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator

from tests.support import commands, copies, freezing, processes, whole
from tools.soak.acting import HARMS, measured, named
from tools.soak.record import SERVICE, START, Record
from tools.soak.site import KERNEL, SPARE, SWITCH, Site
from tools.soak.watch import PATIENCE
from vethagent.plumbing import naming

#: Messages of the kernel that an agent finds when it stood still, more than its socket has room for.
_FLOOD = 4000
#: Open vSwitch grants what is requested, and its bridge follows.
_OF_NO_MTU = tuple(harm for harm in HARMS if "MTU" not in (*harm.codes, *harm.passing))


@contextlib.contextmanager
def _without_agent(site: Site, *, kill: bool = True) -> Iterator[None]:
    """The agent is away while the block lasts, and started after it."""
    agent = site.node.agent
    if kill:
        agent.kill()
    else:
        assert agent.stop(PATIENCE) == 0, f"SIGTERM: {agent.tail()}"
    commands.wait_until(lambda: not processes.helpers(site.host), what="the end of the helper", timeout=PATIENCE)
    yield
    agent.start()


def kill(site: Site, rng: random.Random, record: Record) -> None:
    """With something done to a link while it is away, or nothing."""
    harmed, kindly = rng.random() < 0.5, rng.random() < 0.3
    how = "ended by SIGTERM" if kindly else "killed"
    killed, before = time.monotonic(), site.started_at()
    with named(f"agent {how}"), _without_agent(site, kill=not kindly):
        if harmed:
            rng.choice(HARMS).act(site)
        time.sleep(rng.uniform(0, 2))
    if harmed:
        with measured(f"agent {how}, sabotage while it is away", record, START, since=killed):
            site.wait_until_carries()
            site.wait_until_whole()
        site.wait_for_another_agent(before)
        return
    with measured(f"agent {how} (until the next one is heard)", record, SERVICE, since=killed):
        site.wait_for_another_agent(before)


def reload(site: Site, rng: random.Random, record: Record) -> None:
    """On native threads SIGHUP is a new process, on others another look at the configuration."""
    site.node.agent.signal(signal.SIGHUP)
    with measured("agent told to read its configuration again (SIGHUP), then sabotage", record, START):
        rng.choice(HARMS).act(site)
        site.wait_until_carries()
        site.wait_until_whole()


def kill_helper(site: Site, rng: random.Random, record: Record) -> None:
    """It is missed when something has to be done."""
    with measured("helper killed, then sabotage", record):
        processes.signal_helpers(site.host, signal.SIGKILL)
        rng.choice(HARMS).act(site)
        site.wait_until_carries()


def stop_helper(site: Site, rng: random.Random, record: Record) -> None:
    """It does not answer, until its agent has another one."""
    stopped = processes.helpers(site.host)
    processes.signal_helpers(site.host, signal.SIGSTOP)
    try:
        with measured("helper stopped, then sabotage", record):
            rng.choice(HARMS).act(site)
            site.wait_until_carries()
    finally:
        processes.signal_all(stopped, signal.SIGCONT)


def stop(site: Site, rng: random.Random, record: Record) -> None:
    """With its helper, as a machine does that has nothing left for them."""
    began = time.monotonic()
    with freezing.stopped(site.node.agent.pid):
        rng.choice(HARMS).act(site)
        time.sleep(rng.uniform(0, 5))
    with measured("agent stopped, sabotage meanwhile", record, since=began):
        site.wait_until_carries()


def flood(site: Site, rng: random.Random, record: Record) -> None:
    """What the kernel tells meanwhile is more than there is room for, so some of it is never told."""
    began = time.monotonic()
    with freezing.stopped(site.node.agent.pid):
        site.batch(*(f"link set lo alias flood-{number % 2}" for number in range(_FLOOD)), 'link set lo alias ""')
        rng.choice(HARMS).act(site)
    with measured("agent stopped, more news than it has room for, sabotage", record, since=began):
        site.wait_until_carries()


def reboot(site: Site, rng: random.Random, record: Record) -> None:
    """All pairs of ours are gone, and what is in OVSDB is not."""
    kind = "reboot: all pairs gone, their rows not"
    with site.unwatched(KERNEL, SWITCH):
        began, before = time.monotonic(), site.started_at()
        with named(kind), _without_agent(site):
            site.host.ovs.switch.kill()
            for device in _marked(site):
                site.host.run("ip", "link", "delete", device, check=False)  # it may have gone with its peer
            if rng.random() < 0.5:
                site.host.ovs.switch.start()
        if not site.host.ovs.switch.running:
            site.host.ovs.switch.start()
        with measured(kind, record, START, since=began):
            site.wait_until_whole()
        site.wait_for_another_agent(before)
        site.take_stock()


def _marked(site: Site) -> list[str]:
    devices = whole.Snapshot(site.host).devices
    return [name for name, device in devices.items() if naming.owner(device.get("ifalias", ""))]


# -- the store --------------------------------------------------------------------------------------------------------


def _lose(site: Site, _rng: random.Random) -> None:
    copies.put_back(site.store, None)


def _empty(site: Site, _rng: random.Random) -> None:
    copies.put_back(site.store, b"")


def _spoil(site: Site, rng: random.Random) -> None:
    copies.put_back(site.store, rng.randbytes(5000))


def _cut_short(site: Site, rng: random.Random) -> None:
    copy = copies.take(site.store)
    copies.put_back(site.store, copy[: rng.randrange(1, len(copy))])


def _flip_bits(site: Site, rng: random.Random) -> None:
    """As a disk that gives back what nobody has written."""
    copy = bytearray(copies.take(site.store))
    for _ in range(rng.randint(1, 40)):
        copy[rng.randrange(len(copy))] ^= 1 << rng.randrange(8)
    copies.put_back(site.store, bytes(copy))


_DAMAGES: dict[str, Callable[[Site, random.Random], None]] = {
    "lost": _lose,
    "empty": _empty,
    "no database": _spoil,
    "cut short": _cut_short,
    "with bits flipped": _flip_bits,
}


def damage_store(site: Site, rng: random.Random, record: Record) -> None:
    """What is wanted comes from the controller then; what is plugged stays as it is.

    So does the MTU of a link that has none of its own: what was settled for it was in the store only.
    """
    how, harmed = rng.choice(sorted(_DAMAGES)), rng.random() < 0.5
    kind = f"agent killed, its store {how}{', sabotage' if harmed else ''}"
    began, before = time.monotonic(), site.started_at()
    with named(kind), _without_agent(site):
        _DAMAGES[how](site, rng)
        if harmed:
            rng.choice(_OF_NO_MTU).act(site)
    with measured(kind, record, SERVICE, since=began):
        site.wait_for_another_agent(before)
        _wait_until_settled(site)


def put_back_store(site: Site, rng: random.Random, record: Record) -> None:
    """What was asked for since is not in it, and what has gone since is."""
    kind = "agent killed, an older copy of its store put back"
    copy = copies.take(site.store)
    for _ in range(rng.randint(1, 3)):
        site.churn(rng)
    began, before = time.monotonic(), site.started_at()
    with named(kind), _without_agent(site):
        copies.put_back(site.store, copy)
    with measured(kind, record, SERVICE, since=began):
        site.wait_for_another_agent(before)
        _wait_until_settled(site)


def lose_store(site: Site, rng: random.Random, record: Record) -> None:
    """While its agent runs, which notices when it has something to write."""
    kind = "store deleted while its agent runs"
    with measured(kind, record, SERVICE):
        site.store.unlink()
        site.churn(rng)
        _wait_until_settled(site)


def _wait_until_settled(site: Site) -> None:
    """Wait until the host has what is wanted and nothing else, and the store has it too."""
    site.wait_until_whole()
    site.wait_until_clean()
    site.wait_for(lambda: _unstored(site), "what is wanted in the store")


def _unstored(site: Site) -> list[str]:
    """Return which links are in the store or wanted, and not both."""
    try:
        with contextlib.closing(sqlite3.connect(f"{site.store.as_uri()}?mode=ro", uri=True)) as database:
            stored = {str(link_id) for (link_id,) in database.execute("SELECT id FROM link")}
    except sqlite3.Error as error:  # it is being made
        return [str(error)]
    return sorted(stored ^ {link["id"] for link in site.links.values()})


# -- links that go while their agent is away --------------------------------------------------------------------------


def force(site: Site, _rng: random.Random, record: Record) -> None:
    """The controller forgets a link of a host that does not answer; what it left there goes when the agent is back."""
    kind = "link deleted by force while its agent is away"
    site.plug("forced", [{"bridge": bridge} for bridge in SPARE])
    began, before = time.monotonic(), site.started_at()
    with named(kind), _without_agent(site):
        site.forget("forced")
    with measured(kind, record, SERVICE, since=began):
        site.wait_for_another_agent(before)
        site.wait_until_clean()
