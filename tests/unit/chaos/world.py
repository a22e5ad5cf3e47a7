"""A controller with its database, one agent with its store, and a host: all of it real but bus, kernel and OVSDB."""

import contextlib
import itertools
import pathlib
import sqlite3
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.agent.builders import PromptInbox
from tests.unit.agent.node import Node
from tests.unit.chaos.bus import Bus, Cast
from tests.unit.controller import fakes
from tests.unit.plumbing.checks import check_active, joined_by_others
from vethagent import exceptions, model
from vethagent.agent import inventory
from vethagent.agent.endpoint import AgentEndpoint
from vethagent.agent.journal import fingerprint
from vethagent.agent.outbox import Outbox
from vethagent.agent.reporter import Heartbeat
from vethagent.agent.sender import EventSender
from vethagent.agent.store import Store
from vethagent.controller import views
from vethagent.controller.agents import Agents
from vethagent.controller.db.database import Database
from vethagent.controller.endpoint import ControllerEndpoint
from vethagent.controller.errors import Loop, NameConflict, PendingDelete
from vethagent.controller.events import Events
from vethagent.controller.inventories import Inventories
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import ControllerMetrics
from vethagent.controller.reports import Reports
from vethagent.controller.requests import AgentUpdate, LinkQuery
from vethagent.model import Mode, Reason, Status
from vethagent.plumbing import naming
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import OvsPort
from vethagent.plumbing.plan import plan_link
from vethagent.privileged.ifinfo import Device
from vethagent.rpc.agent_api import AgentAPI
from vethagent.rpc.controller_api import ControllerAPI

HOST, ELSEWHERE = "h1", "h2"
INTERVAL = 30
LINUX, OVS = ("br1", "br3"), ("br-eth1", "br-eth2")
#: Those that come and go.
SHAKY = ("br3", "br-eth2")
_FOREIGN = ("eth0", "their-a", "their-b")
#: What fails on a bus that loses messages; the agent tries again later.
_LOST = (exceptions.BusUnavailable,)


class Controller:
    """What a controller and an API do, on a database of their own."""

    def __init__(self, path: pathlib.Path, bus: Bus) -> None:
        self.clock = fakes.Clock()
        self._path = path
        self.database = Database(f"sqlite:///{path}")
        liveness = Liveness(75, self.clock)
        api = AgentAPI(None)
        self.links = Links(self.database, api, liveness)
        self.agents = Agents(self.database, api, liveness)
        reports = Reports(self.database, liveness)
        bus.controller = ControllerEndpoint(
            reports,
            Events(self.database, liveness),
            Inventories(self.database, liveness),
            ControllerMetrics(ping=lambda: None),
        )
        for host in (HOST, ELSEWHERE):
            reports.take(fakes.report(host))

    def wanted(self) -> list[views.Link]:
        """Return the links of the host."""
        return self.links.list(LinkQuery(host=HOST))[0]

    def copy(self) -> sqlite3.Connection:
        """Return a copy of the database."""
        made = sqlite3.connect(":memory:")
        with contextlib.closing(sqlite3.connect(self._path)) as database:
            database.backup(made)
        return made

    def put_back(self, copy: sqlite3.Connection) -> None:
        """Let the database be what it was when ``copy`` was made."""
        with contextlib.closing(sqlite3.connect(self._path)) as database:
            copy.backup(database)


class Agent(Node):
    """The whole agent; ``restart`` is a kill -9 and a start."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__(patch)
        patch.setattr("vethagent.agent.reporter.time.monotonic", lambda: self.now)
        self.host.add_ovs_bridge("br-eth2")
        self.host.add("eth0", master=self.host.kernel.named("br1").ifindex)
        self.host.add_pair("their-a", "their-b", alias="vethagent:")
        self.host.add_row("eth9", "br-eth1", ofport=9)

    def boot(self, audit_interval: float = 600, *, ovsdb: bool = True, patience: float = 0) -> None:
        super().boot(audit_interval, ovsdb=ovsdb, patience=patience)
        self.outbox = Outbox()
        controller = ControllerAPI(None)
        self.heartbeat = Heartbeat(
            controller=controller,
            host=HOST,
            version="1.2.3",
            interval=INTERVAL,
            desired=self.desired,
            journal=self.journal,
            outbox=self.outbox,
            inbox=self.inbox,
            observed=self.observed,
            look=inventory.Keeper(HOST, self.observed, {"physnet1": "br-eth1"}).look,
            health=self.health,
            counters=self.counters,
        )
        self.sender = EventSender(
            self.outbox,
            controller,
            host=HOST,
            interval=INTERVAL,
            health=self.health,
            delivered=self._delivered,
        )
        self.endpoint = AgentEndpoint(
            host=HOST,
            desired=self.desired,
            inbox=self.inbox,
            stopwatch=self.journal.stopwatch,
            counters=self.counters,
            describe=lambda: pytest.fail("nobody asks"),
            plan=lambda _: pytest.fail("nobody asks"),
            pull=self.heartbeat.pull,
            heard=self.heartbeat.heard,
            changed=self.heartbeat.links_changed,
            switched=self.heartbeat.soon,
        )

    def copy(self) -> sqlite3.Connection:
        """Return a copy of the store."""
        copy = sqlite3.connect(":memory:")
        self.store._db.backup(copy)
        return copy

    def put_back(self, copy: sqlite3.Connection) -> None:
        """Start with the store as it was when ``copy`` was made."""
        copy.backup(self.store._db)
        self.boot()

    def _delivered(self, events: Sequence[model.PortEvent]) -> None:
        self.desired.keep_delivered({event.state.link_id: fingerprint(event.state) for event in events})
        self.heartbeat.links_changed()

    def make_inbox(self) -> PromptInbox:
        return PromptInbox()

    def round(self) -> None:
        super().round()
        for event in self.events:
            self.outbox.put(event)
        self.events.clear()

    def beat(self) -> None:
        """Report, and pull if need be."""
        with contextlib.suppress(*_LOST):
            self.heartbeat._beat()

    def send(self) -> None:
        """Deliver what waits in the outbox, as the loop of its thread does."""
        if events := self.outbox.take(100, timeout=0):
            try:
                self.sender._deliver({}, events)
            except _LOST:
                self.outbox.give_back(events)
            else:
                self.outbox.confirm()


class World:
    """Both, and a bus between them. ``close`` ends it."""

    def __init__(self, path: pathlib.Path) -> None:
        self._patch = pytest.MonkeyPatch()
        self.bus = Bus()
        self._patch.setattr("vethagent.rpc.agent_api.oslo_messaging.get_rpc_client", self.bus.client)
        self.controller = Controller(path, self.bus)
        self.agent = Agent(self._patch)
        self.host = self.agent.host
        self._foreign = self._others()
        self._requests = itertools.count(1)

    def _context(self) -> dict[str, Any]:
        return {"request_id": f"req-{next(self._requests)}"}

    def close(self) -> None:
        self._patch.undo()
        self.controller.database.close()

    # -- what people do ---------------------------------------------------------------------------------------------

    def create(self, **fields: Any) -> views.Link | None:
        """Create a link; None if its names are taken."""
        with contextlib.suppress(NameConflict, Loop):
            return self.controller.links.create(self._context(), model.BridgeLinkCreate.model_validate(fields))
        return None

    def change(self, link_id: str, **fields: Any) -> None:
        with contextlib.suppress(PendingDelete, NameConflict, Loop):
            self.controller.links.update(self._context(), link_id, model.BridgeLinkUpdate.model_validate(fields))

    def delete(self, link_id: str, *, force: bool) -> None:
        self.controller.links.delete(self._context(), link_id, force=force)

    def set_mode(self, mode: Mode) -> None:
        self.controller.agents.update(self._context(), HOST, AgentUpdate(mode=mode))

    def remove_bridge(self, name: str) -> None:
        """Delete one of those that come and go; what is in it stays without."""
        if self.host.bridges.pop(name, None):
            self.host.rows = {port: row for port, row in self.host.rows.items() if row.bridge != name}
        for bridge in [device for device in self.host.kernel.devices.values() if device.name == name]:
            for index, device in list(self.host.kernel.devices.items()):
                if device.master == bridge.ifindex:
                    self.host.change(index, master=None)
            self.host.delete(bridge.ifindex)

    def add_bridges(self) -> None:
        """Make those that are missing."""
        there = {device.name for device in self.host.kernel.devices.values()}
        for name in LINUX:
            if name not in there:
                self.host.add_linux_bridge(name)
        for name in OVS:
            if name not in self.host.bridges:
                self.host.add_ovs_bridge(name)

    def reboot(self) -> None:
        """All veths are gone, what is in OVSDB is not; bridges are there before the agent is."""
        for device in list(self.host.kernel.devices.values()):
            if device.kind == "veth" and device.ifindex in self.host.kernel.devices and device.name not in _FOREIGN:
                self.host.delete(device.ifindex)
        self.add_bridges()
        self.agent.boot()

    # -- what the bus does ------------------------------------------------------------------------------------------

    def deliver(self, cast: Cast) -> None:
        """Let a cast arrive at the agent, whomever it was for."""
        self.bus.deliver(cast, self.agent.endpoint)

    # -- what must hold ---------------------------------------------------------------------------------------------

    def later(self, seconds: float) -> None:
        """Let time pass, in which the agent does what it does by itself."""
        self.controller.clock.advance(seconds)
        self.agent.later(seconds)
        self.agent.send()

    def turn_ovsdb(self, *, away: bool) -> None:
        """Let OVSDB be away for the agent, or tell it all of its rows again."""
        if self.host.connected == away:
            self.host.connected = self.agent.ovsdb = not away
            self.agent.tell_rows(whole=True)
            self.agent.inbox.mark_all()

    def calm_down(self) -> None:
        """End all faults and let some reports go by; casts that have not arrived never do."""
        self.turn_ovsdb(away=False)
        self.bus.away, self.bus.lose, self.agent.helper_error = False, "", None
        self.add_bridges()
        self.set_mode(Mode.ENFORCE)
        for _ in range(6):
            self.agent.beat()
            self.later(INTERVAL)
            self.later(INTERVAL)

    def check(self) -> None:
        """Check that controller, store, kernel and OVSDB agree, and that all else is as it was."""
        wanted = {link.id: model.BridgeLink(**_message(link)) for link in self.controller.wanted()}
        self._check_store(wanted)
        self._check_digests()
        for link in self.controller.wanted():
            self._check_link(wanted[link.id], link)
        self._check_leftovers(wanted)
        self._check_no_loop(wanted)

    def check_nothing_went_back(self) -> None:
        """Check that casts of generations that are over have changed nothing, before any digest could mend it."""
        self.agent.settle()
        stored = {link.id: link for link, _ in self.agent.store.links()}
        for link in self.controller.wanted():
            assert stored[link.id] == model.BridgeLink(**_message(link))

    def _check_store(self, wanted: dict[str, model.BridgeLink]) -> None:
        store: Store = self.agent.store
        assert {link.id: link.generation for link, _ in store.links()} == {
            link.id: link.generation for link in wanted.values()
        }
        assert {link.id: link for link, _ in store.links()} == wanted
        assert [link_id for link_id, _, _, gone in store.removed() if not gone] == []

    def _check_digests(self) -> None:
        shown = self.controller.agents.show(HOST)
        assert shown.desired_in_step and shown.observed_in_step and shown.ready and not shown.health
        assert shown.reported_mode == Mode.ENFORCE

    def _check_link(self, wanted: model.BridgeLink, shown: views.Link) -> None:
        assert shown.observed_generation == shown.generation
        observed = self.host.look()
        plan = plan_link(wanted, observed, Topology(observed), settled_mtu=self.agent.desired.settled_mtu(wanted.id))
        assert plan.empty, plan.sentences()
        state = plan.state
        told, found = (shown.status, shown.reason, shown.observed), (state.status, state.reason, state.ends)
        assert told == found, f"{told}\nis held, this is so:\n{found}"
        match state.status, state.reason:
            case Status.ACTIVE, _:
                check_active(self.host, wanted, state)
            case Status.DOWN, Reason.ADMIN_DOWN:
                assert not wanted.admin_state_up
            case Status.ERROR, Reason.LOOP:
                assert joined_by_others(self.host, wanted)
            case Status.ERROR, Reason.NAME_CONFLICT:
                assert self._is_taken(wanted)
            case _:
                pytest.fail(f"{state.status} {state.reason} {state.message}")

    def _is_taken(self, wanted: model.BridgeLink) -> bool:
        """Return whether somebody else has one of the names."""
        names = {end.device for end in naming.wanted_ends(wanted)}
        devices = {d.name for d in self.host.kernel.devices.values() if naming.owner(d.alias) != wanted.id}
        rows = {row.name for row in self.host.rows.values() if row.link_id != wanted.id}
        return bool(names & (devices | rows))

    def _check_leftovers(self, wanted: dict[str, model.BridgeLink]) -> None:
        marks = {naming.owner(device.alias) for device in self.host.kernel.devices.values()}
        marks |= {row.link_id for row in self.host.rows.values()}
        assert marks - {None} <= wanted.keys()
        assert self._others() == self._foreign

    def _check_no_loop(self, wanted: dict[str, model.BridgeLink]) -> None:
        group = {name: name for name in (*LINUX, *OVS)}
        for link in self.controller.wanted():
            if link.status == Status.ACTIVE and not wanted[link.id].allow_loop:
                first, second = (group[end.bridge] for end in wanted[link.id].ends)
                assert first != second, "a loop of links that do not allow it"
                group = {name: first if there == second else there for name, there in group.items()}

    def _others(self) -> tuple[list[Device], OvsPort]:
        """Return what looks like ours and is not."""
        return [self.host.kernel.named(name) for name in _FOREIGN], self.host.rows["eth9"]


def _message(link: views.Link) -> dict[str, Any]:
    return {name: getattr(link, name) for name in model.BridgeLink.model_fields if name != "version"}
