"""What happened long ago on the page, in a real browser."""

import re

from playwright.sync_api import Page, expect

from tests.functional.dashboard.conftest import LIVENESS, Serve
from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World
from vethagent.controller.db.database import Database


def test_what_is_not_of_today_has_its_date(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    page.goto(f"{serve(world.agent_api)}/index.html")
    expect(page.get_by_role("link", name="h0")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("Links:")  # there is none
    link = world.links.create({}, fakes.body(host="h0"))
    expect(page.locator("main")).to_contain_text("Links:")
    page.clock.set_fixed_time("2126-01-02T03:04:05Z")  # for the browser all that was is long ago
    page.goto(f"{serve(world.agent_api)}/index.html#/links/{link.id}")
    changed = page.get_by_role("region", name="Changes").locator("time")
    expect(changed).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
