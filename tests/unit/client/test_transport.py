"""Answers and errors, whoever gives them."""

import pathlib
import pickle
import socket
import threading

import pytest
from keystoneauth1 import fixture, noauth
from keystoneauth1.identity import v3

from tests.support import certificates
from tests.unit.client.conftest import Answer, Stub
from vethagent.client import exceptions, session
from vethagent.client.v1 import Client
from vethagent.controller.api.server import ApiServer


def client_of(url: str) -> Client:
    return Client(session.make_adapter(session.make_session(noauth.NoAuth(), api_url=url), api_url=url))


@pytest.fixture
def client(stub: Stub) -> Client:
    return client_of(stub.url)


def refuse(stub: Stub, status: int, **error: object) -> None:
    stub.answers["GET /v1/agents"] = Answer(status, {"error": error})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, exceptions.InvalidRequest),
        (403, exceptions.Forbidden),
        (404, exceptions.NotFound),
        (409, exceptions.Conflict),
        (413, exceptions.ApiError),
        (429, exceptions.Unavailable),
        (500, exceptions.ApiError),
        (503, exceptions.Unavailable),
    ],
)
def test_error_of_the_api(stub: Stub, client: Client, status: int, kind: type[exceptions.ApiError]) -> None:
    refuse(stub, status, code="CODE", message="ends.0.device: is empty", field="ends.0.device", request_id="req-1")
    with pytest.raises(kind) as caught:
        list(client.agents.list())
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.field, error.request_id) == (status, "CODE", "ends.0.device", "req-1")
    assert str(error) == "ends.0.device: is empty (CODE, request req-1)"


@pytest.mark.parametrize(
    ("challenge", "advice"),
    [("Basic realm=x", "http_basic"), ("Keystone, Keystone uri=x", "--os-auth-type password"), ("", "--os-auth-type")],
)
def test_credentials_are_missing(stub: Stub, client: Client, challenge: str, advice: str) -> None:
    error = {"error": {"code": "UNAUTHORIZED", "message": "who?"}}
    stub.answers["GET /v1/agents"] = Answer(401, error, (("WWW-Authenticate", challenge),))
    with pytest.raises(exceptions.Forbidden, match=advice) as caught:
        list(client.agents.list())
    assert type(caught.value) is exceptions.Unauthorized
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_request_id_of_the_header(stub: Stub, client: Client) -> None:
    stub.answers["GET /v1/agents"] = Answer(
        500, {"error": {"code": "INTERNAL", "message": "x"}}, (("x-openstack-request-id", "req-2"),)
    )
    with pytest.raises(exceptions.ApiError, match=r"x \(INTERNAL, request req-2\)"):
        list(client.agents.list())


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(404, "<html>"), exceptions.UnexpectedAnswer, "check the address, and whether"),
        (Answer(200, "<html>"), exceptions.UnexpectedAnswer, "no JSON"),
        (Answer(200, '"text"'), exceptions.UnexpectedAnswer, "no JSON"),
        (Answer(400, "sent to HTTPS port"), exceptions.UnexpectedAnswer, "wants https"),
        (Answer(500, "[]"), exceptions.UnexpectedAnswer, "HTTP 500"),
        (Answer(429, "<html>"), exceptions.Unavailable, "not available now"),
        (Answer(502, "<html>"), exceptions.Unavailable, "not available now"),
        (Answer(401, "Authentication required"), exceptions.Forbidden, "--os-auth-type"),
    ],
)
def test_answer_of_somebody_else(
    stub: Stub, client: Client, answer: Answer, kind: type[exceptions.ClientError], text: str
) -> None:
    stub.answers["GET /v1/agents"] = answer
    with pytest.raises(kind, match=text):
        list(client.agents.list())


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(exceptions.ApiUnreachable, match="connection refused") as caught:
            list(client_of(url).agents.list())
    assert (caught.value.url, caught.value.why) == (url, "connection refused")


def test_name_that_does_not_resolve() -> None:
    with pytest.raises(exceptions.ApiUnreachable, match=r"http://nowhere\.invalid"):
        list(client_of("http://nowhere.invalid").agents.list())


def test_connection_that_is_closed_without_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def close_one() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=close_one)
        thread.start()
        with pytest.raises(exceptions.ApiUnreachable, match="connection"):
            list(client_of(f"http://127.0.0.1:{listener.getsockname()[1]}").agents.list())
        thread.join()


def test_a_certificate_that_is_not_trusted(tmp_path: pathlib.Path) -> None:
    certificate, key = map(str, certificates.make(tmp_path))
    server = ApiServer(
        lambda _environ, _start: [], host="127.0.0.1", port=0, max_body=1, threads=1, certificate=certificate, key=key
    )
    server.start()
    try:
        with pytest.raises(exceptions.ApiUntrusted, match=r"self-signed certificate.*--os-cacert"):
            list(client_of("https://{}:{}".format(*server.address)).agents.list())
    finally:
        server.stop()


def keystone(stub: Stub, *, with_service: bool) -> Client:
    token = fixture.V3Token()
    token.set_project_scope()
    if with_service:
        token.add_service("vethagent").add_standard_endpoints(public=stub.url + "/", region="r1")
    stub.answers["POST /v3/auth/tokens"] = Answer(201, token, (("X-Subject-Token", "secret"),))
    auth = v3.Password(
        stub.url + "/v3",
        username="u",
        password="p",
        user_domain_id="default",
        project_name="x",
        project_domain_id="default",
    )
    return Client(session.make_adapter(session.make_session(auth, api_url=None), api_url=None, interface="public"))


def test_catalog_costs_one_request_for_the_token_and_none_for_discovery(stub: Stub) -> None:
    client = keystone(stub, with_service=True)
    stub.answers["GET /v1/agents"] = Answer(200, {"agents": []})
    assert list(client.agents.list()) == list(client.agents.list()) == []
    assert [f"{method} {path}" for method, path, _headers in stub.requests] == [
        "POST /v3/auth/tokens",
        "GET /v1/agents",
        "GET /v1/agents",
    ]
    assert stub.requests[-1][2]["X-Auth-Token"] == "secret"


def test_catalog_without_the_service(stub: Stub) -> None:
    with pytest.raises(exceptions.AuthenticationFailed, match="no 'vethagent' service"):
        list(keystone(stub, with_service=False).agents.list())


def test_keystone_that_refuses(stub: Stub) -> None:
    client = keystone(stub, with_service=True)
    stub.answers["POST /v3/auth/tokens"] = Answer(401, {"error": {"message": "no", "code": 401, "title": "x"}})
    with pytest.raises(exceptions.AuthenticationFailed, match="Cannot authenticate"):
        list(client.agents.list())
