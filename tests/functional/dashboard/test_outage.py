"""The page while its API cannot be reached, in a real browser."""

from playwright.sync_api import Page, expect

from tests.functional.dashboard.conftest import Serve
from tests.unit.controller import fakes


def test_an_api_that_comes_back_is_asked_again(serve: Serve, page: Page) -> None:
    page.route("**/v1/access", lambda route: route.abort("connectionrefused"))
    page.goto(f"{serve(fakes.AgentApi())}/index.html")
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute("**/v1/access")
    expect(page.get_by_role("heading", name="No host yet")).to_be_visible()
