"""What uses a database: the API, and what takes events, and what both have to do in a fault of it and after."""

import pytest
from falcon import testing
from sqlalchemy import orm

from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from tests.unit.controller.api.conftest import client_of
from tests.unit.controller.conftest import count
from vethagent import exceptions
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.db.patience import Limits
from vethagent.controller.events import Events
from vethagent.controller.liveness import Liveness

#: Nobody wants to wait for a lock in a test.
LIMITS = Limits(lock=1)


class Site:
    """The API, and what takes events, over a database with two connections."""

    def __init__(self, url: str, liveness: Liveness, limits: Limits = LIMITS) -> None:
        self.database = Database(url, max_pool_size=2, max_overflow=0, pool_timeout=1, limits=limits)
        self._client = client_of(applications.build(self.database, fakes.AgentApi(), liveness))
        self._events = Events(self.database, liveness)
        self.link_id = self.create().json["id"]
        self._sent = fakes.batch([fakes.event(self.link_id, 1)])

    def create(self, **fields: object) -> testing.Result:
        """Ask for a link."""
        body = fakes.body(**fields).model_dump(mode="json", exclude_unset=True)
        return self._client.simulate_post("/v1/bridge-links", json=body)

    def store(self) -> int:
        """Send an event as an agent does, always the same; return how many are new."""
        return len(self._events.store(self._sent))

    def store_in(self, session: orm.Session) -> None:
        """Do the same in a transaction of the test."""
        self._events._store(session, [self._sent])

    def list(self) -> testing.Result:
        """Ask for all links."""
        return self._client.simulate_get("/v1/bridge-links")

    def check_request(self) -> None:
        """Check that a request for a change is refused for now."""
        answer = self.create(ends=[{"bridge": "br3"}, {"bridge": "br4"}])
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0

    def check_event(self) -> None:
        """Check that an event is refused for now."""
        with pytest.raises(exceptions.DatabaseUnavailable):
            self.store()

    def check(self) -> None:
        """Check that all goes on after the fault, with the event counted once."""
        assert self.store() == 1
        assert self.store() == 0
        assert self.create(ends=[{"bridge": "br3"}, {"bridge": "br4"}]).status_code == 201
        assert [count(self.database, kind) for kind in (models.PortEvent, models.BridgeLink)] == [1, 2]
