import pytest

from tests.unit.controller import fakes
from tests.unit.controller.conftest import count
from vethagent import model
from vethagent.controller.agents import Agents
from vethagent.controller.db import models
from vethagent.controller.db.database import Database
from vethagent.controller.inventories import Inventories
from vethagent.controller.reports import Reports


def inventory(host: str = "h1", **networks: str) -> model.HostInventory:
    bridges = [{"name": name, "kind": "ovs", "physical_network": network} for name, network in networks.items()]
    return model.inventory(model.HostDescription.model_validate({"host": host, "bridges": bridges}))


def test_an_inventory_is_asked_for_when_it_is_another(reports: Reports, inventories: Inventories) -> None:
    told = inventory(br1="physnet1")
    assert not reports.take(fakes.report()).wants_inventory, "an agent of the version before has none"
    assert reports.take(fakes.report(inventory_digest=told.digest)).wants_inventory
    inventories.store(told)
    assert not reports.take(fakes.report(inventory_digest=told.digest)).wants_inventory
    assert reports.take(fakes.report(inventory_digest=inventory().digest)).wants_inventory
    assert not reports.take(fakes.report()).wants_inventory, "the host has gone back to that version"


def test_a_newer_agent_that_says_more_is_not_asked_for_ever(reports: Reports, inventories: Inventories) -> None:
    told = inventory().model_copy(update={"digest": "f" * 32})
    reports.take(fakes.report())
    inventories.store(told)
    assert not reports.take(fakes.report(inventory_digest=told.digest)).wants_inventory


@pytest.mark.usefixtures("known")
def test_the_last_one_is_kept(inventories: Inventories, agents: Agents, database: Database, clock: fakes.Clock) -> None:
    assert inventories.last("h1") is None
    inventories.store(inventory(br1="physnet1", br2="physnet2"))
    clock.advance(100)
    inventories.store(inventory(br2="physnet2"))
    fields, reported_at = inventories.last("h1") or ({}, None)
    assert reported_at == clock.now
    assert model.HostDescription.model_validate(fields) == inventory(br2="physnet2").description
    assert count(database, models.PhysicalNetwork) == count(database, models.HostInventory) == 1
    inventories.store(inventory("h9"))
    assert inventories.last("h9") is None


def test_the_digest_is_over_all_of_it() -> None:
    digests = {each.digest for each in (inventory(), inventory("h2"), inventory(br1="physnet1"), inventory(br1="p"))}
    assert len(digests) == 4
    assert inventory(br1="physnet1") == inventory(br1="physnet1")
