"""The document against the API, by requests that schemathesis makes up from it; the same ones each time."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from vethagent import model
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports

_EXAMPLES = 8

_OPERATIONS = [(route.path, method) for route in ROUTES for method in route.operations]


@pytest.fixture(scope="module")
def api(template: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The API with one host, whose agent answers."""
    path = tmp_path_factory.mktemp("contract") / "controller.sqlite"
    path.write_bytes(template.read_bytes())
    database = Database(f"sqlite:///{path}")
    liveness = Liveness(1e6, fakes.Clock())
    agent_api = fakes.AgentApi()
    agent_api.answers["describe_host"] = model.HostDescription(host="h1")
    agent_api.answers["plan_bridge_links"] = model.HostPlan(host="h1")
    Reports(database, liveness).take(fakes.report("h1"))
    application = applications.build(database, agent_api, liveness)

    def on_this_host(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return application(environ | {"REMOTE_ADDR": "127.0.0.1"}, start_response)

    yield schemathesis.openapi.from_wsgi("/v1/openapi.json", on_this_host)
    database.close()


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize(("path", "method"), _OPERATIONS)
def test_the_api_does_what_its_document_says(
    api: Any, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        case.call_and_validate()

    try:
        check()
    except Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE, "there is nothing in it that could be wrong"
