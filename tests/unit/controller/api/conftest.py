from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from falcon import testing

from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

MAX_BODY = 4096


@pytest.fixture
def client(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> testing.TestClient:
    return client_of(applications.build(database, agent_api, liveness, max_body=MAX_BODY))


def client_of(application: WSGIApplication) -> testing.TestClient:
    """Return a client on this host. Falcon looks at the signature of what it gets, and oslo.middleware has none."""

    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.setdefault("REMOTE_ADDR", "127.0.0.1")
        return application(environ, start_response)

    return testing.TestClient(wsgi, headers={"Host": "localhost"})
