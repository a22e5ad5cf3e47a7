"""What every request has in common."""

import logging
import pathlib
import re

import falcon
import pytest
from falcon import testing

from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from tests.unit.controller.api.conftest import client_of
from vethagent import exceptions
from vethagent.controller.api import auth, errors, openapi, operation
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness


def test_each_answer_has_its_request_id(client: testing.TestClient) -> None:
    for path in ("/", "/v1/agents", "/healthcheck", "/no"):
        found = client.simulate_get(path)
        assert found.headers["x-openstack-request-id"].startswith("req-")
    assert found.json["error"]["request_id"] == found.headers["x-openstack-request-id"]


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", " ", "localhost", "127.0.0.1.example"])
def test_other_hosts_are_not_served(client: testing.TestClient, address: str) -> None:
    answer = client.simulate_get("/v1/agents", remote_addr=address, headers={"X-Forwarded-For": "127.0.0.1"})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_host_is_served(client: testing.TestClient, address: str) -> None:
    assert client.simulate_get("/v1/agents", remote_addr=address).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_a_server_without_authentication_stays_on_loopback(host: str) -> None:
    with pytest.raises(auth.NotLoopback):
        auth.require_loopback(host)


def test_loopback_addresses_are_taken() -> None:
    for host in ("127.0.0.1", "127.1.2.3", "::1"):
        auth.require_loopback(host)


def test_healthcheck(client: testing.TestClient) -> None:
    assert client.simulate_get("/healthcheck").status_code == 200
    assert client.simulate_head("/healthcheck").status_code == 200


@pytest.mark.parametrize("route", [each for each in ROUTES if "GET" in each.operations], ids=lambda each: each.resource)
def test_head_is_get_without_a_body(client: testing.TestClient, known: str, route: operation.Route) -> None:
    path = re.sub("{[a-z_]+}", known, route.path)
    got, asked = client.simulate_get(path), client.simulate_head(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    names = asked.headers.keys() | got.headers.keys()
    assert all(asked.headers[name] == got.headers[name] for name in names - {"x-openstack-request-id"})


def test_without_the_database(
    tmp_path: pathlib.Path, agent_api: fakes.AgentApi, liveness: Liveness, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path}/none/c.sqlite")
    database.say()
    client = client_of(applications.build(database, agent_api, liveness))
    assert client.simulate_get("/healthcheck").status_code == 503
    for _ in range(2):
        answer = client.simulate_get("/v1/agents")
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert "sqlite" not in answer.text
    assert caplog.text.count("unable to open") == 1, "it is not logged for each request"


def failing(error: Exception) -> testing.TestClient:
    class Failing:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            raise error

    application = falcon.App()
    errors.install(application)
    application.add_route("/", Failing())
    return testing.TestClient(application)


@pytest.mark.parametrize("error", [ValueError("secret"), exceptions.HelperRefused("secret")])
def test_what_nobody_foresaw_is_not_shown(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = failing(error).simulate_get("/")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


def test_bus_unavailable() -> None:
    answer = failing(exceptions.BusUnavailable("secret")).simulate_get("/")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "BUS_UNAVAILABLE")
    assert "secret" not in answer.text


def test_the_document_tells_every_route_that_is_served(client: testing.TestClient) -> None:
    document = client.simulate_get("/v1/openapi.json").json
    assert document == openapi.document()
    assert document["openapi"].startswith("3.1")
    for route in ROUTES:
        served = client.simulate_options(route.path.replace("{link_id}", fakes.STREAM).replace("{host}", "h1"))
        allowed = {method for method in served.headers["allow"].split(", ") if method != "OPTIONS"}
        told = {method.upper() for method in document["paths"][route.path]}
        assert told | ({"HEAD"} if "GET" in told else set()) == allowed


def test_everything_that_the_document_refers_to_is_there() -> None:
    document = openapi.document()
    schemas = document["components"]["schemas"]

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    found = references(document)
    assert found == {f"#/components/schemas/{name}" for name in schemas}
    assert schemas["BridgeLinkCreate"]["additionalProperties"] is False
    operations = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize("name", ["localhost", "localhost:9798", "127.0.0.1:9798", "[::1]:9798"])
def test_names_of_this_host_are_served(client: testing.TestClient, name: str) -> None:
    assert client.simulate_get("/v1/agents", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize("name", ["rebound.example", "rebound.example:9798", "192.0.2.1", "localhost.example"])
def test_other_names_of_this_host_are_not_served(client: testing.TestClient, name: str) -> None:
    answer = client.simulate_get("/v1/agents", headers={"Host": name})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "FORBIDDEN")


def test_metrics_are_in_the_text_format_of_prometheus(client: testing.TestClient, known: str) -> None:
    answer = client.simulate_get("/metrics")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert f'vethagent_fleet_agent_up{{host="{known}"}} 1.0' in answer.text
    assert client.simulate_get("/metrics?host=h1").status_code == 400
