"""The agent as a whole: its parts, put together, started and ended in order."""

import dataclasses
import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence

import oslo_messaging

from vethagent import constants, exceptions, faults, logs, model
from vethagent.agent import inventory
from vethagent.agent.confirmer import Confirmer, Way
from vethagent.agent.delays import next_delay
from vethagent.agent.desired import Desired
from vethagent.agent.early import Early
from vethagent.agent.endpoint import AgentEndpoint
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.journal import Journal, fingerprint
from vethagent.agent.metrics import AgentMetrics
from vethagent.agent.observer import Observer
from vethagent.agent.outbox import Outbox
from vethagent.agent.reconciler import Reconciler
from vethagent.agent.reporter import Heartbeat
from vethagent.agent.sender import EventSender
from vethagent.agent.stopwatch import Stopwatch
from vethagent.agent.store import Store
from vethagent.agent.watchdog import Watchdog
from vethagent.plumbing import packet_sockets, rtnl, ways
from vethagent.plumbing.apply import Applier
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.ovs import Ovs
from vethagent.plumbing.ovs_replica import OvsChanges
from vethagent.privileged.recovery import Helper
from vethagent.rpc import transport as bus
from vethagent.rpc.controller_api import ControllerAPI
from vethagent.rpc.listener import Listener

LOG = logging.getLogger(__name__)

_OVSDB_RETRY = 1.0
#: The part of a batch that is under way is finished. It takes a moment; only a helper that has to be replaced first, or
#: what does not answer at all, takes so long, or so many times the patience with a helper.
_STOP_SECONDS, _STOP_PATIENCE = 20.0, 4
#: But no longer than this part of the time after which the process is killed: what follows has the rest.
_STOP_SHARE = 0.7
_BUS_SECONDS = 1.0
#: The second report tells how links are. It does not wait longer for that, as for links that have to be made again.
_LOOK_SECONDS = 1.0
#: OVSDB tells its rows in a tenth of that, if it does.
_ROWS_SECONDS = 1.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What an agent needs to know; times in seconds."""

    host: str
    version: str
    store: str
    #: NO_OVSDB if there is none.
    ovsdb_connection: str
    ovsdb_timeout: float = 10
    helper_timeout: float = 10
    rpc_timeout: float = 10
    report_interval: float = 30
    audit_interval: float = 600
    watchdog_timeout: float = 30
    #: Where the bus is reached; none if it reaches no further than this process.
    brokers: tuple[ways.Server, ...] = ()
    confirm_timeout: float = 10
    confirm_gateway: bool = False
    #: How long whoever runs the process waits for its end before he kills it; 0: for ever.
    stop_timeout: float = 0
    #: Bridges by physical network.
    bridge_mappings: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Agent:
    """One agent. Nothing is opened before ``start``: the process may fork until then."""

    def __init__(
        self,
        settings: AgentSettings,
        transport: oslo_messaging.Transport,
        *,
        tell: Callable[[str], None] = lambda _: None,
        supervised: float | None = None,
        log_trouble: Callable[[], str] = lambda: "",
        stay_alone: Callable[[], None] = lambda: None,
    ) -> None:
        """``tell``, ``supervised``, ``log_trouble`` and ``stay_alone`` as in Watchdog."""
        self._settings = settings
        self._tell, self._supervised, self._log_trouble = tell, supervised, log_trouble
        self._stay_alone = stay_alone
        self._transport = transport
        self._health = HealthKeeper()
        self._counters = Counters()
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._observed = Observed()
        self._inventory = inventory.Keeper(settings.host, self._observed, settings.bridge_mappings)
        self._stopwatch = Stopwatch()
        self._journal = Journal(
            self._publish,
            drifted=lambda difference: self._counters.add(f"drift_found_{difference.code}"),
            stopwatch=self._stopwatch,
        )
        self.metrics = AgentMetrics(
            host=settings.host, version=settings.version, counters=self._counters, health=self._health
        )
        self._links = rtnl.LinkMonitor(self._inbox.put_devices, self._overflow, self._inbox.wake, self._deaf)
        self._stopping = threading.Event()
        #: Held by who starts it, for the end may be asked for meanwhile.
        self._starting = threading.Lock()
        self._worker: threading.Thread | None = None
        self._ovs_was_connected = False

    def start(self) -> None:
        """Restore what is wanted here, then reach for OVSDB and the bus, neither of which is waited for."""
        with self._starting:
            if not self._stopping.is_set():
                self._begin()

    def _begin(self) -> None:
        settings = self._settings
        self._store = Store(settings.store)
        self._desired = Desired(self._store)
        self._early = Early(_ROWS_SECONDS)
        self._ovs = Ovs(
            settings.ovsdb_connection,
            self._inbox.put_ovs,
            timeout=settings.ovsdb_timeout,
            connection_changed=self._ovs_changed,
            switch_back=self._switch_back,
        )
        self._helper = Helper(timeout=settings.helper_timeout)
        self._confirmer = self._make_confirmer()
        self._counters.include("helper_restarts", lambda: self._helper.restarts)
        self._reconciler = self._make_reconciler()
        controller = ControllerAPI(self._transport, timeout=settings.rpc_timeout)
        self._heartbeat = self._make_heartbeat(controller)
        self._sender = EventSender(
            self._outbox,
            controller,
            host=settings.host,
            interval=settings.report_interval,
            health=self._health,
            delivered=self._delivered,
        )
        self._heartbeat.reached = self._sender.retry
        self._listener = self._make_listener()
        self._heartbeat.deaf = self._listener.listen_again
        self._heartbeat.looked = lambda: self._early.looked.wait(_LOOK_SECONDS)
        self.metrics.watch(
            desired=self._desired,
            journal=self._journal,
            inbox=self._inbox,
            outbox=self._outbox,
            report_age=self._heartbeat.age,
        )
        self._links.start()
        self._confirmer.start()
        worker = self._reconciler.start()
        threading.Thread(target=self._start_helper, name="helper-start", daemon=True).start()
        threading.Thread(target=self._connect_ovs, name="ovsdb", daemon=True).start()
        self._sender.start()
        self._watchdog = self._make_watchdog(controller)
        self._watchdog.start()
        self._endpoint = self._make_endpoint()
        threading.Thread(target=self._serve, name="rpc-server", daemon=True).start()
        self._worker = worker  # last: what was not begun to its end cannot be ended in order

    def stop(self) -> None:
        """End after the part of a batch that is under way; links stay as they are, each whole or absent."""
        self._stopping.set()
        with self._starting:
            worker = self._worker
        if worker is None:
            return
        self._heartbeat.stop()
        self._watchdog.stop()
        self._helper.close()
        # Stopping the server waits for a broker that may be away.
        stopper = threading.Thread(target=self._listener.stop, name="rpc-stop", daemon=True)
        stopper.start()
        self._confirmer.stop()
        self._inbox.close()
        worker.join(self._stop_patience())
        if worker.is_alive():
            for link_id in sorted(self._reconciler.unfinished()):
                LOG.error("Link %s may be left half until the next start: its batch takes too long", link_id)
        self._helper.abandon()
        try:
            self._desired.flush()
        except exceptions.StoreUnusable as error:
            LOG.error("What was wanted last could not be written down: %s", error)
        self._outbox.close()
        self._links.stop()
        self._ovs.close()
        stopper.join(_BUS_SECONDS)
        self._store.close()

    def _stop_patience(self) -> float:
        patience = max(_STOP_SECONDS, _STOP_PATIENCE * self._settings.helper_timeout)
        limit = self._settings.stop_timeout
        return min(patience, _STOP_SHARE * limit) if limit else patience

    # -- parts ---------------------------------------------------------------------------------------------------

    def _make_reconciler(self) -> Reconciler:
        return Reconciler(
            inbox=self._inbox,
            desired=self._desired,
            observed=self._observed,
            observer=Observer(self._observed, self._desired, rtnl.dump, packet_sockets.read),
            applier=Applier(self._helper, self._ovs),
            confirmer=self._confirmer,
            drain=self._links.drain,
            journal=self._journal,
            health=self._health,
            counters=self._counters,
            audit_interval=self._settings.audit_interval,
            early=self._early,
        )

    def _make_confirmer(self) -> Confirmer:
        settings = self._settings
        found: list[Way] = []
        if settings.brokers:
            learned = self._desired.keep_faces
            found.append(ways.TcpWay("the bus", settings.brokers, faces=self._store.faces(), learned=learned))
            if settings.confirm_gateway:
                found += ways.gateways()
        return Confirmer(
            ways=found,
            timeout=settings.confirm_timeout,
            desired=self._desired,
            inbox=self._inbox,
            counters=self._counters,
        )

    def _make_heartbeat(self, controller: ControllerAPI) -> Heartbeat:
        return Heartbeat(
            controller=controller,
            host=self._settings.host,
            version=self._settings.version,
            interval=self._settings.report_interval,
            desired=self._desired,
            journal=self._journal,
            outbox=self._outbox,
            inbox=self._inbox,
            observed=self._observed,
            look=self._inventory.look,
            health=self._health,
            counters=self._counters,
        )

    def _make_watchdog(self, controller: ControllerAPI) -> Watchdog:
        return Watchdog(
            inbox=self._inbox,
            absent=self._observed.bridges_without_device,
            helper=self._helper,
            switch=self._ovs,
            call_stuck_for=controller.stuck_for,
            health=self._health,
            log_trouble=self._log_trouble,
            stay_alone=self._stay_alone,
            timeout=self._settings.watchdog_timeout,
            tell=self._tell,
            supervised=self._supervised,
        )

    def _make_endpoint(self) -> AgentEndpoint:
        host = self._settings.host
        return AgentEndpoint(
            host=host,
            desired=self._desired,
            inbox=self._inbox,
            counters=self._counters,
            stopwatch=self._stopwatch,
            describe=self._inventory.describe,
            plan=lambda links: inventory.host_plan(host, self._reconciler.plan(links), self._observed),
            pull=self._heartbeat.pull,
            heard=self._heartbeat.heard,
            changed=self._heartbeat.links_changed,
            switched=self._heartbeat.soon,
        )

    def _make_listener(self) -> Listener:
        return Listener(
            self._make_server,
            pause=lambda pause: next_delay(pause, self._settings.report_interval),
            refused=self._unheard,
            heard=self._heard,
        )

    def _make_server(self) -> oslo_messaging.MessageHandlingServer:
        return bus.get_server(self._transport, constants.AGENT_TOPIC, self._settings.host, self._endpoint)

    # -- threads -------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        self._heartbeat.start()
        self._listener.listen()
        self._heartbeat.soon()  # what was cast before went to nobody, and the digest in the answer tells

    def _unheard(self, failure: str) -> None:
        self._health.bad("casts", f"casts are not heard: {failure}")

    def _heard(self) -> None:
        self._health.good("casts")
        LOG.info("Listening to casts")

    def _start_helper(self) -> None:
        try:
            self._helper.start()
        except exceptions.HelperUnavailable as error:
            if not self._stopping.is_set():
                self._health.bad("privsep", str(error))
        else:
            self._health.good("privsep")

    def _connect_ovs(self) -> None:
        if self._settings.ovsdb_connection == constants.NO_OVSDB:
            self._inbox.put_ovs(OvsChanges({}, {}, whole=True))  # so no bridge is waited for
            return
        while not self._stopping.is_set():
            try:
                self._ovs.connect()
            except exceptions.OvsdbUnavailable as error:
                self._health.bad("ovsdb", str(error))
                self._inbox.mark(())  # links that wait for its rows need not any more
                self._stopping.wait(_OVSDB_RETRY * random.uniform(0.9, 1.1))
            else:
                return

    def _ovs_changed(self, connected: bool) -> None:
        if connected:
            if self._ovs_was_connected:
                self._counters.add("ovsdb_reconnects")
            self._ovs_was_connected = True
            self._health.good("ovsdb")
            self._inbox.mark_all()  # what could not be done without it is tried again
        elif not self._stopping.is_set():
            self._health.bad("ovsdb", f"the connection to {self._settings.ovsdb_connection} is lost")

    def _switch_back(self) -> None:
        self._health.good("vswitchd")
        self._inbox.ask(self._reconciler.look_at_unsettled)  # some links may have waited for it

    def _publish(self, event: model.PortEvent) -> None:
        state = event.state
        self._outbox.put(event)  # first: whoever sends it need not wait for the rest
        self._counters.add(f"events_{event.kind}")
        for difference in event.repaired:
            self._counters.add(f"drift_repaired_{difference.code}")
        self.metrics.happened(event)
        about = logs.about(request_id=event.request_id, links=[state.link_id])
        level = logging.WARNING if state.status is model.Status.ERROR else logging.INFO  # that waits for somebody
        request = logs.before(event.request_id)
        LOG.log(level, "%slink %s %s: %s", request, state.link_id, event.kind, _told(event), extra=about)
        faults.point("agent-told")

    def _delivered(self, events: Sequence[model.PortEvent]) -> None:
        self._desired.keep_delivered({event.state.link_id: fingerprint(event.state) for event in events})
        self._heartbeat.links_changed()

    def _overflow(self) -> None:
        LOG.warning("Link events were lost, all devices are listed again")
        self._counters.add("netlink_overflows")
        self._inbox.look_again()

    def _deaf(self, why: str) -> None:
        if why:
            self._health.bad("netlink", f"what changes on the host is not heard: {why}")
        else:
            self._health.good("netlink")


def _told(event: model.PortEvent) -> str:
    """Return how a link is, and what was wrong with it, for a line of the log."""
    state = event.state
    reason = f" ({state.reason}) {state.message}".rstrip() if state.reason else ""
    wrong = [f"{each.device}: {each.code} was {each.observed}, wanted {each.wanted}" for each in event.repaired]
    return f"{state.status}{reason}" + (f", {'; '.join(wrong)}" if wrong else "")
