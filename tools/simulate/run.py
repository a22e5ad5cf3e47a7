"""Starts everything, has it work, and measures."""

import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.support import commands, databases, deployment, rest, tidy
from tools.simulate import usage
from tools.simulate.measured import Span

_TOP = pathlib.Path(__file__).resolve().parents[2]
_PATIENCE = 600.0
#: Requests that are made at the same time.
_CLIENTS = 4
_LOOK_EACH, _PAGE = 0.5, 1000

SERVERS: dict[str, deployment.Server | None] = {
    "mariadb": databases.MariaDB,
    "postgresql": databases.PostgreSQL,
    "sqlite": None,
}

Say = Callable[[str], None]


class Simulation(tidy.Tidy):
    """A deployment without hosts, and a process with ``agents`` that are on hosts in memory."""

    def __init__(
        self, *, agents: int, links: int, interval: float, database: str, controllers: int, backlog: int, say: Say
    ) -> None:
        """``interval`` is that of state reports, in seconds; ``backlog`` of them wait in the last phase."""
        super().__init__()
        self._interval, self._say = interval, say
        self._hosts = [f"sim-{number:05}" for number in range(agents)]
        self._links, self._backlog = links, backlog
        with self._building():
            say(f"starting RabbitMQ, {database}, {controllers} controllers and as many APIs")
            self.made = self._cleanup.enter_context(
                deployment.Deployment(
                    copies=controllers, server=SERVERS[database], options={"api": {"rate_limit": "0"}}
                )
            )
            say(f"starting {agents} agents")
            self._crowd = self._start_crowd()
            self._heard()

    def _start_crowd(self) -> "subprocess.Popen[str]":
        bridges = [f"br{number}" for number in range(1 + -(-self._links // len(self._hosts)))]
        settings = {
            "url": self.made.broker.url,
            "hosts": self._hosts,
            "interval": self._interval,
            "bridges": bridges,
        }
        command = self.made.network.command(sys.executable, "-m", "tools.simulate.crowd")
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_TOP, start_new_session=True
        )
        self._cleanup.callback(process.wait)
        self._cleanup.callback(process.kill)
        assert process.stdin is not None
        # Not as an argument: of these the kernel takes 128 KiB, which are the names of 10,000 hosts.
        print(json.dumps(settings), file=process.stdin, flush=True)
        return process

    def _heard(self) -> dict[str, Any]:
        assert self._crowd.stdout is not None
        line = self._crowd.stdout.readline()
        assert line, f"the process with the agents ended with {self._crowd.wait()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def _tell(self, line: str = "") -> dict[str, Any]:
        """Return the answer to ``line``; to an empty one that is what the agents have done since the last time."""
        assert self._crowd.stdin is not None
        self._crowd.stdin.write(f"{line}\n")
        self._crowd.stdin.flush()
        return self._heard()

    # -- phases -------------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the figures of each phase; reports alone are measured for ``seconds``."""
        with self._measured("all agents report for the first time") as done:
            self._wait_for_agents()
        yield done[0].figures()
        time.sleep(min(self._interval, 5))
        with self._measured("state reports and nothing else") as done:
            time.sleep(seconds)
        yield done[0].figures()
        if self._links:
            yield from self._change_links()
        if self._backlog:
            yield self._work_off()

    def _change_links(self) -> Iterator[dict[str, Any]]:
        with self._measured(f"{self._links} links are created, {_CLIENTS} requests at a time") as done:
            self._for_each(range(self._links), self._create)
            self._wait(self._all_active, what="ACTIVE links")
        links = list(self._each("bridge-links", "id", "id,created_at,status_changed_at"))
        yield dataclasses.replace(done[0], links=[_waited(link) for link in links]).figures()
        ids = [link["id"] for link in links]
        with self._measured(f"{self._links} links are deleted, {_CLIENTS} requests at a time") as done:
            self._for_each(ids, self.made.rest.delete)
            self._wait(lambda: not self.made.rest.links("limit=1"), what="the end of links")
        yield done[0].figures()

    def _work_off(self) -> dict[str, Any]:
        """Let reports wait until there are enough, and controllers answer them as fast as they can."""
        count = self._backlog
        for controller in self.made.controllers:
            os.killpg(controller.pid, signal.SIGSTOP)
        self._tell(f"backlog {count}")
        with self._measured(f"{count} state reports wait, and are worked off") as done:
            for controller in self.made.controllers:
                os.killpg(controller.pid, signal.SIGCONT)
            self._wait(lambda: self._tell("answered")["answered"] >= count, what="answers", interval=0.05)
        return dataclasses.replace(done[0], answered=count).figures()

    def _create(self, number: int) -> None:
        hosts = self._hosts
        ends = [{"bridge": f"br{number // len(hosts) + 1}"}, {"bridge": "br-eth1"}]
        self.made.rest.create({"host": hosts[number % len(hosts)], "ends": ends})

    def _for_each(self, things: Sequence[Any], do: Callable[[Any], object]) -> None:
        waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for thing in things:
            waiting.put(thing)
        errors: list[Exception] = []

        def client() -> None:
            with contextlib.suppress(queue.Empty):
                while not errors:
                    thing = waiting.get_nowait()
                    try:
                        do(thing)
                    except Exception as error:
                        errors.append(error)

        threads = [threading.Thread(target=client, daemon=True) for _ in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    # -- what is so ---------------------------------------------------------------------------------------------------

    def _wait(self, predicate: Callable[[], bool], *, what: str, interval: float = _LOOK_EACH) -> None:
        commands.wait_until(predicate, what=what, timeout=_PATIENCE, interval=interval)

    def _wait_for_agents(self) -> None:
        def all_there() -> bool:
            return bool(sum(agent["ready"] for agent in self._each("agents", "host", "host,ready")) == len(self._hosts))

        self._wait(all_there, what=f"{len(self._hosts)} agents")

    def _all_active(self) -> bool:
        return sum(1 for _ in self._each("bridge-links", "id", "id", "status=ACTIVE")) == self._links

    def _each(self, path: str, key: str, fields: str, query: str = "") -> Iterator[rest.Link]:
        """Yield ``fields`` of all things at ``path``, page by page."""
        marker = ""
        while True:
            answer = self.made.rest.get(f"/v1/{path}?{query}&limit={_PAGE}&fields={fields}{marker}")
            page = answer[path.replace("-", "_")]
            yield from page
            if len(page) < _PAGE:
                return
            marker = f"&marker={page[-1][key]}"

    @contextlib.contextmanager
    def _measured(self, name: str) -> Iterator[list[Span]]:
        """Measure what happens in the block; the span is in the list once it is over."""
        self._say(name)
        spans: list[Span] = []
        self._tell()
        before, began = self._used(), time.monotonic()
        yield spans
        seconds, after = time.monotonic() - began, self._used()
        cpu = {name: after[name].cpu - used.cpu for name, used in before.items()}
        memory = {name: used.memory for name, used in after.items()}
        done = self._tell()
        spans.append(Span(name, seconds, done["took"], done["depths"], cpu, memory))

    def _used(self) -> dict[str, usage.Used]:
        made = self.made
        roots = {"agents": self._crowd.pid, "RabbitMQ": made.broker.daemon.pid}
        for kind, processes in (("controller", made.controllers), ("API", made.apis)):
            for number, process in enumerate(processes):
                roots[f"{kind} {number}" if number else kind] = process.pid
        if made.server is not None:
            roots["database"] = made.server.daemon.pid
        return usage.used(roots)


def _waited(link: rest.Link) -> float:
    """Return the seconds from the request for a link until the controller had it as it is."""
    begun, done = (datetime.datetime.fromisoformat(link[name]) for name in ("created_at", "status_changed_at"))
    return (done - begun).total_seconds()
