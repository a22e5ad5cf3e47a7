"""The list of all hosts on the page, and what is looked for there, in a real browser."""

from playwright.sync_api import Page, Route, expect

from tests.functional.dashboard.conftest import LIVENESS, Serve
from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World
from vethagent.controller.db.database import Database


def uplinks(database: Database) -> World:
    """Two hosts, each with a link of one name."""
    world = World(database, LIVENESS, fakes.Clock())
    for host in world.hosts(2):
        world.links.create({}, fakes.body(host=host, name="uplink"))
    return world


def test_links_that_were_found_stay_until_something_else_is_looked_for(
    database: Database, serve: Serve, page: Page
) -> None:
    world = uplinks(database)
    page.goto(f"{serve(world.agent_api)}/index.html")
    search = page.get_by_label("Search")
    search.fill("uplink")
    search.press("Enter")
    expect(page.get_by_role("link", name="uplink on h1")).to_be_visible()
    for _ in range(2):  # of which the second was asked for after they were found
        with page.expect_response("**/v1/agents?*"):
            pass
    expect(page.get_by_role("link", name="uplink on h0")).to_be_visible()
    expect(page.locator("main")).to_contain_text("2 links have this name")
    search.fill("h0")
    expect(page.get_by_role("rowheader")).to_have_text(["h0"])


def test_an_answer_that_comes_late_replaces_nothing_that_is_looked_for_since(
    database: Database, serve: Serve, page: Page
) -> None:
    world = uplinks(database)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/bridge-links?*", hold)
    page.goto(f"{serve(world.agent_api)}/index.html")
    search = page.get_by_label("Search")
    search.fill("uplink")
    with page.expect_request("**/v1/bridge-links?*"):
        search.press("Enter")
    search.fill("h0")
    with page.expect_response("**/v1/bridge-links?*"):
        held[0].continue_()
    with page.expect_response("**/v1/agents?*"):
        pass
    expect(page.get_by_role("rowheader")).to_have_text(["h0"])


def test_what_no_host_is_like_is_said_of_what_was_asked(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    page.goto(f"{serve(world.agent_api)}/index.html")
    page.get_by_role("button", name="degraded").click()
    expect(page.locator("main")).to_contain_text("No host is degraded.")
    page.get_by_label("Search").fill("k")
    expect(page.locator("main")).to_contain_text("No degraded host has that in its name.")


def test_what_is_the_same_is_not_read_aloud_again(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    page.goto(f"{serve(world.agent_api)}/index.html")
    expect(page.get_by_role("status").filter(has_text="1 of 1 hosts")).to_be_visible()
    page.evaluate(
        """() => {
            window.said = 0;
            const count = (changes) => { window.said += changes.length; };
            for (const each of document.querySelectorAll("[role=status]"))
                new MutationObserver(count).observe(each, { childList: true, characterData: true, subtree: true });
        }"""
    )
    for _ in range(3):
        with page.expect_response("**/v1/agents?*"):
            pass
    assert page.evaluate("window.said") == 0
