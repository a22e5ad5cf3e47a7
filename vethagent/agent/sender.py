"""Tells the controller of port events, as they come.

They leave on a thread of their own: a burst of them does not make the heartbeat late, and a call that waits for an
absent broker, which oslo.messaging lets it do for ever, holds up nothing but itself.
"""

import datetime
import logging
import threading
import uuid
from collections.abc import Callable, Sequence

from vethagent import exceptions, faults, logs, model
from vethagent.agent.delays import next_delay
from vethagent.agent.health import HealthKeeper
from vethagent.agent.outbox import Outbox
from vethagent.rpc import transport as bus
from vethagent.rpc.controller_api import ControllerAPI

LOG = logging.getLogger(__name__)

_EVENTS_AT_ONCE = 500


class EventSender:
    """Delivers what is in the outbox, at least once and in order; (stream, seq) tells the controller a repeat."""

    def __init__(
        self,
        outbox: Outbox,
        controller: ControllerAPI,
        *,
        host: str,
        interval: float,
        health: HealthKeeper,
        delivered: Callable[[Sequence[model.PortEvent]], None],
    ) -> None:
        """``interval`` as in Heartbeat; ``delivered`` is called with each batch that arrived."""
        self._interval = interval
        self._delivered = delivered
        self._retry = threading.Event()
        self._outbox = outbox
        self._controller = controller
        self._host = host
        self._health = health
        self._stream = str(uuid.uuid4())

    def start(self) -> None:
        """Begin to deliver."""
        threading.Thread(target=self._run, name="event-sender", daemon=True).start()

    def retry(self) -> None:
        """Wait no longer: something has got through."""
        self._retry.set()

    def _run(self) -> None:
        delay = 0.0
        while not self._outbox.closed:
            self._retry.clear()
            events = self._outbox.take(_EVENTS_AT_ONCE)
            if not events:
                continue
            context = {"request_id": events[-1].request_id}
            faults.point("agent-sending")
            try:
                self._deliver(context, events)
            except Exception as error:  # whatever the bus or a controller comes up with, the events have to go again
                delay = next_delay(delay, self._interval)
                self._health.bad("events", f"port events are not taken: {error}")
                self._outbox.give_back(events)
                self._retry.wait(delay)
            else:
                delay = 0.0
                self._health.good("events")
                faults.point("agent-delivered")
                self._outbox.confirm()
                self._delivered(events)

    def _deliver(self, context: bus.Context, events: Sequence[model.PortEvent]) -> None:
        now = datetime.datetime.now(datetime.UTC)
        message = model.PortEvents(host=self._host, stream=self._stream, sent_at=now, events=tuple(events))
        try:
            self._controller.report_port_events(context, message)
        except exceptions.InvalidMessage as error:
            # It will never be taken, so that it does not hold up all that come after, it is left out.
            if len(events) == 1:
                link_id, request_id = events[0].state.link_id, events[0].request_id
                about = logs.about(request_id=request_id, links=[link_id])
                LOG.error("The controller does not understand an event of link %s: %s", link_id, error, extra=about)
                return
            for event in events:
                self._deliver(context, [event])
