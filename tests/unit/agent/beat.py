"""A heart and what is around it, with a controller in memory."""

import pytest

from tests.unit.agent.builders import AnsweringInbox
from tests.unit.agent.controller import Controller
from vethagent import model
from vethagent.agent.desired import Desired
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.journal import Journal
from vethagent.agent.outbox import Outbox
from vethagent.agent.reporter import Heartbeat
from vethagent.agent.store import Store
from vethagent.plumbing.observed import Observed


class Setup:
    def __init__(self, patch: pytest.MonkeyPatch, store: str = ":memory:") -> None:
        self.now = 1000.0
        self.inventory: model.HostInventory | None = None
        patch.setattr("vethagent.agent.reporter.time.monotonic", lambda: self.now)
        self.controller, self.outbox, self.inbox = Controller(), Outbox(), AnsweringInbox()
        self.desired, self.observed = Desired(Store(store)), Observed()
        self.journal, self.health = Journal(self.outbox.put), HealthKeeper()
        self.heartbeat = Heartbeat(
            controller=self.controller,  # type: ignore[arg-type]
            host="h1",
            version="1.2.3",
            interval=30,
            desired=self.desired,
            journal=self.journal,
            outbox=self.outbox,
            inbox=self.inbox,
            observed=self.observed,
            look=lambda: self.inventory,
            health=self.health,
            counters=Counters(),
        )

    def beat(self, after: float = 30) -> None:
        self.now += after
        self.heartbeat._beat()

    def controller_wants(self, *links: model.BridgeLink) -> None:
        self.controller.links = {each.id: each for each in links}

    def deliver(self) -> list[model.PortEvent]:
        """Let the controller know what waits in the outbox."""
        events = self.outbox.take(100, timeout=0)
        self.controller.told |= {event.state.link_id: event.state for event in events}
        self.outbox.confirm()
        return events
