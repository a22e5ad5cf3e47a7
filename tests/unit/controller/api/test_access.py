"""Who is asking, and who may do what."""

import base64
import datetime
import logging
import os
import pathlib
import types
import uuid
from collections.abc import Callable, Iterator
from unittest import mock

import bcrypt
import pytest
import yaml
from falcon import testing
from oslo_config import cfg
from oslo_context.context import get_current

from tests.unit.controller import fakes
from tests.unit.controller.api import accounts, applications
from tests.unit.controller.api.conftest import client_of
from tests.unit.controller.api.identity import Identity
from tests.unit.controller.api.test_bodies import GOOD
from vethagent.controller.api import http_basic, keystone, policies, rate
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

MakeClient = Callable[..., testing.TestClient]
ELSEWHERE = {"remote_addr": "192.0.2.1", "host": "vethagent.example"}
USERS = {"alice": "admin", "bob": "member", "carol": "reader", "dave": None}


@pytest.fixture
def make_client(database: Database, agent_api: fakes.AgentApi, liveness: Liveness) -> MakeClient:
    return lambda **options: client_of(applications.build(database, agent_api, liveness, **options))


@pytest.fixture
def user_file(tmp_path: pathlib.Path) -> pathlib.Path:
    return accounts.write(tmp_path / "htpasswd", {name: f"{name}'s: password" for name in USERS})


@pytest.fixture
def basic(make_client: MakeClient, user_file: pathlib.Path) -> testing.TestClient:
    roles = {name: role for name, role in USERS.items() if role}
    return make_client(authentication=http_basic.HttpBasic(str(user_file), roles))


def credentials(name: str, password: str | None = None) -> dict[str, str]:
    pair = ":".join((name, f"{name}'s: password" if password is None else password))
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def code(answer: testing.Result) -> tuple[int, str | None]:
    return answer.status_code, answer.json["error"]["code"] if answer.status_code >= 400 else None


def look(client: testing.TestClient, headers: dict[str, str]) -> testing.Result:
    return client.simulate_get("/v1/bridge-links", headers=headers, **ELSEWHERE)


def plug(client: testing.TestClient, headers: dict[str, str]) -> testing.Result:
    return client.simulate_post("/v1/bridge-links", json=GOOD, headers=headers, **ELSEWHERE)


def drain(client: testing.TestClient, headers: dict[str, str]) -> testing.Result:
    return client.simulate_patch("/v1/agents/h1", json={"mode": "paused"}, headers=headers, **ELSEWHERE)


# -- passwords --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("name", "statuses"),
    [("alice", (200, 201, 200)), ("bob", (200, 201, 403)), ("carol", (200, 403, 403)), ("dave", (200, 403, 403))],
)
def test_roles(basic: testing.TestClient, name: str, statuses: tuple[int, ...]) -> None:
    found = [do(basic, credentials(name)) for do in (look, plug, drain)]
    assert tuple(answer.status_code for answer in found) == statuses, [answer.text for answer in found]
    for answer in found:
        if answer.status_code == 403:
            assert code(answer) == (403, "FORBIDDEN")
            assert f"does not let {name} in" in answer.json["error"]["message"]


@pytest.mark.usefixtures("known")
def test_everybody_is_told_what_is_open_to_whom(basic: testing.TestClient) -> None:
    told = {}
    for name in ("alice", "bob", "carol"):
        answer = basic.simulate_get("/v1/access", headers=credentials(name), **ELSEWHERE)
        assert answer.json["user"] == name
        told[name] = set(answer.json["operations"])
    assert told["alice"] > told["bob"] > told["carol"]
    assert "patch_agent" in told["alice"] - told["bob"]
    assert "post_bridge_links" in told["bob"] - told["carol"]
    assert all(name.startswith("get_") for name in told["carol"])
    every = {route.operation_id(method) for route in ROUTES for method, each in route.operations.items() if each.role}
    assert told["alice"] == every


@pytest.mark.parametrize(
    "headers",
    [
        {},
        credentials("alice", "wrong"),
        credentials("alice", ""),
        credentials("alice", "x" * 100),
        credentials("alice", "alice's: password\0"),
        credentials("nobody", "alice's: password"),
        credentials("", ""),
        credentials("alice\n", "alice's: password"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        {"Authorization": credentials("alice")["Authorization"].replace("Basic", "Bearer")},
        {"X-User-Id": "alice", "X-Roles": "admin", "X-Identity-Status": "Confirmed"},
    ],
)
def test_without_the_right_password(basic: testing.TestClient, headers: dict[str, str]) -> None:
    for do in (look, plug, drain):
        answer = do(basic, headers)
        assert code(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Basic ")


def test_what_is_for_everybody(basic: testing.TestClient) -> None:
    for path in ("/", "/v1", "/v1/openapi.json", "/healthcheck"):
        answer = basic.simulate_get(path, **ELSEWHERE)
        assert answer.status_code == 200
        assert "www-authenticate" not in answer.headers


def test_everything_else_is_for_those_who_are_known(basic: testing.TestClient) -> None:
    guarded = [(route.path, method) for route in ROUTES for method in route.operations if route.path.count("/") > 1]
    guarded.remove(("/v1/openapi.json", "GET"))
    assert guarded
    for template, method in guarded:
        path = template.replace("{link_id}", str(uuid.uuid4())).replace("{host}", "h1")
        assert code(basic.simulate_request(method, path, **ELSEWHERE)) == (401, "UNAUTHORIZED"), (method, path)
        if method == "GET":
            assert basic.simulate_head(path, **ELSEWHERE).status_code == 401, path


def test_a_password_that_was_changed_counts_at_once(basic: testing.TestClient, user_file: pathlib.Path) -> None:
    for _ in range(2):
        assert look(basic, credentials("alice")).status_code == 200
    accounts.write(user_file, {"alice": "new"})
    assert look(basic, credentials("alice")).status_code == 401
    assert look(basic, credentials("alice", "new")).status_code == 200


def test_a_password_is_digested_once(basic: testing.TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = mock.Mock(wraps=bcrypt.checkpw)
    monkeypatch.setattr(bcrypt, "checkpw", spy)
    for _ in range(3):
        assert look(basic, credentials("alice")).status_code == 200
    assert spy.call_count == 1


def test_no_password_is_logged(basic: testing.TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    for headers in (credentials("alice"), credentials("bob", "alice's: password")):
        look(basic, headers)
    assert "user 'bob' from 192.0.2.1" in caplog.text
    assert "password'" not in caplog.text.replace("wrong name or password", "")
    assert "alice's" not in caplog.text


def test_a_password_that_was_changed_under_the_old_time_counts(
    basic: testing.TestClient, user_file: pathlib.Path
) -> None:
    assert look(basic, credentials("alice")).status_code == 200
    before = user_file.stat()
    user_file.write_text(user_file.read_text().replace("alice:", "clara:"))
    os.utime(user_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look(basic, credentials("alice")).status_code == 401


def test_files_that_cannot_be_used(tmp_path: pathlib.Path, user_file: pathlib.Path) -> None:
    with pytest.raises(http_basic.UserFileError, match="none cannot be used: No such file"):
        http_basic.HttpBasic(str(tmp_path / "none"), {})
    with pytest.raises(http_basic.UserFileError, match="no role 'owner'"):
        http_basic.HttpBasic(str(user_file), {"alice": "owner"})
    user_file.write_text("alice:in the clear\n")
    with pytest.raises(http_basic.UserFileError) as refusal:
        http_basic.HttpBasic(str(user_file), {})
    assert "in the clear" not in str(refusal.value)


def test_a_file_of_users_that_cannot_be_read_is_nobodys_wrong_password(
    basic: testing.TestClient, user_file: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert look(basic, credentials("alice")).status_code == 200
    user_file.rename(user_file.with_suffix(".away"))
    assert code(look(basic, credentials("alice"))) == (503, "USER_FILE_ERROR")
    assert f"{user_file}: No such file or directory" in caplog.text
    user_file.mkdir()  # is there and cannot be read, as a file of somebody else's; that root could read
    assert code(look(basic, credentials("alice"))) == (503, "USER_FILE_ERROR")
    assert f"{user_file}: Is a directory" in caplog.text
    user_file.rmdir()
    user_file.with_suffix(".away").rename(user_file)
    assert look(basic, credentials("alice")).status_code == 200


# -- tokens -----------------------------------------------------------------------------------------------------


@pytest.fixture
def identity() -> Iterator[Identity]:
    with accounts.running() as made:
        yield made


@pytest.fixture
def with_keystone(make_client: MakeClient, identity: Identity, tmp_path: pathlib.Path) -> testing.TestClient:
    client = make_client(authentication=keystone.Keystone())
    return client_of(accounts.validated(client.app, identity, tmp_path))


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("roles", "system", "statuses"),
    [
        (["admin", "member", "reader"], False, (200, 201, 200)),
        (["member", "reader"], False, (403, 403, 403)),
        (["reader"], False, (403, 403, 403)),
        (["admin", "member", "reader"], True, (200, 201, 200)),
        (["member", "reader"], True, (200, 201, 403)),
        (["reader"], True, (200, 403, 403)),
        ([], True, (403, 403, 403)),
    ],
)
def test_tokens(
    with_keystone: testing.TestClient, identity: Identity, roles: list[str], system: bool, statuses: tuple[int, ...]
) -> None:
    headers = {"X-Auth-Token": identity.give(*roles, system=system)}
    found = [do(with_keystone, headers) for do in (look, plug, drain)]
    assert tuple(answer.status_code for answer in found) == statuses, [answer.text for answer in found]


@pytest.mark.parametrize(("system", "told"), [(False, True), (True, False)])
def test_a_token_of_a_project_is_told_what_it_lacks(
    with_keystone: testing.TestClient, identity: Identity, system: bool, told: bool
) -> None:
    answer = plug(with_keystone, {"X-Auth-Token": identity.give("reader", system=system)})
    assert code(answer) == (403, "FORBIDDEN")
    assert ("--os-system-scope all" in answer.json["error"]["message"]) == told
    drained = drain(with_keystone, {"X-Auth-Token": identity.give("reader", system=system)})
    assert "--os-system-scope" not in drained.json["error"]["message"], "an admin needs no such token"


def test_without_a_valid_token(with_keystone: testing.TestClient, identity: Identity) -> None:
    expired = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    claimed = {"X-Roles": "admin", "X-User-Id": "root", "X-Identity-Status": "Confirmed", "X-System-Scope": "all"}
    for headers in (
        {},
        {"X-Auth-Token": "made up"},
        {"X-Auth-Token": identity.give("admin", expires=expired)},
        claimed,
    ):
        answer = look(with_keystone, headers)
        assert code(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith("Keystone")
    assert with_keystone.simulate_get("/healthcheck", **ELSEWHERE).status_code == 200


@pytest.mark.usefixtures("known")
def test_the_log_tells_which_request_and_whose(
    basic: testing.TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str | None, str | None]] = []

    def note(record: logging.LogRecord) -> bool:
        context = get_current()
        assert context is not None
        told.append((record.getMessage(), context.request_id, context.user_name))
        return True

    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(note)
    answers = [plug(basic, credentials("bob")), look(basic, credentials("alice", "wrong"))]
    caplog.handler.removeFilter(note)
    for answer, text, user in zip(answers, ("to be plugged on", "wrong name or password"), ("bob", None), strict=True):
        request_id = answer.headers["x-openstack-request-id"]
        assert [(found_id, name) for message, found_id, name in told if text in message] == [(request_id, user)]


# -- rules ------------------------------------------------------------------------------------------------------


def test_each_operation_has_a_rule_or_is_for_everybody() -> None:
    names = [rule.name for rule in policies.list_rules()]
    assert len(names) == len(set(names))
    public = {route.path for route in ROUTES for operation in route.operations.values() if operation.role is None}
    assert public == {"/", "/v1", "/v1/openapi.json", "/healthcheck"}
    changing = [each.role for route in ROUTES for method, each in route.operations.items() if method not in _READING]
    assert set(changing) <= {"member", "admin"}


_READING = ("GET", "HEAD")


def test_a_rule_of_a_file_wins(make_client: MakeClient, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump({"vethagent:get_bridge_links": "!"}))
    client = make_client(policy_file=str(path))
    assert code(client.simulate_get("/v1/bridge-links")) == (403, "FORBIDDEN")
    assert client.simulate_get("/v1/agents").status_code == 200
    path.write_text(yaml.safe_dump({"vethagent:get_agents": "!"}))
    os.utime(path, (2**31, 2**31))  # two changes within one tick of the clock look the same
    assert client.simulate_get("/v1/bridge-links").status_code == 200
    assert code(client.simulate_get("/v1/agents")) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- list",
        '"vethagent:get_agents": "rule:nowhere"',
        '"vethagent:get_agents": "role:x or ("',
        '"vethagent:get_agents": "role:x or everybody"',
        '"vethagent:fly": "@"',
    ],
)
def test_rules_that_make_no_sense(
    make_client: MakeClient, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(policies.PolicyFileError):
        make_client(policy_file=str(path))
    assert "Traceback" not in caplog.text


def test_rules_that_let_nobody_in(make_client: MakeClient, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"vethagent:get_agents": "role:x and !"\n"friends": "role:y"\n')
    assert code(make_client(policy_file=str(path)).simulate_get("/v1/agents")) == (403, "FORBIDDEN")


def configured(tmp_path: pathlib.Path, text: str) -> cfg.ConfigOpts:
    path = tmp_path / "vethagent.conf"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(path)], default_config_dirs=[])
    return conf


def test_a_file_of_rules_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(policies.PolicyFileError, match=r"there is no file /none\.yaml"):
        policies.enforcer(configured(tmp_path, "[oslo_policy]\npolicy_file = /none.yaml\n"))
    with pytest.raises(policies.PolicyFileError, match="there is no file"):
        policies.enforcer(configured(tmp_path, "[oslo_policy]\npolicy_file =\n"))
    policies.enforcer(configured(tmp_path, ""))


@pytest.mark.parametrize(("text", "match"), [("nonsense", "nonsense"), ("password", "auth_url"), ("", "auth_type")])
def test_keystone_that_cannot_be_asked(tmp_path: pathlib.Path, text: str, match: str) -> None:
    with pytest.raises(keystone.KeystoneNotConfigured, match=match):
        keystone.validated(mock.Mock(), configured(tmp_path, f"[keystone_authtoken]\nauth_type = {text}\n"))


# -- how often --------------------------------------------------------------------------------------------------


def test_one_address_does_not_hold_up_another(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, user_file: pathlib.Path
) -> None:
    monkeypatch.setattr(rate, "time", types.SimpleNamespace(monotonic=lambda: 1000.0))
    client = make_client(rate_limit=2, authentication=http_basic.HttpBasic(str(user_file), {}))
    statuses = [look(client, {}).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    answer = look(client, {})
    assert code(answer) == (429, "TOO_MANY_REQUESTS")
    assert answer.headers["retry-after"] == "1"
    assert client.simulate_get("/healthcheck", remote_addr="192.0.2.2").status_code == 200
