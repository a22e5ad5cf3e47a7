"""The page while its API cannot be reached, or takes its time, in a real browser."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.functional.dashboard.conftest import LIVENESS, Serve
from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World
from vethagent.controller.db.database import Database


def test_an_api_that_comes_back_is_asked_again(serve: Serve, page: Page) -> None:
    page.route("**/v1/access", lambda route: route.abort("connectionrefused"))
    page.goto(f"{serve(fakes.AgentApi())}/index.html")
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute("**/v1/access")
    expect(page.get_by_role("heading", name="No host yet")).to_be_visible()


@pytest.mark.parametrize(
    ("view", "nothing"),
    [("#/", "No host yet"), ("#/templates", "No template yet"), ("#/events", "Nothing has happened yet")],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_could_not_be_asked_is_not_said_to_be_nothing(
    serve: Serve, page: Page, view: str, nothing: str, status: int
) -> None:
    page.route("**/v1/*?*", lambda route: route.fulfill(status=status, json={"error": {"message": "no database"}}))
    page.goto(f"{serve(fakes.AgentApi())}/index.html{view}")
    expect(page.locator("body")).to_contain_text("no database")
    expect(page.locator("main")).not_to_contain_text(nothing)
    page.unroute("**/v1/*?*")
    expect(page.locator("main")).to_contain_text(nothing)


def test_what_is_pressed_twice_is_asked_for_once(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    held = _hold(page)
    page.goto(f"{serve(world.agent_api)}/index.html#/hosts/h0")
    _fill_in_a_link(page)
    create = page.get_by_role("button", name="Create", exact=True)
    create.dblclick()
    expect(page.locator("dialog [aria-busy]")).to_have_count(1)
    create.press("Enter")
    for route in held:
        route.continue_()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(held) == 1


def test_a_dialog_goes_with_what_it_is_about(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    page.goto(f"{serve(world.agent_api)}/index.html")
    page.get_by_role("link", name="h0").click()
    page.get_by_role("button", name="Create a link").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_refused_is_told_to_who_went_back_meanwhile(database: Database, serve: Serve, page: Page) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    held = _hold(page)
    page.goto(f"{serve(world.agent_api)}/index.html")
    page.get_by_role("link", name="h0").click()
    _fill_in_a_link(page)
    page.get_by_role("button", name="Create", exact=True).click()
    page.go_back()
    expect(page.get_by_role("heading", name="Fleet", include_hidden=True)).to_be_visible()
    _next(page, held).fulfill(status=409, json={"error": {"message": "such a link is there", "field": "ends"}})
    expect(page.get_by_role("alert")).to_have_text("such a link is there")
    page.get_by_role("button", name="Create", exact=True).click()
    _next(page, held).continue_()
    expect(page.get_by_role("dialog")).to_have_count(0)


def _hold(page: Page) -> list[Route]:
    """Return where requests for links wait from now on."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/bridge-links", hold)
    return held


def _fill_in_a_link(page: Page) -> None:
    page.get_by_role("button", name="Create a link").click()
    page.get_by_label("First bridge").fill("br1")
    page.get_by_label("Second bridge").fill("br2")


def _next(page: Page, held: list[Route]) -> Route:
    """Return what is held, as soon as it is."""
    while not held:
        page.wait_for_timeout(10)
    return held.pop()


def test_an_address_that_was_cut_leads_to_the_fleet(serve: Serve, page: Page) -> None:
    page.goto(f"{serve(fakes.AgentApi())}/index.html#/hosts/%E0%A4")
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
