"""An agent's inner half on a host in memory, which works only when a test says so."""

import pytest

from tests.unit.agent.builders import ref
from tests.unit.plumbing.simulator import Host
from vethagent import model
from vethagent.agent.confirmer import Confirmer, Way
from vethagent.agent.desired import Desired
from vethagent.agent.early import Early
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.journal import Journal
from vethagent.agent.observer import Observer
from vethagent.agent.reconciler import Reconciler
from vethagent.agent.store import Store
from vethagent.plumbing.apply import Applier
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.ovs_replica import OvsChanges
from vethagent.privileged import ethtool, operations
from vethagent.privileged.ifinfo import Device
from vethagent.privileged.recovery import Outcome


class Node:
    """An agent's inner half on a simulated host; ``settle`` lets it work until nothing is left to do at once."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.host = Host()
        self.host.add_linux_bridge("br1")
        self.host.add_linux_bridge("br3")
        self.host.add_ovs_bridge("br-eth1")
        self.store = Store(":memory:")
        self.now = 1000.0
        self.ways: list[Way] = []
        self.helper_error: Exception | None = None
        self.dump_error: Exception | None = None
        self.batches: list[int] = []
        self._told: dict[int, Device] = {}
        patch.setattr("vethagent.agent.reconciler.time.monotonic", lambda: self.now)
        patch.setattr("vethagent.agent.reconciler.random.uniform", lambda *_: 1.0)
        patch.setattr(ethtool, "read", self._read)
        self.boot()

    def boot(self, audit_interval: float = 600, *, ovsdb: bool = True, patience: float = 0) -> None:
        """Start the agent, for the first time or again; without ``ovsdb`` that has not answered yet.

        ``patience`` with it as in Early.
        """
        self.ovsdb = ovsdb
        self.inbox, self.health, self.counters = self.make_inbox(), HealthKeeper(), Counters()
        self.desired, self.observed = Desired(self.store), Observed()
        self.events: list[model.PortEvent] = []
        self.journal = Journal(self.events.append, lambda: self.now)
        self.confirmer = Confirmer(
            ways=self.ways, timeout=10, desired=self.desired, inbox=self.inbox, counters=self.counters
        )
        self.reconciler = Reconciler(
            inbox=self.inbox,
            desired=self.desired,
            observed=self.observed,
            observer=Observer(self.observed, self.desired, self._dump, list),
            applier=Applier(self, self.host),  # type: ignore[arg-type]
            confirmer=self.confirmer,
            drain=self.happen,
            journal=self.journal,
            health=self.health,
            counters=self.counters,
            audit_interval=audit_interval,
            early=Early(patience),
        )
        wanted = filter(None, map(self.desired.link, self.desired.ids()))
        self.journal.restored(wanted, self.desired.delivered())
        self.inbox.look_again()
        self.inbox.mark_all()
        self.tell_rows(whole=True)

    def make_inbox(self) -> Inbox:
        """Return where all meets."""
        return Inbox()

    # -- the host's side --------------------------------------------------------------------------------------------

    def apply(self, batch_operations: list[operations.Operation]) -> list[Outcome]:
        if self.helper_error is not None:
            raise self.helper_error
        self.batches.append(len(batch_operations))
        return self.host.apply(batch_operations)

    def happen(self) -> None:
        """Let kernel and ovs-vswitchd tell what has changed."""
        self.host.look()
        now = self.host.observed.devices
        changes: dict[int, Device | None] = dict.fromkeys(self._told.keys() - now.keys())
        changes.update({index: device for index, device in now.items() if self._told.get(index) != device})
        self._told = dict(now)
        self.inbox.put_devices(changes)
        self.tell_rows()

    def tell_rows(self, *, whole: bool = False) -> None:
        if not self.ovsdb:
            return
        gone = dict.fromkeys(self.observed.ports.keys() - self.host.rows.keys())
        gone_bridges = dict.fromkeys(self.observed.bridges.keys() - self.host.bridges.keys())
        self.inbox.put_ovs(OvsChanges(gone_bridges | self.host.bridges, gone | self.host.rows, whole=whole))

    def _dump(self) -> dict[int, Device]:
        if self.dump_error is not None:
            raise self.dump_error
        self.host.look()
        self._told = dict(self.host.observed.devices)
        return dict(self._told)

    def _read(self, name: str, *, gro: bool) -> tuple[bool, bool | None]:
        return self.host.offload.get(self.host.kernel.named(name).ifindex, True), False if gro else None

    # -- the test's side --------------------------------------------------------------------------------------------

    def round(self) -> None:
        batch = self.inbox.take(0)
        assert batch is not None
        self.reconciler._round(batch)

    def settle(self) -> None:
        for _ in range(6):
            self.round()
            self.happen()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.settle()

    def plug(self, *links: model.BridgeLink) -> None:
        for each in links:
            self.desired.put(each)
        self.inbox.mark(each.id for each in links)
        self.settle()

    def unplug(self, link_id: str, generation: int) -> None:
        self.desired.remove(ref(link_id, generation))
        self.inbox.mark([link_id])
        self.settle()

    def said(self) -> list[tuple[str, str, str, str]]:
        said = [(e.state.link_id, e.kind, e.state.status, e.state.reason) for e in self.events]
        self.events.clear()
        return said
