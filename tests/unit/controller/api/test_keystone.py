"""A Keystone that cannot be asked: nobody is told that a token is bad."""

import contextlib
import pathlib
import socket
import sys
from collections.abc import Iterator
from typing import Any

import falcon
import pytest
from falcon import testing

from tests.unit.controller import fakes
from tests.unit.controller.api import accounts, applications
from tests.unit.controller.api.conftest import client_of
from tests.unit.controller.api.identity import Identity
from vethagent.controller.api import keystone
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

QUICKLY = {"http_connect_timeout": 1, "http_request_max_retries": 0}


@pytest.fixture
def application(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> Any:
    return applications.build(database, agent_api, liveness, authentication=keystone.Keystone())


def look(client: testing.TestClient, token: str = "any") -> testing.Result:  # nosec B107 - no token of anybody
    return client.simulate_get("/v1/bridge-links", headers={"X-Auth-Token": token})


def check_unavailable(client: testing.TestClient) -> None:
    answer = look(client)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "KEYSTONE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert client.simulate_get("/healthcheck", headers={"X-Auth-Token": "any"}).status_code == 200


@contextlib.contextmanager
def _hanging() -> Iterator[str]:
    """Its kernel takes connections, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def _away() -> Iterator[str]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{nobody.getsockname()[1]}"


@pytest.mark.parametrize("trouble", [_hanging, _away])
def test_keystone_does_not_answer(application: Any, tmp_path: pathlib.Path, trouble: Any) -> None:
    with trouble() as url:
        check_unavailable(client_of(keystone.validated(application, accounts.configured(url, tmp_path, **QUICKLY))))


@pytest.mark.parametrize("status", [401, 500, 503])
def test_keystone_gives_this_service_no_token(
    application: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Its own database is away, say, or the password of ``[keystone_authtoken]`` is another one."""

    give = Identity.on_post
    in_trouble = True

    def refuse(identity: Identity, request: falcon.Request, response: falcon.Response) -> None:
        if in_trouble:
            response.status = status
        else:
            give(identity, request, response)

    monkeypatch.setattr(Identity, "on_post", refuse)
    with accounts.running() as identity:
        client = client_of(accounts.validated(application, identity, tmp_path))
        check_unavailable(client)
        in_trouble = False
        assert look(client, identity.give("reader", system=True)).status_code == 200
        assert look(client).status_code == 401


def test_how_long_it_may_take_can_be_said(application: Any, tmp_path: pathlib.Path) -> None:
    conf = accounts.configured("http://127.0.0.1:1", tmp_path, http_connect_timeout=7)
    keystone.validated(application, conf)
    found = conf.keystone_authtoken
    assert (found.http_connect_timeout, found.http_request_max_retries) == (7, 1)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, r"memcached_servers: .*python-memcached"),
        ({"memcache_security_strategy": "ENCRYPT"}, "memcache_secret_key must be defined"),
        ({"memcache_tls_enabled": True, "memcache_tls_cafile": "/none.pem"}, "No such file"),
    ],
)
def test_a_memcached_that_cannot_be_used(
    application: Any,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    why: str,
) -> None:
    """It is told at the start, and not by each request that has a token."""
    monkeypatch.delitem(sys.modules, "oslo_cache._memcache_pool", raising=False)
    monkeypatch.setitem(sys.modules, "memcache", None)
    conf = accounts.configured("http://127.0.0.1:1", tmp_path, memcached_servers="localhost:11211", **options)
    with pytest.raises(keystone.KeystoneNotConfigured, match=why):
        keystone.validated(application, conf)
