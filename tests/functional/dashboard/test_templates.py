"""Link templates on the page, in a real browser."""

import os
import pathlib

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.functional.dashboard.conftest import LIVENESS, Serve
from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World, body
from vethagent.controller.db.database import Database

#: Where pictures go, if anywhere.
PICTURES = os.environ.get("VETHAGENT_PICTURES")


@pytest.fixture
def world(database: Database) -> World:
    return World(database, LIVENESS, fakes.Clock())


def test_a_rollout_is_watched_paused_and_resumed(world: World, page: Page, serve: Serve) -> None:
    page.goto(f"{serve(world.agent_api)}/index.html#/templates")
    main = page.locator("main")
    expect(main).to_contain_text("No template yet")
    world.hosts(4)
    world.templates.create(fakes.CONTEXT, body(description="the way out", policy={"batch_size": 2}))
    expect(main).to_contain_text("1 started, 3 waiting")
    page.get_by_role("button", name="Pause the roll-out of uplink").click()
    expect(main).to_contain_text("PAUSED")
    world.fail("h0")
    expect(main).to_contain_text("1 failed")
    violations = Axe().run(page).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []
    if PICTURES:
        page.screenshot(path=pathlib.Path(PICTURES, "templates.png"))
    page.set_viewport_size({"width": 360, "height": 740})
    button = page.get_by_role("button", name="Resume the roll-out of uplink")
    expect(button).to_be_in_viewport(ratio=1)
    button.click()
    expect(main).to_contain_text("RUNNING")
    for _ in range(3):
        world.answer(*sorted(world.linked()))
    expect(main).to_contain_text("4 done")
    expect(main).to_contain_text("COMPLETED")
    expect(page.get_by_role("button", name="roll-out of uplink")).to_have_count(0)
