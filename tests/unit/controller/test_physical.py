"""Links of different hosts that would join the same two physical networks are refused."""

import threading
from typing import Any

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller import physical, views
from vethagent.controller.agents import Agents
from vethagent.controller.db.database import Database
from vethagent.controller.errors import OperationError, PhysicalLoop
from vethagent.controller.inventories import Inventories
from vethagent.controller.links import Links
from vethagent.controller.reports import Reports

NETWORKS = {"br-a": "physnet1", "br-b": "physnet2", "br-c": "physnet3"}
WAY = {"bridges": ("br-a", "br-b"), "device": "other"}


class Fleet:
    """Three hosts with the same three physical networks, and one with a single one."""

    def __init__(self, links: Links, reports: Reports, inventories: Inventories) -> None:
        self._links, self._inventories = links, inventories
        for host in ("h1", "h2", "h3", "h4"):
            reports.take(fakes.report(host))
            self.tell(host, NETWORKS if host != "h4" else {"br-a": "physnet1"})

    def tell(self, host: str, networks: dict[str, str], *ways: dict[str, Any]) -> None:
        bridges = [{"name": name, "kind": "ovs", "physical_network": network} for name, network in networks.items()]
        fields = {"host": host, "bridges": bridges, "ways": ways}
        inventory = model.inventory(model.HostDescription.model_validate(fields))
        self._inventories.store(inventory)
        self.digest = inventory.digest

    def body(self, host: str, first: str, second: str, **fields: Any) -> model.BridgeLinkCreate:
        return fakes.body(host=host, ends=[{"bridge": first}, {"bridge": second}], **fields)

    def create(self, host: str, first: str, second: str, **fields: Any) -> views.Link:
        return self._links.create(fakes.CONTEXT, self.body(host, first, second, **fields))

    def change(self, link: views.Link, **fields: Any) -> views.Link:
        return self._links.update(fakes.CONTEXT, link.id, model.BridgeLinkUpdate.model_validate(fields))


@pytest.fixture
def fleet(links: Links, reports: Reports, inventories: Inventories) -> Fleet:
    return Fleet(links, reports, inventories)


def test_two_hosts(fleet: Fleet) -> None:
    fleet.create("h1", "br-a", "br-b")
    with pytest.raises(PhysicalLoop) as caught:
        fleet.create("h2", "br-a", "br-b")
    told = "br-a of h2 - physnet1 - br-a of h1 - br-b of h1 - physnet2 - br-b of h2"
    assert told in caught.value.message
    assert caught.value.field == "ends"
    assert fleet.create("h2", "br-a", "br-c").generation == 1
    assert fleet.create("h2", "br-a", "br-b", allow_loop=True).generation == 1
    assert fleet.create("h2", "br-a", "br-leaf").generation == 1
    assert fleet.create("h4", "br-a", "br-b").generation == 1, "br-b is in no physical network there"


def test_a_longer_ring_through_bridges_of_a_host(fleet: Fleet) -> None:
    fleet.create("h1", "br-a", "br-b")
    fleet.create("h2", "br-b", "br-x")
    fleet.create("h2", "br-x", "br-c")
    with pytest.raises(PhysicalLoop, match="br-x of h2"):
        fleet.create("h3", "br-c", "br-a")


def test_the_last_piece_within_a_host(fleet: Fleet) -> None:
    fleet.create("h1", "br-a", "br-b")
    fleet.create("h2", "br-b", "br-x")
    with pytest.raises(PhysicalLoop):
        fleet.create("h2", "br-x", "br-a")


def test_many_at_once_count_among_themselves(fleet: Fleet, links: Links) -> None:
    bodies = [fleet.body("h1", "br-a", "br-b"), fleet.body("h2", "br-leaf", "br-b"), fleet.body("h2", "br-a", "br-b")]
    with pytest.raises(PhysicalLoop) as caught:
        links.create_all(fakes.CONTEXT, bodies)
    assert caught.value.field == "bridge_links.2.ends"
    assert len(links.create_all(fakes.CONTEXT, bodies[:2])) == 2


def test_a_dead_end_of_another_host_is_no_way_round(fleet: Fleet) -> None:
    fleet.create("h2", "br-a", "br-leaf")
    fleet.tell("h2", NETWORKS, {"bridges": ("br-b", "br-other-leaf"), "device": "other"})
    fleet.create("h1", "br-a", "br-b")
    beside = fleet.create("h1", "br-a", "br-b")
    assert beside.generation == 1, "a loop within a host is for its agent to see, which knows of STP"


def test_a_dead_end_that_is_made_by_the_same_request_is_no_way_round(fleet: Fleet, links: Links) -> None:
    ends = [("h2", "br-a", "br-leaf"), ("h2", "br-b", "br-other-leaf"), ("h1", "br-a", "br-b"), ("h1", "br-a", "br-b")]
    assert len(links.create_all(fakes.CONTEXT, [fleet.body(*each) for each in ends])) == len(ends)


def test_only_hosts_that_may_join_networks_are_looked_at(fleet: Fleet, database: Database) -> None:
    def joining() -> set[str]:
        with database.reader() as session:
            return physical.joining_hosts(session)

    for host in ("h1", "h2", "h3", "h4"):
        fleet.create(host, "br-a", "br-leaf")
        fleet.create(host, "br-other-leaf", "br-c")
    assert joining() == set()
    fleet.create("h1", "br-a", "br-b")
    fleet.create("h2", "br-b", "br-leaf", allow_loop=True)
    fleet.tell("h3", NETWORKS, WAY)
    assert joining() == {"h1", "h2", "h3"}


def test_what_is_going_is_a_way_until_it_is_gone(fleet: Fleet, links: Links) -> None:
    going = fleet.create("h1", "br-a", "br-b")
    links.delete(fakes.CONTEXT, going.id)
    with pytest.raises(PhysicalLoop):
        fleet.create("h2", "br-a", "br-b")
    links.delete(fakes.CONTEXT, going.id, force=True)
    fleet.create("h2", "br-a", "br-b")


def test_what_is_wanted_down_is_no_way(fleet: Fleet) -> None:
    fleet.create("h1", "br-a", "br-b")
    standby = fleet.create("h2", "br-a", "br-b", admin_state_up=False)
    with pytest.raises(PhysicalLoop) as caught:
        fleet.change(standby, admin_state_up=True)
    assert caught.value.field == "admin_state_up"
    with pytest.raises(PhysicalLoop):
        fleet.change(standby, admin_state_up=True, name="other")
    assert fleet.change(standby, mtu=1400).mtu == 1400


def test_a_change_is_looked_at(fleet: Fleet) -> None:
    first = fleet.create("h1", "br-a", "br-b")
    other = fleet.create("h2", "br-a", "br-c")
    with pytest.raises(PhysicalLoop):
        fleet.change(other, ends=[{"bridge": "br-a"}, {"bridge": "br-b"}])
    allowed = fleet.change(other, ends=[{"bridge": "br-a"}, {"bridge": "br-b"}], allow_loop=True)
    with pytest.raises(PhysicalLoop, match=r"^allow_loop: ") as caught:
        fleet.change(allowed, allow_loop=False)
    assert caught.value.field == "allow_loop"
    assert fleet.change(first, ends=[{"bridge": "br-b"}, {"bridge": "br-a"}], allow_loop=True).generation == 2
    assert fleet.change(allowed, ends=[{"bridge": "br-a"}, {"bridge": "br-leaf"}], allow_loop=False).generation == 3


def test_ways_of_others_count_but_patch_ports(fleet: Fleet) -> None:
    fleet.tell("h3", NETWORKS, WAY | {"patch": True})
    fleet.create("h1", "br-a", "br-b")
    fleet.tell("h3", NETWORKS, {"bridges": ("br-b", "br-c"), "device": "other"})
    with pytest.raises(PhysicalLoop, match="h3"):
        fleet.create("h2", "br-c", "br-a")
    fleet.tell("h3", {})
    fleet.create("h2", "br-c", "br-a")


def test_of_a_host_that_is_deleted_links_count_and_ways_of_others_do_not(
    fleet: Fleet, links: Links, agents: Agents, reports: Reports, clock: fakes.Clock
) -> None:
    """Of a host that is no more nobody would ever say that they are gone."""
    kept = fleet.create("h2", "br-b", "br-c")
    fleet.tell("h2", NETWORKS, WAY)
    assert not reports.take(fakes.report("h2", inventory_digest=fleet.digest)).wants_inventory
    clock.advance(100)
    reports.take(fakes.report("h1"))
    with pytest.raises(PhysicalLoop, match="h2"):
        fleet.create("h1", "br-a", "br-b")
    agents.delete(fakes.CONTEXT, "h2")
    fleet.create("h1", "br-a", "br-b")
    with pytest.raises(PhysicalLoop, match="h2"):
        fleet.create("h1", "br-b", "br-c")
    links.delete(fakes.CONTEXT, kept.id, force=True)
    fleet.create("h1", "br-b", "br-c")
    assert reports.take(fakes.report("h2", inventory_digest=fleet.digest)).wants_inventory


def test_of_two_hosts_at_once_one_has_it(fleet: Fleet) -> None:
    for second in ("br-b", "br-c"):
        barrier = threading.Barrier(2)
        refused: list[str] = []

        def run(host: str, bridge: str = second, start: threading.Barrier = barrier, told: Any = refused) -> None:
            start.wait(30)
            try:
                fleet.create(host, "br-a", bridge)
            except OperationError as error:
                told.append(error.code)

        threads = [threading.Thread(target=run, args=(host,)) for host in ("h1", "h2")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert refused == ["PHYSNET_LOOP"]
