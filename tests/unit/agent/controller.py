"""A controller in memory."""

from typing import Any

from tests.unit.agent.builders import ids
from vethagent import exceptions, model
from vethagent.model import Mode, Reason, Status

(A,) = ids(1)


class Controller:
    """Holds what is wanted and what it was told; ``away`` is a bus that is not there."""

    def __init__(self) -> None:
        self.links: dict[str, model.BridgeLink] = {}
        self.deleted: tuple[model.LinkRef, ...] = ()
        self.elsewhere: tuple[str, ...] = ()
        self.told: dict[str, model.LinkState] = {}
        self.mode: str = Mode.ENFORCE
        self.incarnation: str | None = A
        self.away = False
        self.reports: list[model.StateReport] = []
        self.pulls = 0
        self.batches: list[model.PortEvents] = []
        self.inventory: model.HostInventory | None = None
        self.inventories = 0

    def report_state(self, context: dict[str, Any], report: model.StateReport) -> model.ReportAnswer:
        self._check()
        self.reports.append(report)
        said = [(each.link_id, each.generation, each.status, each.reason) for each in self.told.values()]
        said += [(each.link_id, each.generation, Status.PENDING_DELETE, Reason.UNPLUGGING) for each in self.deleted]
        unheard = (link for link in self.links.values() if link.id not in self.told)
        said += [(link.id, link.generation, Status.BUILD, Reason.PLUGGING) for link in unheard]
        return model.ReportAnswer(
            desired_digest=model.desired_digest((each.id, each.generation) for each in self.links.values()),
            observed_digest=model.observed_digest(said),
            mode=self.mode,
            wants_inventory=report.inventory_digest not in (None, self.inventory and self.inventory.digest),
            incarnation=self.incarnation,
        )

    def get_bridge_links(self, context: dict[str, Any], host: str) -> model.HostState:
        self._check()
        self.pulls += 1
        return model.HostState(
            host=host,
            links=tuple(self.links.values()),
            deleted=self.deleted,
            mode=self.mode,
            elsewhere=self.elsewhere,
        )

    def report_port_events(self, context: dict[str, Any], events: model.PortEvents) -> None:
        self._check()
        self.batches.append(events)

    def report_inventory(self, context: dict[str, Any], inventory: model.HostInventory) -> None:
        self.inventories += 1
        if self.inventories == 1:
            raise exceptions.UnsupportedVersion("an older controller of several")
        self.inventory = inventory

    def _check(self) -> None:
        if self.away:
            raise exceptions.BusUnavailable("away")
