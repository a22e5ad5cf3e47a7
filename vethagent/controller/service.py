"""The controller's side of the bus as one thing to start and stop."""

import logging
import threading
from collections.abc import Callable, Sequence

import oslo_messaging

from vethagent import constants
from vethagent.controller.db.database import Database
from vethagent.controller.ear import Ear
from vethagent.controller.endpoint import ControllerEndpoint
from vethagent.controller.events import Events
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.fleet.worker import FleetWorker
from vethagent.controller.inventories import Inventories
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import ControllerMetrics
from vethagent.controller.reports import Reports
from vethagent.controller.watch import Watch
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI
from vethagent.rpc.listener import Listener

LOG = logging.getLogger(__name__)

_STOP_TIMEOUT = 1.5
#: Seconds until queues that the broker has refused are declared again.
_AGAIN = 5.0
#: Seconds between two transactions with state reports, which nobody waits for. At 300 reports a second there are twelve
#: in each then, and each costs a third. Longer, and at 1000 a second most threads would wait for the next.
_REPORTS_PAUSE = 0.04


class ControllerServer:
    """Serves the agents' calls. ``database`` and ``transport`` stay the caller's, who closes them after ``stop``.

    ``brokers`` are those of the transport; without any there is nothing between it and itself to be tried.
    """

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        database: Database,
        *,
        server: str,
        liveness: Liveness,
        brokers: Sequence[tuple[str, int]] = (),
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``changed`` is told in a few words whether agents are heard, each time that it is otherwise."""
        self.metrics = ControllerMetrics(ping=database.ping)
        self._worker = FleetWorker(Fleet(database, AgentAPI(transport), liveness))
        heard = self._worker.mark
        self._endpoint = ControllerEndpoint(
            Reports(database, liveness, heard, pause=_REPORTS_PAUSE),
            Events(database, liveness, heard),
            Inventories(database, liveness),
            self.metrics,
        )
        self._transport, self._name, self._changed = transport, server, changed
        self._listener = Listener(self._make_server, pause=lambda _: _AGAIN, refused=self._refused, heard=self._heard)
        self._trouble = ""
        self._watch = Watch(database, liveness)
        self._listening = threading.Event()
        # oslo.messaging does not tell of a broker that was lost later on.
        ear = Ear(
            transport,
            server,
            idle=lambda: self.metrics.under_way == 0,
            listen_again=self._listener.listen_again,
            changed=changed,
        )
        self._ear = ear if brokers else None
        self.metrics.listening = lambda: self._listening.is_set() and ear.hears

    def start(self) -> None:
        """Return at once and listen as soon as the broker is there: oslo.messaging waits for it for ever."""
        self._worker.start()
        threading.Thread(target=self._listen, name="rpc-start", daemon=True).start()
        self._watch.start(self._listening)

    def wait_until_listening(self, timeout: float | None = None) -> bool:
        """Return whether agents are heard; wait up to ``timeout`` seconds for it."""
        return self._listening.wait(timeout)

    @property
    def standing(self) -> str:
        """In a few words whether agents are heard, and if not why."""
        return self._trouble or ("listening for agents" if self._listening.is_set() else "waits for the message broker")

    def stop(self) -> None:
        """Take no more calls and finish those that came, but wait no longer than a second or two."""
        if self._ear is not None:
            self._ear.stop()
        self._watch.stop()
        self._worker.stop()
        ending = threading.Thread(target=self._listener.stop, name="rpc-stop", daemon=True)
        ending.start()
        ending.join(_STOP_TIMEOUT)
        if ending.is_alive():
            LOG.warning("calls of agents were not finished in %.1f seconds and are dropped", _STOP_TIMEOUT)

    def _listen(self) -> None:
        self._listener.listen()
        if self._listening.is_set() and self._ear is not None:
            self._ear.start()

    def _make_server(self) -> oslo_messaging.MessageHandlingServer:
        return bus.get_server(self._transport, constants.CONTROLLER_TOPIC, self._name, self._endpoint)

    def _refused(self, failure: str) -> None:
        trouble = f"agents are not heard: {failure}"
        if trouble != self._trouble:
            LOG.error("%s", trouble)
            self._changed(trouble)
        self._trouble = trouble

    def _heard(self) -> None:
        self._trouble = ""
        self._listening.set()
        LOG.info("listening for agents")
