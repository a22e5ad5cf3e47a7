"""What is asked of an agent while somebody waits."""

import uuid

import pytest
from falcon import testing

from tests.unit.controller import fakes
from tests.unit.controller.api.test_bodies import GOOD
from tests.unit.controller.api.test_resources import code_of, create
from vethagent import exceptions, model
from vethagent.controller.events import Events
from vethagent.controller.inventories import Inventories
from vethagent.controller.reports import Reports

pytestmark = pytest.mark.usefixtures("known")

PORT = {"device": "phy-br1", "link_id": None}
BRIDGE = {
    "name": "br1",
    "kind": "linux",
    "mtu": 1500,
    "datapath_type": None,
    "stp": False,
    "physical_network": None,
    "ports": [PORT],
}


def test_bridges(client: testing.TestClient, agent_api: fakes.AgentApi) -> None:
    agent_api.answers["describe_host"] = model.HostDescription.model_validate({"host": "h1", "bridges": [BRIDGE]})
    found = client.simulate_get("/v1/hosts/h1/bridges").json
    assert (found["bridges"], found["live"]) == ([BRIDGE], True)
    assert code_of(client.simulate_get("/v1/hosts/h2/bridges")) == (404, "NOT_FOUND")


def test_bridges_of_an_agent_that_cannot_be_asked(
    client: testing.TestClient, agent_api: fakes.AgentApi, inventories: Inventories, clock: fakes.Clock
) -> None:
    told = clock.now.strftime("%Y-%m-%dT%H:%M:%S")
    inventories.store(model.inventory(model.HostDescription.model_validate({"host": "h1", "bridges": [BRIDGE]})))
    clock.advance(10)
    for error in (exceptions.AgentBusy("no"), exceptions.BusUnavailable("no"), None):
        if error is not None:
            agent_api.answers["describe_host"] = error
        else:
            clock.advance(100)
        found = client.simulate_get("/v1/hosts/h1/bridges").json
        assert (found["bridges"], found["live"]) == ([BRIDGE], False)
        assert found["reported_at"].startswith(told)


def test_plan_of_a_host_is_asked_for_what_is_wanted_there(
    client: testing.TestClient, agent_api: fakes.AgentApi
) -> None:
    link = create(client)
    going = create(client, ends=[{"bridge": "a"}, {"bridge": "b"}])
    client.simulate_delete(f"/v1/bridge-links/{going['id']}")
    agent_api.answers["plan_bridge_links"] = model.HostPlan(host="h1")
    assert client.simulate_get("/v1/hosts/h1/plan").json == {"version": model.MODEL_VERSION, "host": "h1", "links": []}
    assert [(each.id, each.generation) for each in agent_api.asked[-1]] == [(link["id"], 1)]


def test_plan_of_a_link_stores_nothing(client: testing.TestClient, agent_api: fakes.AgentApi) -> None:
    agent_api.answers["plan_bridge_links"] = model.HostPlan(host="h1")
    assert client.simulate_post("/v1/bridge-links/plan", json=GOOD).status_code == 200
    assert client.simulate_get("/v1/bridge-links").json["bridge_links"] == []
    assert agent_api.casts == []
    create(client)
    assert code_of(client.simulate_post("/v1/bridge-links/plan", json=GOOD)) == (409, "NAME_CONFLICT")
    answer = client.simulate_post("/v1/bridge-links/plan", json=GOOD | {"host": "h9"})
    assert answer.json["error"]["code"] == "UNKNOWN_HOST"


def test_no_answer(client: testing.TestClient, agent_api: fakes.AgentApi, clock: fakes.Clock) -> None:
    for error in (exceptions.AgentBusy("secret"), exceptions.BusUnavailable("secret")):
        agent_api.answers["describe_host"] = error
        answer = client.simulate_get("/v1/hosts/h1/bridges")
        assert code_of(answer) == (503, error.code)
        assert "secret" not in answer.text
    clock.advance(100)
    agent_api.asked.clear()
    for path in ("/v1/hosts/h1/bridges", "/v1/hosts/h1/plan"):
        answer = client.simulate_get(path)
        assert code_of(answer) == (503, "AGENT_DOWN")
    assert "reported last at 2026-01-02T03:04:05Z" in answer.json["error"]["message"]
    assert agent_api.asked == []


def test_diagnosis(client: testing.TestClient) -> None:
    link = create(client)
    found = client.simulate_get(f"/v1/bridge-links/{link['id']}/diagnosis").json
    assert (found["status"], found["reason"]) == ("BUILD", "PLUGGING")
    assert {"name", "wanted", "observed", "met", "since"} == set(found["conditions"][0])
    assert code_of(client.simulate_get(f"/v1/bridge-links/{uuid.UUID(int=9)}/diagnosis")) == (404, "NOT_FOUND")


def test_timing(client: testing.TestClient, events: Events) -> None:
    link = create(client)
    path = f"/v1/bridge-links/{link['id']}/timing"
    assert code_of(client.simulate_get(path)) == (404, "NOT_FOUND")
    events.store(fakes.batch([fakes.event(link["id"], 1, kind="plugged", timing={"planned_at": fakes.START})]))
    found = client.simulate_get(path).json
    assert [each["name"] for each in found["stations"]] == ["planned", "seen", "received"]
    assert code_of(client.simulate_get(f"/v1/bridge-links/{uuid.UUID(int=9)}/timing")) == (404, "NOT_FOUND")


def test_plan_of_a_link_that_no_agent_would_refuse(
    client: testing.TestClient, agent_api: fakes.AgentApi, reports: Reports, inventories: Inventories
) -> None:
    networks = {"br1": "physnet1", "br2": "physnet2"}
    bridges = [BRIDGE | {"name": name, "physical_network": network} for name, network in networks.items()]
    for host in ("h1", "h2"):
        reports.take(fakes.report(host))
        inventories.store(model.inventory(model.HostDescription.model_validate({"host": host, "bridges": bridges})))
    create(client)
    answer = client.simulate_post("/v1/bridge-links/plan", json=GOOD | {"host": "h2"})
    assert code_of(answer) == (409, "PHYSNET_LOOP")
    assert sorted(agent_api.asked) == ["h1", "h2"], "nobody has to be asked for more than whether that is still so"
    agent_api.answers["describe_host"] = lambda host: model.HostDescription(host=host)
    agent_api.answers["plan_bridge_links"] = model.HostPlan(host="h2")
    assert client.simulate_post("/v1/bridge-links/plan", json=GOOD | {"host": "h2"}).status_code == 200
