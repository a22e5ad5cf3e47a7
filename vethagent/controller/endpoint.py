"""The object whose methods the agents call over the bus."""

import logging

import oslo_messaging

from vethagent import model
from vethagent.controller.events import Events
from vethagent.controller.inventories import Inventories
from vethagent.controller.metrics import ControllerMetrics
from vethagent.controller.reports import Reports
from vethagent.rpc import exposed, wire
from vethagent.rpc import transport as bus

LOG = logging.getLogger(__name__)


class ControllerEndpoint:
    """Topic ``vethagent-controller``; what comes in is checked here, what was refused goes back as itself.

    Version history:

    * 1.0 - report_state, report_port_events, get_bridge_links
    * 1.1 - report_inventory

    ``hear`` is for the controller itself, which asks nobody else for it.
    """

    target = oslo_messaging.Target(version="1.1")

    def __init__(self, reports: Reports, events: Events, inventories: Inventories, metrics: ControllerMetrics) -> None:
        self._reports = reports
        self._inventories = inventories
        self._events = events
        self._metrics = metrics

    @exposed.call
    def hear(self, context: bus.Context) -> None:
        """Nothing: that it returns says that calls get here, and answers back."""

    @exposed.call
    def report_state(self, context: bus.Context, report: object) -> dict[str, object]:
        """Take a StateReport, answer a ReportAnswer."""
        with self._metrics.call("report_state"):
            return wire.dump(self._reports.take(wire.parse(model.StateReport, report)))

    @exposed.call
    def report_port_events(self, context: bus.Context, events: object) -> None:
        """Take PortEvents; that the call returns acknowledges them."""
        with self._metrics.call("report_port_events"):
            self._metrics.happened(self._events.store(wire.parse(model.PortEvents, events)))

    @exposed.call
    def report_inventory(self, context: bus.Context, inventory: object) -> None:
        """Take a HostInventory."""
        with self._metrics.call("report_inventory"):
            self._inventories.store(wire.parse(model.HostInventory, inventory))

    @exposed.call
    def get_bridge_links(self, context: bus.Context, host: object) -> dict[str, object]:
        """Answer the HostState of ``host``."""
        with self._metrics.call("get_bridge_links"):
            checked = wire.parse(model.HostState, {"host": host}).host
            return wire.dump(self._reports.host_state(checked))
