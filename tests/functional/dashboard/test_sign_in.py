"""The page with authentication, in a real browser: it offers what the API lets the user do, and no more."""

import contextlib
import pathlib
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as browsers
from tests.unit.controller import fakes
from tests.unit.controller.api import accounts, applications
from tests.unit.controller.api.identity import Identity
from vethagent import model
from vethagent.controller.api import app, http_basic, keystone
from vethagent.controller.api.server import ApiServer
from vethagent.controller.db import migration
from vethagent.controller.db.database import Database
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports

PATIENCE = 30_000
ROLES = {"alice": "admin", "bob": "member", "carol": "reader"}
PASSWORD = "a good one: ü"

#: Returns the address of a page whose API has this authentication.
Serve = Callable[..., str]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def serve(tmp_path: pathlib.Path) -> Iterator[Serve]:
    url = f"sqlite:///{tmp_path / 'controller.sqlite'}"
    migration.upgrade(url)
    with contextlib.ExitStack() as cleanup:

        def start(authentication: Any, wrap: Callable[[Any], Any] = lambda application: application) -> str:
            database = Database(url)
            cleanup.callback(database.close)
            liveness, agent_api = Liveness(86400), typing.cast(Any, fakes.AgentApi())
            agent_api.answers["describe_host"] = model.HostDescription(host="h1")
            agent_api.answers["plan_bridge_links"] = model.HostPlan(host="h1")
            Reports(database, liveness).take(fakes.report("h1"))
            Links(database, agent_api, liveness).create(fakes.CONTEXT, fakes.body(name="storage"))
            application = applications.build(database, agent_api, liveness, authentication=authentication)
            server = ApiServer(wrap(application), host="127.0.0.1", port=0, max_body=app.MAX_BODY)
            server.start()
            cleanup.callback(server.stop)
            return f"http://127.0.0.1:{server.address[1]}/ui"

        yield start


@pytest.fixture
def with_passwords(serve: Serve, tmp_path: pathlib.Path) -> str:
    users = accounts.write(tmp_path / "users", dict.fromkeys(ROLES, PASSWORD))
    return serve(http_basic.HttpBasic(str(users), ROLES))


def sign_in(page: Page, user: str, password: str) -> None:
    page.locator("#user").fill(user)
    page.locator("#password").fill(password)
    page.locator("dialog").get_by_role("button", name="Sign in").click()


def look_around(page: Page) -> set[str]:
    """Go through all views and return what can be done there."""
    offered: set[str] = set()

    def note() -> None:
        for found in page.locator("main button, main select").all():
            offered.add((found.get_attribute("id") or found.inner_text()).partition("chip-")[0])

    page.get_by_role("link", name="h1", exact=True).click()
    expect(page.locator("main")).to_contain_text("Bridges and links")
    note()
    page.locator("table").get_by_role("link", name="storage").click()
    expect(page.locator("main")).to_contain_text("Changes")
    note()
    page.get_by_role("link", name="Events").click()
    expect(page.locator("main")).to_contain_text("Of the whole fleet")
    note()
    return offered - {""}


READER = {"plan"}
MEMBER = READER | {"create", "edit", "toggle", "delete"}


@pytest.mark.parametrize(("name", "offered"), [("carol", READER), ("bob", MEMBER), ("alice", MEMBER | {"mode"})])
def test_a_user_is_offered_what_the_api_would_do(with_passwords: str, page: Page, name: str, offered: set[str]) -> None:
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 403 else None)
    page.goto(with_passwords)
    sign_in(page, name, PASSWORD)
    expect(page.locator("header")).to_contain_text(name)
    assert look_around(page) == offered
    assert refused == []


def test_a_wrong_password_and_the_way_out(with_passwords: str, page: Page) -> None:
    page.goto(with_passwords)
    sign_in(page, "carol", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    sign_in(page, "carol", PASSWORD)
    expect(page.locator("main")).to_contain_text("h1")
    kept = page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
    assert kept == [0, 0, ""]
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("dialog")).to_contain_text("Password")
    expect(page.locator("main")).not_to_contain_text("h1")


@pytest.fixture
def identity() -> Iterator[Identity]:
    with accounts.running() as made:
        yield made


def test_a_token_of_keystone(serve: Serve, identity: Identity, page: Page, tmp_path: pathlib.Path) -> None:
    page.goto(serve(keystone.Keystone(), lambda application: accounts.validated(application, identity, tmp_path)))

    def give(token: str) -> None:
        page.locator("#token").fill(token)
        page.locator("dialog").get_by_role("button", name="Sign in").click()

    give("made up")
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    give(identity.give("reader", system=True))
    expect(page.locator("header")).to_contain_text("erin")
    assert look_around(page) == READER
