import uuid
from typing import Any

import pytest
from falcon import testing

from tests.unit.controller import fakes
from tests.unit.controller.api.test_bodies import GOOD
from vethagent.controller.events import Events
from vethagent.controller.reports import Reports

NONE = str(uuid.UUID(int=9))


def create(client: testing.TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.simulate_post("/v1/bridge-links", json=GOOD | fields)
    assert answer.status_code == 201, answer.text
    link: dict[str, Any] = answer.json
    assert answer.headers["location"].endswith(f"/v1/bridge-links/{link['id']}")
    return link


def code_of(answer: testing.Result) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def test_versions(client: testing.TestClient) -> None:
    version = client.simulate_get("/v1").json
    assert version["id"] == "v1.0"
    assert version["status"] == "CURRENT"
    assert version["links"][0]["href"].endswith("/v1")
    assert client.simulate_get("/").json == {"versions": [version]}


@pytest.mark.usefixtures("known")
def test_life_of_a_link(client: testing.TestClient, events: Events) -> None:
    link = create(client, name="seed", mtu=1500)
    assert set(link) == {
        *("id", "host", "name", "ends", "mtu", "adopt", "allow_loop", "admin_state_up", "confirm"),
        *(
            "template_id",
            "labels",
            "generation",
            "request_id",
            "status",
            "reason",
            "message",
            "flapping",
            "observed",
            "differences",
            "observed_generation",
        ),
        *("created_at", "updated_at", "status_changed_at"),
    }
    assert (link["status"], link["reason"], link["generation"]) == ("BUILD", "PLUGGING", 1)
    assert link["created_at"] == "2026-01-02T03:04:05.000678Z"
    path = f"/v1/bridge-links/{link['id']}"
    assert client.simulate_get(path).json == link
    assert client.simulate_get("/v1/bridge-links/").json == {"bridge_links": [link], "links": []}
    answer = client.simulate_patch(path, json={"mtu": 1400})
    assert (answer.status_code, answer.json["mtu"], answer.json["generation"]) == (200, 1400, 2)
    assert answer.json["request_id"] == answer.headers["x-openstack-request-id"]
    for _ in range(2):
        answer = client.simulate_delete(path)
        assert (answer.status_code, answer.json["status"]) == (202, "PENDING_DELETE")
    assert code_of(client.simulate_patch(path, json={"mtu": 1500})) == (409, "PENDING_DELETE")
    events.store(fakes.batch([fakes.event(link["id"], 1, kind="unplugged", generation=3)]))
    assert code_of(client.simulate_get(path)) == (404, "NOT_FOUND")
    assert code_of(client.simulate_delete(path)) == (404, "NOT_FOUND")


@pytest.mark.usefixtures("known")
def test_generation_is_the_etag(client: testing.TestClient) -> None:
    answer = client.simulate_post("/v1/bridge-links", json=GOOD | {"id": NONE})
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert client.simulate_post("/v1/bridge-links", json=GOOD | {"id": NONE}).status_code == 200
    path = f"/v1/bridge-links/{NONE}"
    assert client.simulate_get(path).headers["etag"] == '"1"'
    for tag in ('"2"', '"x"', '"2", "3"', ""):
        answer = client.simulate_patch(path, json={"mtu": 1400}, headers={"If-Match": tag})
        assert code_of(answer) == (412, "PRECONDITION_FAILED")
        assert code_of(client.simulate_delete(path, headers={"If-Match": tag})) == (412, "PRECONDITION_FAILED")
    answer = client.simulate_patch(path, json={"mtu": 1400}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert client.simulate_patch(path, json={"mtu": 1300}, headers={"If-Match": "*"}).status_code == 200
    assert client.simulate_delete(path, headers={"If-Match": '"3"'}).status_code == 202


@pytest.mark.usefixtures("known")
def test_many_at_once(client: testing.TestClient) -> None:
    bodies = [{"host": "h1", "ends": [{"bridge": "a"}, {"bridge": "b"}], "name": f"n{n}"} for n in range(3)]
    answer = client.simulate_post("/v1/bridge-links/bulk-create", json={"bridge_links": bodies})
    made = answer.json["bridge_links"]
    assert (answer.status_code, [link["name"] for link in made]) == (201, ["n0", "n1", "n2"])
    answer = client.simulate_post("/v1/bridge-links/bulk-create", json={"bridge_links": bodies})
    assert code_of(answer) == (409, "NAME_CONFLICT")
    assert answer.json["error"]["field"] == "bridge_links.0.name"
    ids = [link["id"] for link in made]
    answer = client.simulate_post("/v1/bridge-links/bulk-delete", json={"ids": [*ids[:2], NONE]})
    assert (answer.status_code, {link["id"] for link in answer.json["bridge_links"]}) == (202, set(ids[:2]))
    for path, body in (("create", {"bridge_links": []}), ("delete", {"ids": []}), ("delete", {"ids": ["x"]})):
        assert client.simulate_post(f"/v1/bridge-links/bulk-{path}", json=body).status_code == 400


@pytest.mark.usefixtures("known")
def test_history(client: testing.TestClient) -> None:
    link = create(client, name="seed")
    client.simulate_delete(f"/v1/bridge-links/{link['id']}", params={"force": "true"})
    told = client.simulate_get(f"/v1/bridge-links/{link['id']}/history").json["history"]
    assert [each["status"] for each in told] == ["BUILD", "PENDING_DELETE", "DELETED"]
    assert told[0]["request_id"] == link["request_id"]
    assert code_of(client.simulate_get(f"/v1/bridge-links/{NONE}/history")) == (404, "NOT_FOUND")


def test_a_sorted_page_cannot_begin_after_what_is_gone(client: testing.TestClient) -> None:
    answer = client.simulate_get("/v1/bridge-links", params={"sort": "name", "marker": NONE})
    assert code_of(answer) == (409, "UNKNOWN_MARKER")


@pytest.mark.usefixtures("known")
def test_fields(client: testing.TestClient, events: Events) -> None:
    link = create(client)
    events.store(fakes.batch([fakes.event(link["id"], 1)]))
    found = client.simulate_get("/v1/bridge-links", params={"fields": "id,status"}).json["bridge_links"]
    assert found == [{"id": link["id"], "status": "ACTIVE"}]
    found = client.simulate_get("/v1/port-events", params={"fields": "seq,link_id"}).json["port_events"]
    assert found == [{"seq": 1, "link_id": link["id"]}]


@pytest.mark.usefixtures("known")
def test_force(client: testing.TestClient) -> None:
    path = f"/v1/bridge-links/{create(client)['id']}"
    assert client.simulate_delete(path, params={"force": "true"}).status_code == 202
    assert client.simulate_get(path).status_code == 404


@pytest.mark.usefixtures("known")
def test_conflict_and_unknown_host(client: testing.TestClient) -> None:
    create(client)
    answer = client.simulate_post("/v1/bridge-links", json=GOOD)
    assert code_of(answer) == (409, "NAME_CONFLICT")
    assert answer.json["error"]["field"] == "ends.0.device"
    answer = client.simulate_post("/v1/bridge-links", json=GOOD | {"host": "h9"})
    assert code_of(answer) == (409, "UNKNOWN_HOST")
    assert answer.json["error"]["field"] == "host"


@pytest.mark.usefixtures("known")
def test_pages(client: testing.TestClient) -> None:
    for number in range(5):
        create(client, ends=[{"bridge": "a"}, {"bridge": "b"}], name=f"n {number}")
    seen: list[str] = []
    query = "host=h1&limit=2"
    while query:
        page = client.simulate_get("/v1/bridge-links", query_string=query).json
        seen += [link["id"] for link in page["bridge_links"]]
        query = page["links"][0]["href"].partition("?")[2] if page["links"] else ""
    assert seen == sorted(set(seen))
    assert len(seen) == 5
    assert len(client.simulate_get("/v1/bridge-links", params={"name": "n 3"}).json["bridge_links"]) == 1


def test_agents(client: testing.TestClient, reports: Reports) -> None:
    reports.take(fakes.report())
    agent = client.simulate_get("/v1/agents/h1").json
    assert set(agent) == {
        *("host", "alive", "ready", "health", "mode", "reported_mode", "description", "agent_version"),
        *("contract_version", "started_at", "reported_at", "report_interval", "links", "counters"),
        *("desired_in_step", "observed_in_step", "drifted", "labels", "flapping", "rings"),
    }
    assert agent.pop("rings") == []
    assert client.simulate_get("/v1/agents").json == {"agents": [agent], "links": []}
    fields = client.simulate_get("/v1/agents", params={"fields": "host,alive", "alive": "true"}).json
    assert fields["agents"] == [{"host": "h1", "alive": True}]
    answer = client.simulate_patch("/v1/agents/h1", json={"mode": "observe", "description": "rack 7"})
    assert (answer.json["mode"], answer.json["description"]) == ("observe", "rack 7")
    for body in ({"mode": "sleep"}, {"mode": None}, {"host": "h2"}, {"description": "a\nb"}):
        assert code_of(client.simulate_patch("/v1/agents/h1", json=body)) == (400, "INVALID_REQUEST")
    assert code_of(client.simulate_get("/v1/agents/h2")) == (404, "NOT_FOUND")
    assert code_of(client.simulate_patch("/v1/agents/h2", json={})) == (404, "NOT_FOUND")


def test_port_events(client: testing.TestClient, events: Events) -> None:
    events.store(fakes.batch([fakes.event(NONE, 1), fakes.event(NONE, 2, kind="repaired", request_id="req-7")]))
    found = client.simulate_get("/v1/port-events").json["port_events"]
    assert set(found[0]) == {
        *("id", "host", "link_id", "link_name", "seq", "kind", "generation", "status", "reason", "message"),
        *("repaired", "differences", "ends", "took_ms", "observed_at", "received_at", "request_id", "timing"),
    }
    after = client.simulate_get("/v1/port-events", params={"after": found[0]["id"], "link_id": NONE}).json
    assert after == {"port_events": found[1:]}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/", "x=1", "x"),
        ("/v1/agents", "x=1", "x"),
        ("/v1/bridge-links", "hots=h1", "hots"),
        ("/v1/bridge-links", "host=", "host"),
        ("/v1/bridge-links", "host=a&host=b", "host"),
        ("/v1/bridge-links", "host=%00", "host"),
        ("/v1/bridge-links", "status=UP", "status"),
        ("/v1/bridge-links", "limit=0", "limit"),
        ("/v1/bridge-links", "limit=1001", "limit"),
        ("/v1/bridge-links", "limit=x", "limit"),
        ("/v1/bridge-links", "marker=x", "marker"),
        ("/v1/bridge-links", "sort=colour", "sort"),
        ("/v1/bridge-links", "sort=name:up", "sort"),
        ("/v1/bridge-links", "fields=id,colour", "fields"),
        ("/v1/bridge-links", "label==red", "label"),
        ("/v1/bridge-links", f"label={','.join(f'l{number}' for number in range(65))}", "label"),
        ("/v1/bridge-links", "bridge=%ff", "bridge"),
        ("/v1/port-events", "after=-1", "after"),
        ("/v1/port-events", "after=9223372036854775808", "after"),
        ("/v1/port-events", "kind=odd", "kind"),
        (f"/v1/bridge-links/{NONE}", "force=1", "force"),
    ],
)
def test_bad_queries(client: testing.TestClient, path: str, query: str, field: str) -> None:
    answer = client.simulate_get(path, query_string=query)
    assert code_of(answer) == (400, "INVALID_REQUEST")
    assert answer.json["error"]["field"] == field


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "query",
    [f"sort={'host,' * 2000}host:desc", f"label={','.join(f'l{number}' for number in range(64))}", "limit=1000"],
)
def test_long_queries(client: testing.TestClient, query: str) -> None:
    for path in ("/v1/bridge-links", "/v1/agents"):
        answer = client.simulate_get(path, query_string=query)
        assert answer.status_code == 200, answer.json


@pytest.mark.parametrize("path", ["/v2", "/v1/bridge-links/x", "/v1/bridge-links/%00", "/v1/agents/a%20b", "/v1/x/y"])
def test_what_is_not_there(client: testing.TestClient, path: str) -> None:
    assert code_of(client.simulate_get(path)) == (404, "NOT_FOUND")


def test_other_methods(client: testing.TestClient) -> None:
    answer = client.simulate_put("/v1/agents")
    assert code_of(answer) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]
