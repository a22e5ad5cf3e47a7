"""Client of the controllers: what an agent says to whichever controller takes the message."""

import oslo_messaging

from vethagent import constants, model
from vethagent.rpc import transport as bus
from vethagent.rpc import wire


class ControllerAPI:
    """Calls to ``vethagent-controller``; each raises BusUnavailable if nobody answered in ``timeout`` seconds.

    Version history:

    * 1.0 - report_state, report_port_events, get_bridge_links
    * 1.1 - report_inventory
    """

    def __init__(self, transport: oslo_messaging.Transport, *, timeout: float = 10) -> None:
        target = oslo_messaging.Target(topic=constants.CONTROLLER_TOPIC, version="1.0")
        self._client = oslo_messaging.get_rpc_client(transport, target, timeout=timeout, retry=0)

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
        bus.send(lambda: client.call(context, "report_inventory", inventory=wire.dump(inventory)))

    def _call(self, context: bus.Context, method: str, **arguments: object) -> object:
        return bus.send(lambda: self._client.call(context, method, **arguments))
