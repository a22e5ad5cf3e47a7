"""Two controllers, two APIs, MariaDB, quorum queues and eight hosts: links come and go while processes are killed.

::

    VETHAGENT_FLEET=2000 tox -e fullstack -- tests/fullstack/test_fleet.py -s

has as many links, ``VETHAGENT_SEED`` the seed that a run before has printed: people ask for the same then, and the same
processes die in the same order, but how these meet is a matter of time. All casts go through the hands of a man in the
middle.

Then a link template is rolled out over these hosts, while both controllers and the broker die at certain moments: an
agent that is away holds each of these up.
"""

import collections
import os
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.fullstack import people, uplinks
from tests.fullstack.killer import Killer
from tests.fullstack.middle import Middle
from tests.fullstack.people import Person
from tests.fullstack.uplinks import Uplink
from tests.support import asked, commands, databases, deployment, machine
from tools.soak import verdict

_LINKS = int(os.environ.get("VETHAGENT_FLEET", "96"))
_SEED = os.environ.get("VETHAGENT_SEED") or str(random.randrange(10**6))
_HOSTS = 8
_AGENT = {"report_interval": "3", "rpc_timeout": "5"}

pytestmark = pytest.mark.timeout(300 + _LINKS)


@pytest.fixture(scope="module")
def fleet() -> Iterator[deployment.Deployment]:
    """Controllers, APIs, broker and database."""
    machine.prepare()
    with deployment.Deployment(copies=2, server=databases.MariaDB, quorum=True) as made:
        yield made


@pytest.fixture(scope="module")
def nodes(fleet: deployment.Deployment) -> list[deployment.Node]:
    """The hosts, half of whose agents run on each kind of threads."""
    kinds = {f"fleet-{number}": ("eventlet", "threading")[number % 2] for number in range(_HOSTS)}
    made = fleet.add_nodes(kinds, agent=_AGENT)
    for node in made:
        node.host.linux_bridge(uplinks.BRIDGE)
    return made


@pytest.fixture
def sites(fleet: deployment.Deployment, nodes: list[deployment.Node]) -> list[asked.Asked]:
    """The same, with a bridge for each link."""
    made = [asked.Asked(fleet.rest, node) for node in nodes]
    for site in made:
        lines = (
            (f"link add name {name} type bridge", f"link set {name} up") for name in people.spokes(_LINKS // _HOSTS)
        )
        site.batch(*(line for pair in lines for line in pair))
        site.begin()
    return made


class Crowd:
    """Several who act at the same time, each on a thread."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._errors: list[BaseException] = []

    def add(self, act: Callable[[], bool], pause: Callable[[], float]) -> None:
        """Let somebody ``act`` until it returns False, with pauses of so many seconds."""

        def run() -> None:
            try:
                while not self._ended.is_set() and act():
                    self._ended.wait(pause())
            except BaseException as error:
                self._errors.append(error)
                self._ended.set()

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def join(self) -> None:
        """Wait until all have ended; raise what one has raised."""
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


def wait_until_done(sites: list[asked.Asked]) -> None:
    """Wait until controller and agents are in step, and no link is shown that nobody wants."""
    for site in sites:
        wanted = {link["id"] for link in site.links.values()}
        commands.wait_until(
            lambda site=site, wanted=wanted: (
                {  # type: ignore[misc]
                    link["id"] for link in site.api.links(f"host={site.host.name}")
                }
                == wanted
            ),
            what=f"the end of links on {site.host.name}",
            timeout=120,
            interval=0.3,
        )
        verdict.wait_until_calm(site)


def check_events(made: deployment.Deployment, host: str, deaths: int) -> list[str]:
    """Return what is wrong with the numbers of a host's events: each agent begins with 1 and leaves out none."""
    after, seqs = 0, []
    while page := made.rest.events(f"host={host}&limit=1000&after={after}"):
        after = page[-1]["id"]
        seqs += [event["seq"] for event in page]
    wrong = [
        f"{host}: event {there} follows event {before}"
        for before, there in zip([0, *seqs], seqs, strict=False)
        if there not in (before + 1, 1)
    ]
    begun = seqs.count(1)
    return (
        wrong if begun <= 1 + deaths else [*wrong, f"{host}: {begun} streams of events, the agent died {deaths} times"]
    )


def check_history(made: deployment.Deployment, persons: list[Person]) -> list[str]:
    """Return what is wrong with the histories of all links that there ever were."""
    return [
        wrong
        for person in persons
        for link_id in person.asks
        for wrong in people.told(
            person.asks[link_id], link_id, made.rest.get(f"/v1/bridge-links/{link_id}/history")["history"]
        )
    ]


def test_links_come_and_go_while_processes_die(fleet: deployment.Deployment, sites: list[asked.Asked]) -> None:
    print(f"seed {_SEED}, {_LINKS} links, {_HOSTS} hosts")
    half = _HOSTS // 2
    persons = [
        Person(fleet.rests, group, seed=f"{_SEED} {number}", count=_LINKS // 2)
        for number, group in enumerate((sites[:half], sites[half:]))
    ]
    killer = Killer(fleet, [site.node for site in sites], seed=f"{_SEED} killer")
    busy = len(persons)
    began = time.monotonic()

    def act_as(person: Person) -> bool:
        nonlocal busy
        more = person.act()
        busy -= not more
        return more

    def kill() -> bool:
        killer.act()
        return busy > 0 or not killer.satisfied

    crowd = Crowd()
    with Middle(fleet, [site.host.name for site in sites], seed=f"{_SEED} middle") as middle:
        for person in persons:
            crowd.add(lambda person=person: act_as(person), person.pause)  # type: ignore[misc]
        crowd.add(kill, killer.pause)
        crowd.join()
    churned = time.monotonic()
    wait_until_done(sites)
    settled = time.monotonic()

    wrong = [sentence for site in sites for sentence in verdict.disagreements(site)]
    deaths = collections.Counter(killer.dead)
    for site in sites:
        wrong += check_events(fleet, site.host.name, deaths[f"agent {site.host.name}"])
    wrong += check_history(fleet, persons)
    there = sum(len(site.links) for site in sites)
    asks = sum(len(asks) for person in persons for asks in person.asks.values())
    print(
        f"{asks} changes asked for in {churned - began:.0f} s, in step {settled - churned:.0f} s later, "
        f"compared in {time.monotonic() - settled:.0f} s; {there} links are left",
        f"killed: {len(killer.dead)}: {', '.join(f'{name} ({n})' for name, n in sorted(deaths.items()))}",
        f"requests made again: {sum(person.repeated for person in persons)}",
        f"casts: {dict(middle.done)}",
        sep="\n",
    )
    assert wrong == []
    assert min(middle.done.values(), default=0) > 0


@pytest.fixture
def uplink(fleet: deployment.Deployment, nodes: list[deployment.Node]) -> Uplink:
    """A template over all hosts, not made yet."""
    return Uplink(fleet.rests[1], [node.name for node in nodes])


def wait_until_heard(made: deployment.Deployment) -> None:
    """Wait until all controllers hear agents."""
    for number in range(len(made.controllers)):
        commands.wait_until(lambda number=number: made.is_listening(number), what="the controllers", timeout=60)  # type: ignore[misc]


def test_a_roll_out_goes_on_after_controllers_and_the_bus_were_lost(
    fleet: deployment.Deployment, nodes: list[deployment.Node], uplink: Uplink
) -> None:
    agents = [node.agent for node in nodes]
    agents[1].kill()
    agents[5].kill()
    uplink.create()
    uplink.wait_for("fleet-1", "STARTED")
    for controller in fleet.controllers:
        controller.kill()
    agents[1].start()
    fleet.controllers[1].start()
    uplink.wait_for("fleet-5", "STARTED")
    fleet.broker.kill()
    agents[5].start()
    fleet.controllers[0].start()
    fleet.broker.start()
    uplink.wait_until("COMPLETED")
    assert uplink.batches() == [
        "batch 1: fleet-0",
        "batch 2: fleet-1, fleet-2",
        "batch 3: fleet-3, fleet-4",
        "batch 4: fleet-5, fleet-6",
        "batch 5: fleet-7",
    ]
    links = uplink.links()
    assert {host: (link["status"], link["generation"]) for host, link in links.items()} == dict.fromkeys(
        (node.name for node in nodes), ("ACTIVE", 1)
    )
    assert uplink.wrong_histories() == []
    wait_until_heard(fleet)
    uplink.delete()


def test_a_canary_that_fails_is_the_last_whatever_is_lost(
    fleet: deployment.Deployment, nodes: list[deployment.Node], uplink: Uplink
) -> None:
    uplink.create()
    uplink.wait_until("COMPLETED")
    canary = nodes[0]
    canary.agent.kill()
    uplink.change("nowhere")
    uplink.wait_for(canary.name, "STARTED")
    for controller in fleet.controllers:
        controller.kill()
    canary.agent.start()
    fleet.broker.kill()
    for controller in fleet.controllers:
        controller.start()
    fleet.broker.start()
    uplink.wait_until("STOPPED")
    fleet.broker.kill()
    uplink.undo()
    fleet.broker.start()
    uplink.wait_until("COMPLETED")
    generations = {host: link["generation"] for host, link in uplink.links().items()}
    assert generations == dict.fromkeys((node.name for node in nodes), 1) | {canary.name: 3}
    told = [(1, "BUILD"), (1, "ACTIVE"), (2, "BUILD"), (2, "ERROR"), (3, "BUILD"), (3, "ACTIVE")]
    assert uplink.history(canary.name) == told
    assert uplink.wrong_histories() == []
    wait_until_heard(fleet)
    uplink.delete()
