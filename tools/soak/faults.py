"""What is done to what all hosts share: the bus and the way to it, the controller, the API, the database."""

import json
import pathlib
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from tests.fullstack import troubles
from tests.support import commands, deployment, firewall, freezing, rabbit, rest
from tools.soak.record import SERVICE, Record
from tools.soak.site import Site
from tools.soak.watch import PATIENCE
from vethagent import constants

_CAST = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fullstack" / "cast.py"
#: Seconds between two of these faults, and for which something is away.
_PAUSE, _AWAY = (4.0, 12.0), (1.0, 6.0)

#: What lasts for a while.
_TROUBLES: dict[str, troubles.Trouble] = {
    "broker stopped": troubles.hanging,
    "broker without memory and disk": troubles.without_room,
    "rights and password taken away": troubles.without_permission,
    "virtual host deleted": troubles.without_vhost,
    "firewall before the broker": lambda made: firewall.silent(made.network, rabbit.PORT),
    "firewall before the broker, one way": lambda made: firewall.silent(made.network, rabbit.PORT, back=False),
    "firewall before the broker, the way back": lambda made: firewall.silent(made.network, rabbit.PORT, there=False),
    "controller stopped": troubles.without_controller,
    "API stopped": lambda made: freezing.stopped(made.api.pid),
    "database locked": troubles.locked,
}


class Faults:
    """One thread does them, one after the other."""

    def __init__(self, made: deployment.Deployment, sites: Sequence[Site], rng: random.Random, record: Record) -> None:
        self._made = made
        self._sites = sites
        self._rng = rng
        self._record = record

    def run(self, ended: threading.Event) -> None:
        """Do one after the other until ``ended``."""
        for pause, kind, rng in drawn(self._rng):
            if ended.wait(pause):
                return
            began = time.monotonic()
            with self._record.away():
                self.do(kind, rng)
                back = time.monotonic()
                self._wait_for_agents()
            heard = time.monotonic()
            self._record.done(f"{kind} (until all agents are heard)", heard - back, SERVICE, in_all=heard - began)

    def do(self, kind: str, rng: random.Random) -> None:
        """Do one of KINDS, and undo it."""
        if kind in _TROUBLES:
            with _TROUBLES[kind](self._made):
                _linger(rng)
        else:
            _DEEDS[kind](self, rng)

    def _kill_broker(self, rng: random.Random) -> None:
        self._made.broker.kill()
        _linger(rng)
        self._made.broker.start()

    def _restart_broker(self, rng: random.Random) -> None:
        self._made.broker.stop()
        _linger(rng)
        self._made.broker.start()

    def _kill_controller(self, rng: random.Random) -> None:
        self._made.controller.kill()
        _linger(rng)
        self._made.controller.start()

    def _kill_api(self, rng: random.Random) -> None:
        """Whoever asks for something meanwhile asks again, and finds what was begun."""
        self._made.api.kill()
        _linger(rng)
        self._made.api.start()
        self._made.rest.wait_until_served()

    def _pull_cable(self, rng: random.Random) -> None:
        """Of one host, for less than its agent may be without the bus after a plug."""
        with self._made.network.without_cable(rng.choice(self._sites).node.address):
            _linger(rng)

    def _cut_connections(self, _rng: random.Random) -> None:
        """Twice, the second time while they are made anew."""
        for _ in range(2):
            self._made.broker.control("close_all_connections", "a soak")

    def _delete_queue(self, rng: random.Random) -> None:
        """That of the controllers, or of an agent which may not have it yet."""
        names = {constants.CONTROLLER_TOPIC, *(f"{constants.AGENT_TOPIC}.{site.host.name}" for site in self._sites)}
        there = self._made.broker.control("list_queues", "--no-table-headers", "name").split()
        if found := sorted(names & set(there)):
            self._made.broker.control("delete_queue", rng.choice(found))

    def _cast_again(self, rng: random.Random) -> None:
        """Casts of generations that are over, of links that are gone, twice, and to hosts that they are not for."""
        casts = [_plug(link) for site in self._sites for link in site.past[-20:]] * 2
        rng.shuffle(casts)
        for site in self._sites:
            command = (sys.executable, str(_CAST), self._made.broker.url, site.host.name)
            commands.run(*self._made.network.command(*command), stdin=json.dumps(casts), timeout=PATIENCE)

    def _wait_for_agents(self) -> None:
        before = self._reports()

        def heard() -> bool:
            now = self._reports()
            hosts = [site.host.name for site in self._sites if not site.cut_off]
            return self._record.aborted.is_set() or all(now[host] != before[host] for host in hosts)

        commands.wait_until(heard, what="a report of each agent", timeout=PATIENCE, interval=0.1)

    def _reports(self) -> dict[str, str]:
        """Return when each host was heard last."""
        return {agent["host"]: agent["reported_at"] for agent in self._made.rest.get("/v1/agents")["agents"]}


#: What is done in other ways.
_DEEDS: dict[str, Callable[[Faults, random.Random], None]] = {
    "broker killed": Faults._kill_broker,
    "broker restarted": Faults._restart_broker,
    "controller killed": Faults._kill_controller,
    "API killed": Faults._kill_api,
    "cable of a host pulled": Faults._pull_cable,
    "old casts sent again": Faults._cast_again,
    "connections to the broker cut": Faults._cut_connections,
    "queue deleted": Faults._delete_queue,
}
KINDS = (*_DEEDS, *_TROUBLES)


def drawn(rng: random.Random) -> Iterator[tuple[float, str, random.Random]]:
    """Yield pauses and the kind of what is done after each, as acts.drawn does."""
    while True:
        yield rng.uniform(*_PAUSE), rng.choice(KINDS), random.Random(rng.random())


def end(made: deployment.Deployment) -> None:
    """Have everything run again."""
    if not made.broker.daemon.running:
        made.broker.start()
    if not made.controller.running:
        made.controller.start()
    if not made.api.running:
        made.api.start()
        made.rest.wait_until_served()


def _linger(rng: random.Random) -> None:
    time.sleep(rng.uniform(*_AWAY))


def _plug(link: rest.Link) -> tuple[str, dict[str, object]]:
    return "plug_bridge_link", {"link": link}
