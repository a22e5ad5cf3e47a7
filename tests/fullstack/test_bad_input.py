"""Bad input at every door: a clear error, and nothing changes."""

from typing import Any

import pytest

from tests.fullstack import bad_links, links
from tests.support import deployment, processes


@pytest.fixture(scope="module", params=["eventlet"])
def concurrency(request: pytest.FixtureRequest) -> str:
    """One kind of threads only: what is refused here never reaches an agent."""
    return str(request.param)


def _check_error(answer: Any, status: int, field: str | None) -> None:
    assert answer.status == status, answer
    error = answer.body["error"]
    assert error["field"] == field
    assert not field or error["message"].startswith(field)
    assert error["request_id"] == answer.headers["x-openstack-request-id"]


def test_rest_refuses_bad_links(untouched: deployment.Deployment, node: deployment.Node) -> None:
    for what, (changes, field) in bad_links.BAD_LINKS.items():
        answer = untouched.rest.request("POST", "/v1/bridge-links", links.wanted(node.name) | changes)
        _check_error(answer, 409 if what in bad_links.NO_SCHEMA_TELLS else 400, field)


@pytest.mark.parametrize(
    ("raw", "media_type", "status"),
    [
        (b"no JSON", "application/json", 400),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"host": "\xff"}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'"' + b"x" * 10_000_000 + b'"', "application/json", 413),
    ],
    ids=["no JSON", "empty", "a list", "deep", "no UTF-8", "not said to be JSON", "10 MB"],
)
def test_rest_refuses_bad_bodies(untouched: deployment.Deployment, raw: bytes, media_type: str, status: int) -> None:
    answer = untouched.rest.request("POST", "/v1/bridge-links", raw=raw, media_type=media_type)
    assert answer.status == status, answer
    assert answer.body["error"]["request_id"]


def test_rest_refuses_a_name_that_is_taken(clean: deployment.Deployment, node: deployment.Node) -> None:
    link = links.plug(clean, node, name="seed")
    before = node.host.devices()
    ends = [{"bridge": "br1"}, {"bridge": "br-eth1"}]
    again = clean.rest.request("POST", "/v1/bridge-links", links.wanted(node.name, name="seed", ends=ends))
    assert (again.status, again.body["error"]["code"]) == (409, "NAME_CONFLICT")
    again = clean.rest.request("POST", "/v1/bridge-links", links.wanted(node.name, name="other"))
    assert (again.status, again.body["error"]["code"]) == (409, "NAME_CONFLICT")
    assert [found["id"] for found in clean.rest.links()] == [link["id"]]
    assert node.host.devices() == before


def test_an_unknown_bridge_is_told(untouched: deployment.Deployment, node: deployment.Node) -> None:
    ends = [{"bridge": "br-none", "device": "phy"}, bad_links.END2]
    link = untouched.rest.create(links.wanted(node.name, ends=ends))
    found = untouched.rest.wait_for_status(link["id"], "ERROR")
    assert found["reason"] == "BRIDGE_NOT_FOUND"
    assert "br-none" in found["message"]
    untouched.rest.delete(link["id"])
    untouched.rest.wait_until_gone(link["id"])


BAD_ARGUMENTS = [
    ["br1:", "br-eth1"],
    ["br1:" + "x" * 16, "br-eth1"],
    ["br1:a/b", "br-eth1"],
    ["br1:a b", "br-eth1"],
    ["br1:..", "br-eth1"],
    ["br1:same", "br-eth1:same"],
    ["br1", "br1"],
    ["br1", "br-eth1", "--mtu", "-1"],
    ["br1", "br-eth1", "--mtu", "1000000"],
    ["br1", "br-eth1,tag=0"],
    ["br1", "br-eth1,tag=4095"],
    ["br1"],
]


def test_the_command_line_refuses_bad_links(untouched: deployment.Deployment, node: deployment.Node) -> None:
    for arguments in BAD_ARGUMENTS:
        done = untouched.run("vethctl", "link", "create", "--host", node.name, *arguments, check=False)
        assert done.returncode != 0, arguments
        assert done.stderr.strip(), arguments
        assert "Traceback" not in done.stderr, arguments


def test_the_command_line_tells_of_an_unknown_host(untouched: deployment.Deployment) -> None:
    done = untouched.run("vethctl", "link", "create", "--host", "nowhere", "br1", "br-eth1", check=False)
    assert done.returncode != 0
    assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    ("kind", "group", "option", "value"),
    [
        ("agent", "agent", "concurrency", "party"),
        ("agent", "agent", "report_interval", "-1"),
        ("agent", "agent", "no_such_option", "1"),
        ("agent", "DEFAULT", "host", "a b"),
        ("agent", "DEFAULT", "transport_url", "amqp://127.0.0.1/"),
        ("controller", "controller", "agent_down_time", "soon"),
        ("controller", "database", "connection", "nonsense"),
        ("api", "api", "port", "65536"),
        ("api", "api", "host", "0.0.0.0"),
    ],
)
def test_a_bad_configuration_is_told(
    controller_side: deployment.Deployment, *, kind: str, group: str, option: str, value: str
) -> None:
    state_path = controller_side.controller.folder
    options = processes.bus_options(controller_side.broker.url, host="compute", state_path=state_path)
    options.setdefault(group, {})[option] = value
    file = processes.write_options(controller_side.api.folder / "bad.conf", options)
    done = controller_side.run(f"vethagent-{kind}", "--config-file", str(file), check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"vethagent-{kind}: ")
    assert option in last or value in last
