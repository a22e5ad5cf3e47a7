"""What is done to what all hosts share: the bus, the controller, the database."""

import functools
import json
import pathlib
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence

from tests.fullstack import troubles
from tests.support import commands, deployment, firewall, rabbit, rest
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
        kinds: dict[str, Callable[[], object]] = {
            "broker killed": self._kill_broker,
            "broker restarted": self._restart_broker,
            "controller killed": self._kill_controller,
            "old casts sent again": self._cast_again,
            "connections to the broker cut": self._cut_connections,
            "queue deleted": self._delete_queue,
        }
        kinds |= {kind: functools.partial(self._have, trouble) for kind, trouble in _TROUBLES.items()}
        while not ended.wait(self._rng.uniform(*_PAUSE)):
            kind = self._rng.choice(list(kinds))
            began = time.monotonic()
            kinds[kind]()
            self._wait_for_agents()
            self._record.done(f"{kind} (until all agents are heard)", time.monotonic() - began, SERVICE)

    def _have(self, trouble: troubles.Trouble) -> None:
        with trouble(self._made):
            self._pause()

    def _kill_broker(self) -> None:
        self._made.broker.kill()
        self._pause()
        self._made.broker.start()

    def _restart_broker(self) -> None:
        self._made.broker.stop()
        self._pause()
        self._made.broker.start()

    def _kill_controller(self) -> None:
        self._made.controller.kill()
        self._pause()
        self._made.controller.start()

    def _cut_connections(self) -> None:
        """Twice, the second time while they are made anew."""
        for _ in range(2):
            self._made.broker.control("close_all_connections", "a soak")

    def _delete_queue(self) -> None:
        """That of the controllers, or of an agent which may not have it yet."""
        names = {constants.CONTROLLER_TOPIC, *(f"{constants.AGENT_TOPIC}.{site.host.name}" for site in self._sites)}
        there = self._made.broker.control("list_queues", "--no-table-headers", "name").split()
        if found := sorted(names & set(there)):
            self._made.broker.control("delete_queue", self._rng.choice(found))

    def _cast_again(self) -> None:
        """Casts of generations that are over, of links that are gone, twice, and to hosts that they are not for."""
        casts = [_plug(link) for site in self._sites for link in site.past[-20:]] * 2
        self._rng.shuffle(casts)
        for site in self._sites:
            command = (sys.executable, str(_CAST), self._made.broker.url, site.host.name)
            commands.run(*self._made.network.command(*command), stdin=json.dumps(casts), timeout=PATIENCE)

    def _pause(self) -> None:
        time.sleep(self._rng.uniform(*_AWAY))

    def _wait_for_agents(self) -> None:
        hosts = [site.host.name for site in self._sites]
        before = self._reports()

        def heard() -> bool:
            now = self._reports()
            return self._record.aborted.is_set() or all(now[host] != before[host] for host in hosts)

        commands.wait_until(heard, what="a report of each agent", timeout=PATIENCE, interval=0.1)

    def _reports(self) -> dict[str, str]:
        """Return when each host was heard last."""
        return {agent["host"]: agent["reported_at"] for agent in self._made.rest.get("/v1/agents")["agents"]}


def end(made: deployment.Deployment) -> None:
    """Have everything run again."""
    if not made.broker.daemon.running:
        made.broker.start()
    if not made.controller.running:
        made.controller.start()


def _plug(link: rest.Link) -> tuple[str, dict[str, object]]:
    return "plug_bridge_link", {"link": link}
