"""What does not come in."""

import gzip
import json
import tracemalloc
import uuid
from typing import Any

import pytest
from falcon import testing

from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from tests.unit.controller.api.conftest import client_of
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

ENDS = [{"bridge": "br1", "device": "phy-br1"}, {"bridge": "br2", "device": "eth1-br1"}]
GOOD = {"host": "h1", "ends": ENDS}
JSON = {"content-type": "application/json"}


def changed(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def with_end(**fields: Any) -> bytes:
    return changed(ends=[ENDS[0] | fields, ENDS[1]])


BAD = [
    (b"", "the body is empty, a JSON object is needed", None),
    (b"  \n", "the body is empty, a JSON object is needed", None),
    (b"{", "the body is not JSON: ", None),
    (b'{"host": "h1",}', "the body is not JSON: ", None),
    (b"[]", "the body must be a JSON object", None),
    (b"null", "the body must be a JSON object", None),
    (b'{"host": "\xff"}', "the body is not UTF-8: byte 10 is wrong", None),
    (b"\xff\xfe{\x00}\x00", "the body is not UTF-8", None),
    (b'{"mtu": NaN}', "the body has NaN, which is not JSON", None),
    (b'{"mtu": -Infinity}', "the body has -Infinity, which is not JSON", None),
    (b'{"host": "h1", "host": "h2"}', "the body has the key 'host' twice in one object", "host"),
    (b'{"ends": [{"tag": 1, "tag": 2}]}', "the body has the key 'tag' twice in one object", "tag"),
    (b'{"a":' * 600 + b"[" + b"}" * 600, "the body is not JSON", None),
    (b"[" * 2000 + b"]" * 2000, "the body ", None),
    (b'{"mtu": ' + b"9" * 4000 + b"}", "", "host"),
    (changed(host=""), "host: ", "host"),
    (changed(host="a b"), "host: ", "host"),
    (changed(host="../etc"), "host: ", "host"),
    (changed(name="\ud800"), "name: ", "name"),
    (changed(name="a\0b"), "name: ", "name"),
    (changed(name=""), "name: must not be empty", "name"),
    (changed(mtu=-1), "mtu: ", "mtu"),
    (changed(mtu=10**9), "mtu: ", "mtu"),
    (changed(mtu="1500"), "mtu: ", "mtu"),
    (changed(mtu=1500.5), "mtu: ", "mtu"),
    (changed(adopt=1), "adopt: ", "adopt"),
    (changed(color="red"), "color: ", "color"),
    (changed(id="x"), "id: ", "id"),
    (changed(ends=[{"bridge": "br1"}]), "ends.1: ", "ends.1"),
    (with_end(device=""), "ends.0.device: must not be empty", "ends.0.device"),
    (with_end(device="x" * 16), "ends.0.device: is longer than 15 bytes", "ends.0.device"),
    (with_end(device="a/b"), "ends.0.device: ", "ends.0.device"),
    (with_end(device="a b"), "ends.0.device: ", "ends.0.device"),
    (with_end(device=".."), "ends.0.device: ", "ends.0.device"),
    (with_end(device="ä"), "ends.0.device: ", "ends.0.device"),
    (with_end(tag=0), "ends.0.tag: ", "ends.0.tag"),
    (with_end(tag=4095), "ends.0.tag: ", "ends.0.tag"),
    (with_end(bridge=None), "ends.0.bridge: ", "ends.0.bridge"),
    (with_end(devcie="x"), "ends.0.devcie: ", "ends.0.devcie"),
]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(("body", "message", "field"), BAD)
def test_bad_bodies_change_nothing(
    client: testing.TestClient, agent_api: fakes.AgentApi, body: bytes, message: str, field: str | None
) -> None:
    answer = client.simulate_post("/v1/bridge-links", body=body, headers=JSON, host="localhost")
    error = answer.json["error"]
    assert (answer.status_code, error["code"]) == (400, "INVALID_REQUEST")
    assert error["message"].startswith(message)
    assert error["field"] == field
    assert client.simulate_get("/v1/bridge-links").json["bridge_links"] == []
    assert agent_api.casts == []


@pytest.mark.parametrize(
    "ends",
    [[{"bridge": "br1"}] * 2, [{"bridge": "br1", "device": "x"}, {"bridge": "br2", "device": "x"}]],
)
def test_what_no_schema_can_tell(client: testing.TestClient, known: str, ends: list[dict[str, str]]) -> None:
    answer = client.simulate_post("/v1/bridge-links", json=GOOD | {"ends": ends}, host="localhost")
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["field"]) == (409, "CONTRADICTION", "ends")
    assert error["message"].startswith("ends: must ")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/agents/h1", "mode"),
        ("/v1/agents/h1", "labels"),
        (f"/v1/bridge-links/{uuid.UUID(int=1)}", "ends"),
        (f"/v1/bridge-links/{uuid.UUID(int=1)}", "confirm"),
        (f"/v1/link-templates/{uuid.UUID(int=1)}", "selector"),
    ],
)
def test_null_is_told_by_its_field(client: testing.TestClient, known: str, path: str, field: str) -> None:
    answer = client.simulate_patch(path, json={field: None}, host="localhost")
    error = answer.json["error"]
    assert (answer.status_code, error["field"], error["message"]) == (400, field, f"{field}: must not be null")


def test_a_number_with_too_many_digits(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> None:
    application = applications.build(database, agent_api, liveness)
    body = b'{"mtu": ' + b"9" * 5000 + b"}"
    answer = client_of(application).simulate_post("/v1/bridge-links", body=body, headers=JSON, host="localhost")
    assert (answer.status_code, answer.json["error"]["message"]) == (400, "the body has a number with too many digits")


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_what_is_not_said_to_be_json(client: testing.TestClient, media_type: str) -> None:
    answer = client.simulate_post("/v1/bridge-links", body=changed(), headers={"content-type": media_type})
    assert (answer.status_code, answer.json["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_packed_body_is_not_unpacked(client: testing.TestClient) -> None:
    headers = JSON | {"content-encoding": "gzip"}
    answer = client.simulate_post("/v1/bridge-links", body=gzip.compress(changed()), headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "gzip" in answer.json["error"]["message"]


@pytest.mark.usefixtures("known")
def test_media_type_with_parameters(client: testing.TestClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.simulate_post("/v1/bridge-links", body=changed(), headers=headers).status_code == 201


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/bridge-links"), ("GET", "/v1/agents"), ("PUT", "/no")])
def test_too_long(client: testing.TestClient, method: str, path: str) -> None:
    answer = client.simulate_request(method, path, body=b" " * 4097, headers=JSON, host="localhost")
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "BODY_TOO_LARGE")
    assert "4097" in answer.json["error"]["message"]


class Endless:
    """A body that is as long as one wants to read."""

    def __init__(self, total: int) -> None:
        self.left = total

    def read(self, size: int = -1, /) -> bytes:
        taken = self.left if size < 0 else min(size, self.left)
        self.left -= taken
        return b" " * taken


@pytest.mark.parametrize("declared", [True, False])
def test_ten_megabytes_are_not_kept(client: testing.TestClient, declared: bool) -> None:
    total = 10_000_000
    environ = testing.create_environ(path="/v1/bridge-links", method="POST", headers=JSON, host="localhost")
    environ["wsgi.input"] = Endless(total)
    if declared:
        environ["CONTENT_LENGTH"] = str(total)
    else:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    started = testing.StartResponseMock()
    tracemalloc.start()
    try:
        b"".join(client.app(environ, started))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert (started.status or "").startswith("413")


@pytest.mark.usefixtures("known")
def test_chunked(client: testing.TestClient) -> None:
    environ = testing.create_environ(
        path="/v1/bridge-links", method="POST", headers=JSON, host="localhost", body=changed()
    )
    del environ["CONTENT_LENGTH"]
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    started = testing.StartResponseMock()
    b"".join(client.app(environ, started))
    assert (started.status or "").startswith("201")


def test_a_body_that_ends_early(client: testing.TestClient) -> None:
    environ = testing.create_environ(path="/v1/bridge-links", method="POST", headers=JSON, host="localhost", body=b"{}")
    environ["CONTENT_LENGTH"] = "20"
    assert b"ended after 2 of 20 bytes" in b"".join(client.app(environ, testing.StartResponseMock()))
