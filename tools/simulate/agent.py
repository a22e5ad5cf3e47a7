"""One agent, all of it real but kernel, Open vSwitch and its threads, which it has in common with the others."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from typing import TypeVar

from tests.unit.plumbing.simulator import Host
from tools.simulate.pool import Pool
from vethagent import exceptions, model
from vethagent.agent import inventory
from vethagent.agent.confirmer import Confirmer
from vethagent.agent.delays import next_delay, next_report
from vethagent.agent.desired import Desired
from vethagent.agent.early import Early
from vethagent.agent.endpoint import AgentEndpoint
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.journal import Journal, fingerprint
from vethagent.agent.observer import Observer
from vethagent.agent.outbox import Outbox
from vethagent.agent.reconciler import Reconciler
from vethagent.agent.reporter import Heartbeat
from vethagent.agent.sender import EventSender
from vethagent.agent.stopwatch import Stopwatch
from vethagent.agent.store import Store
from vethagent.plumbing.apply import Applier
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.ovs_replica import OvsChanges
from vethagent.privileged import ethtool
from vethagent.privileged.ifinfo import Device
from vethagent.rpc.controller_api import ControllerAPI

T = TypeVar("T")

_EVENTS_AT_ONCE = 500

#: What plumbing asks the kernel of this process; here it is that of the host whose turn it is.
_turn = threading.local()
#: Two hosts may not act at once: the one in memory puts itself in the kernel's place for that.
_kernel = threading.Lock()


def _read(name: str, *, gro: bool) -> tuple[bool, bool | None]:
    return _turn.host.offload.get(_turn.host.kernel.named(name).ifindex, True), False if gro else None


def take_kernels_place() -> None:
    """Have the agents of this process ask their hosts, and never its kernel."""
    ethtool.read = _read


class Pools:
    """The threads of all agents. ``work`` reconciles, ``events`` delivers events, ``reports`` reports."""

    def __init__(self, *, work: int = 4, events: int = 16, reports: int = 48) -> None:
        self.threads = work + events + reports
        self.work: Pool[Agent] = Pool(lambda agent: agent.work(), threads=work, name="work")
        self.events: Pool[Agent] = Pool(lambda agent: agent.send(), threads=events, name="events")
        self.reports: Pool[Agent] = Pool(lambda agent: agent.report(), threads=reports, name="reports")


class _Inbox(Inbox):
    """Wakes who looks at it, and has questions answered at once by whoever asks."""

    def __init__(self, wake: Callable[[], None], mine: threading.RLock) -> None:
        super().__init__()
        self._wake, self._mine = wake, mine

    def ask(self, question: Callable[[], T]) -> "futures.Future[T]":
        answer: futures.Future[T] = futures.Future()
        with self._mine:
            answer.set_result(question())
        return answer

    def _notify(self) -> None:
        super()._notify()
        self._wake()


class _Outbox(Outbox):
    """Wakes who delivers what is in it."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def put(self, event: model.PortEvent) -> None:
        super().put(event)
        self._wake()


class Agent:
    """An agent on a host of its own; something happens to it only in the threads of ``pools``."""

    def __init__(
        self, name: str, controller: ControllerAPI, pools: Pools, *, interval: float, bridges: Iterable[str]
    ) -> None:
        """``interval`` is that of state reports in seconds.

        ``bridges`` are Linux ones, beside one of Open vSwitch, ``br-eth1``.
        """
        self.name = name
        self._pools, self._interval = pools, interval
        self._mine = threading.RLock()
        self.host = Host()
        self.host.add_ovs_bridge("br-eth1")
        for bridge in bridges:
            self.host.add_linux_bridge(bridge)
        self._told: dict[int, Device] = {}
        self._delays = {"events": 0.0, "reports": 0.0}
        self._alone = True  # the crowd starts them one after the other
        self._inbox = _Inbox(lambda: pools.work.now(self), self._mine)
        self._outbox = _Outbox(lambda: pools.events.now(self))
        self._desired, self._observed = Desired(Store(":memory:")), Observed()
        self._reconciler, heartbeat = self._make(controller)
        self.heartbeat = heartbeat
        self._inbox.look_again()
        self._inbox.mark_all()
        self._tell_rows(whole=True)

    def _make(self, controller: ControllerAPI) -> tuple[Reconciler, Heartbeat]:
        """Put the parts together as a real agent has them."""
        health, counters, stopwatch = HealthKeeper(), Counters(), Stopwatch()
        journal = Journal(self._outbox.put, stopwatch=stopwatch)
        reconciler = Reconciler(
            inbox=self._inbox,
            desired=self._desired,
            observed=self._observed,
            observer=Observer(self._observed, self._desired, self._dump, list),
            applier=Applier(self.host, self.host),  # type: ignore[arg-type]
            confirmer=Confirmer(ways=[], timeout=10, desired=self._desired, inbox=self._inbox, counters=counters),
            drain=self._happen,
            journal=journal,
            health=health,
            counters=counters,
            early=Early(0),
            audit_interval=0,
        )
        keeper = inventory.Keeper(self.name, self._observed, {})
        heartbeat = Heartbeat(
            controller=controller,
            host=self.name,
            version="simulated",
            interval=self._interval,
            desired=self._desired,
            journal=journal,
            outbox=self._outbox,
            inbox=self._inbox,
            observed=self._observed,
            look=keeper.look,
            health=health,
            counters=counters,
        )
        health.changed = self._report_soon
        self._sender = EventSender(
            self._outbox,
            controller,
            host=self.name,
            interval=self._interval,
            health=health,
            delivered=self._delivered,
        )
        self.endpoint = self._make_endpoint(
            keeper, reconciler, counters=counters, stopwatch=stopwatch, heard=heartbeat.heard
        )
        return reconciler, heartbeat

    def _make_endpoint(
        self,
        keeper: inventory.Keeper,
        reconciler: Reconciler,
        *,
        counters: Counters,
        stopwatch: Stopwatch,
        heard: Callable[[], None],
    ) -> AgentEndpoint:
        return AgentEndpoint(
            host=self.name,
            desired=self._desired,
            inbox=self._inbox,
            counters=counters,
            stopwatch=stopwatch,
            describe=keeper.describe,
            plan=lambda links: inventory.host_plan(self.name, reconciler.plan(links), self._observed),
            pull=self._pull,
            heard=heard,
            changed=self._links_changed,
            switched=self._links_changed,
        )

    # -- threads ------------------------------------------------------------------------------------------------------

    def work(self) -> float | None:
        """Do what the reconciler's thread does."""
        with self._mine, _kernel:
            _turn.host = self.host
            if (batch := self._inbox.take(0)) is not None:
                self._reconciler._round(batch)
                self._happen()
            pause = self._reconciler._pause()
        return None if pause is None else time.monotonic() + pause

    def send(self) -> float | None:
        """Do what the thread does that delivers events."""
        events = self._outbox.take(_EVENTS_AT_ONCE, timeout=0)
        if not events:
            return None
        try:
            self._sender._deliver({"request_id": events[-1].request_id}, events)
        except exceptions.VethagentError:
            self._outbox.give_back(events)
            return self._later("events")
        self._delays["events"] = 0.0
        self._outbox.confirm()
        self._delivered(events)
        return time.monotonic()

    def report(self) -> float | None:
        """Do what the heartbeat's thread does, but for its waiting."""
        beat = self.heartbeat
        try:
            beat._beat()
        except exceptions.VethagentError:
            self._alone = False
            return self._later("reports")
        self._delays["reports"] = 0.0
        if beat._report_now or beat._pull_now:
            return time.monotonic()
        next_one = time.monotonic() + next_report(self._interval, alone=self._alone)
        self._alone = True
        return min(next_one, beat._report_by or next_one)

    def _delivered(self, events: Sequence[model.PortEvent]) -> None:
        self._desired.keep_delivered({event.state.link_id: fingerprint(event.state) for event in events})
        self._links_changed()

    def _later(self, kind: str) -> float:
        self._delays[kind] = next_delay(self._delays[kind], self._interval)
        return time.monotonic() + self._delays[kind]

    def _report_soon(self) -> None:
        self.heartbeat.soon()
        self._pools.reports.now(self)

    def _pull(self) -> None:
        self.heartbeat.pull()
        self._pools.reports.now(self)

    def _links_changed(self) -> None:
        self.heartbeat.links_changed()
        if (by := self.heartbeat._report_by) is not None:
            self._pools.reports.at(by, self)

    # -- the host -----------------------------------------------------------------------------------------------------

    def _happen(self) -> None:
        """Let kernel and ovs-vswitchd tell what has changed."""
        self.host.look()
        now = self.host.observed.devices
        changes: dict[int, Device | None] = dict.fromkeys(self._told.keys() - now.keys())
        changes.update({index: device for index, device in now.items() if self._told.get(index) != device})
        self._told = dict(now)
        if changes:
            self._inbox.put_devices(changes)
        self._tell_rows()

    def _tell_rows(self, *, whole: bool = False) -> None:
        gone = dict.fromkeys(self._observed.ports.keys() - self.host.rows.keys())
        rows = {name: row for name, row in self.host.rows.items() if whole or self._observed.ports.get(name) != row}
        if whole or gone or rows:
            self._inbox.put_ovs(OvsChanges(dict(self.host.bridges) if whole else {}, gone | rows, whole=whole))

    def _dump(self) -> dict[int, Device]:
        self.host.look()
        self._told = dict(self.host.observed.devices)
        return dict(self._told)
