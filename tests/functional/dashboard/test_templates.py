"""Link templates on the page, in a real browser."""

import contextlib
import os
import pathlib
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as browsers
from tests.unit.controller import fakes
from tests.unit.controller.api import applications
from tests.unit.controller.fleet.world import World, body
from vethagent.controller.api import app
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness

PATIENCE = 30_000
#: Where pictures go, if anywhere.
PICTURES = os.environ.get("VETHAGENT_PICTURES")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def world(tmp_path: pathlib.Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'controller.sqlite'}"
    migration.upgrade(url)
    with contextlib.closing(Database(url)) as database:
        yield World(database, Liveness(86400), fakes.Clock())


@pytest.fixture
def page(browser: Browser, world: World, tmp_path: pathlib.Path) -> Iterator[Page]:
    with contextlib.ExitStack() as cleanup:
        database = Database(f"sqlite:///{tmp_path / 'controller.sqlite'}")
        cleanup.callback(database.close)
        api = typing.cast(Any, world.agent_api)
        server = ApiServer(
            applications.build(database, api, Liveness(86400)), host="127.0.0.1", port=0, max_body=app.MAX_BODY
        )
        server.start()
        cleanup.callback(server.stop)
        context = browser.new_context(viewport={"width": 1000, "height": 700})
        cleanup.callback(context.close)
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.address[1]}/ui/index.html#/templates")
        yield page


def test_a_rollout_is_watched_paused_and_resumed(world: World, page: Page) -> None:
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
    page.get_by_role("button", name="Resume the roll-out of uplink").click()
    expect(main).to_contain_text("RUNNING")
    for _ in range(3):
        world.answer(*sorted(world.linked()))
    expect(main).to_contain_text("4 done")
    expect(main).to_contain_text("COMPLETED")
    expect(page.get_by_role("button", name="roll-out of uplink")).to_have_count(0)
