"""Rings through physical networks that were closed after the links were made."""

import pytest
from falcon import testing

from tests.unit.controller.api.conftest import client, client_of
from tests.unit.controller.test_physical import NETWORKS, WAY, Fleet, fleet
from vethagent.controller.closed_rings import ClosedRings
from vethagent.controller.db.database import Database
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import FleetMetrics

__all__ = ["client", "client_of", "fleet"]

LOOSE = {name: network for name, network in NETWORKS.items() if network != "physnet2"}


@pytest.fixture
def rings(database: Database) -> ClosedRings:
    return ClosedRings(database)


def test_mappings_that_change_close_a_ring(fleet: Fleet, rings: ClosedRings) -> None:
    fleet.tell("h2", LOOSE)
    first, second = fleet.create("h1", "br-a", "br-b"), fleet.create("h2", "br-a", "br-b")
    beside = fleet.create("h3", "br-b", "br-leaf")
    assert [rings.of(link.id) for link in (first, second, beside)] == [None, None, None]
    fleet.tell("h2", NETWORKS)
    assert rings.of(first.id) == "br-a of h1 - physnet1 - br-a of h2 - br-b of h2 - physnet2 - br-b of h1"
    assert rings.of(second.id) == "br-a of h2 - physnet1 - br-a of h1 - br-b of h1 - physnet2 - br-b of h2"
    assert rings.of(beside.id) is None
    fleet.tell("h2", LOOSE)
    assert [rings.of(link.id) for link in (first, second)] == [None, None]


def test_what_others_join_closes_a_ring(fleet: Fleet, rings: ClosedRings) -> None:
    link = fleet.create("h1", "br-a", "br-b")
    fleet.tell("h2", NETWORKS, WAY)
    assert rings.of(link.id) is not None
    fleet.change(link, admin_state_up=False)
    assert rings.of(link.id) is None


def test_a_dead_end_of_another_host_closes_none(fleet: Fleet, rings: ClosedRings) -> None:
    first, second = fleet.create("h1", "br-a", "br-b"), fleet.create("h1", "br-a", "br-b")
    fleet.create("h2", "br-a", "br-leaf")
    fleet.tell("h2", NETWORKS, {"bridges": ("br-b", "br-other-leaf"), "device": "other"})
    assert [rings.of(link.id) for link in (first, second)] == [None, None]


def test_what_is_allowed_is_none(fleet: Fleet, rings: ClosedRings) -> None:
    first = fleet.create("h1", "br-a", "br-b")
    allowed = fleet.create("h2", "br-a", "br-b", allow_loop=True)
    assert [rings.of(link.id) for link in (first, allowed)] == [None, None]


def test_it_is_told(
    fleet: Fleet, database: Database, liveness: Liveness, links: Links, client: testing.TestClient
) -> None:
    fleet.tell("h2", LOOSE)
    first, _ = fleet.create("h1", "br-a", "br-b"), fleet.create("h2", "br-a", "br-b")
    assert b"links_in_rings{" not in FleetMetrics(database, liveness).text()
    fleet.tell("h2", NETWORKS)
    text = FleetMetrics(database, liveness).text().decode()
    assert 'vethagent_fleet_links_in_rings{host="h1"} 1.0' in text and 'links_in_rings{host="h2"} 1.0' in text
    told = client.simulate_get(f"/v1/bridge-links/{first.id}/diagnosis").json
    [unmet] = [each for each in told["conditions"] if each["name"] == "physical networks"]
    assert (unmet["met"], "physnet1 - br-a of h2" in unmet["observed"]) == (False, True)
    described = client.simulate_get("/v1/hosts/h1/bridges").json
    assert described["rings"] == [{"link_id": first.id, "path": unmet["observed"]}]
    assert client.simulate_get("/v1/hosts/h3/bridges").json["rings"] == []
    assert client.simulate_get("/v1/agents/h1").json["rings"] == described["rings"]
    assert client.simulate_get("/v1/agents/h3").json["rings"] == []
