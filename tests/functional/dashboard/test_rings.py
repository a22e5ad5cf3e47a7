"""A ring through physical networks on the page, in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.functional.dashboard.conftest import LIVENESS, Serve
from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World
from tests.unit.controller.test_physical import NETWORKS, Fleet
from vethagent.controller.db.database import Database
from vethagent.controller.inventories import Inventories

PATH = "br-a of h1 - physnet1 - br-a of h2 - br-b of h2 - physnet2 - br-b of h1"


def test_a_ring_is_told_at_its_host_and_at_its_link(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    fleet = Fleet(world.links, world.reports, Inventories(database, LIVENESS))
    fleet.tell("h2", {"br-a": "physnet1"})
    first = fleet.create("h1", "br-a", "br-b", name="storage")
    fleet.create("h2", "br-a", "br-b")
    world.tell("h1", fakes.event(first.id, world.seq("h1")))
    fleet.tell("h2", NETWORKS)
    page.goto(f"{serve(world.agent_api)}/index.html#/hosts/h1")
    told = page.locator(".rings")
    expect(told).to_contain_text("Link storage closes a ring through physical networks")
    expect(told).to_contain_text(PATH)
    told.get_by_role("link", name="storage").click()
    expect(page.locator(".state.active")).to_contain_text(re.compile(f"as wanted, and closes a ring: {PATH}"))
