"""Client of the controllers: what an agent says to whichever controller takes the message."""

import itertools
import time
from collections.abc import Callable

import oslo_messaging

from vethagent import constants, model
from vethagent.rpc import transport as bus
from vethagent.rpc import wire

#: Seconds by which a call that ends by its time-out may come late.
_GRACE = 1.0


class ControllerAPI:
    """Calls to ``vethagent-controller``; each raises BusUnavailable if nobody answered in ``timeout`` seconds.

    Version history:

    * 1.0 - report_state, report_port_events, get_bridge_links
    * 1.1 - report_inventory
    """

    def __init__(self, transport: oslo_messaging.Transport, *, timeout: float = 10) -> None:
        target = oslo_messaging.Target(topic=constants.CONTROLLER_TOPIC, version="1.0")
        self._client = oslo_messaging.get_rpc_client(transport, target, timeout=timeout, retry=0)
        self._timeout = timeout
        self._begun: dict[int, float] = {}
        self._numbers = itertools.count()

    def report_state(self, context: bus.Context, report: model.StateReport) -> model.ReportAnswer:
        """Heartbeat; the answer tells what the controller holds for the host."""
        answer = self._call(context, "report_state", report=wire.dump(report))
        return wire.parse(model.ReportAnswer, answer)

    def report_port_events(self, context: bus.Context, events: model.PortEvents) -> None:
        """Deliver events; returning is the acknowledgement that they are stored."""
        self._call(context, "report_port_events", events=wire.dump(events))

    def get_bridge_links(self, context: bus.Context, host: str) -> model.HostState:
        """Return everything that is wanted on ``host``."""
        answer = self._call(context, "get_bridge_links", host=host)
        return wire.parse(model.HostState, answer)

    def report_inventory(self, context: bus.Context, inventory: model.HostInventory) -> None:
        """Tell what the host shows. Only a controller that has asked for it in a ReportAnswer knows the method."""
        client = self._client.prepare(version="1.1")
        self._send(lambda: client.call(context, "report_inventory", inventory=wire.dump(inventory)))

    def stuck_for(self) -> float:
        """Return how many seconds ago a call began that has outlived its time-out; 0 if there is none.

        The first of a process waits for ever for a broker that is not reached: oslo.messaging connects then to hear the
        answer, and knows neither ``timeout`` nor ``retry`` there (``_get_reply_q`` in its amqpdriver.py).
        """
        longest = max((time.monotonic() - begun for begun in list(self._begun.values())), default=0.0)
        return longest if longest > self._timeout + _GRACE else 0.0

    def _call(self, context: bus.Context, method: str, **arguments: object) -> object:
        return self._send(lambda: self._client.call(context, method, **arguments))

    def _send(self, message: Callable[[], object]) -> object:
        number = next(self._numbers)
        self._begun[number] = time.monotonic()
        try:
            return bus.send(message)
        finally:
            del self._begun[number]
