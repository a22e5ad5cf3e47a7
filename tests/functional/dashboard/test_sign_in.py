"""The page with authentication, in a real browser: it offers what the API lets the user do, and no more."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.functional.dashboard.conftest import LIVENESS
from tests.functional.dashboard.conftest import Serve as ServeAny
from tests.unit.controller import fakes
from tests.unit.controller.api import accounts
from tests.unit.controller.api.identity import Identity
from tests.unit.controller.fleet.world import World, body
from vethagent import model
from vethagent.controller.api import http_basic, keystone
from vethagent.controller.db.database import Database

ROLES = {"alice": "admin", "bob": "member", "carol": "reader"}
PASSWORD = "a good one: ü"
#: Of somebody else, on the host.
PAIR = {"devices": ["by-hand-1", "by-hand-2"], "bridges": ["br3", "br4"]}

#: Returns the address of a page whose API has this authentication.
Serve = Callable[..., str]


@pytest.fixture
def serve(serve: ServeAny, database: Database) -> Serve:
    """Serve a host with a link and a pair of somebody else, and a template whose roll-out was stopped."""
    world = World(database, LIVENESS, fakes.Clock())
    world.report("h1", "h2")
    world.links.create(fakes.CONTEXT, fakes.body(name="storage"))
    world.templates.create(fakes.CONTEXT, body(selector={"hosts": ["h2"]}))
    world.fail("h2")
    answers = world.agent_api.answers
    answers["describe_host"] = model.HostDescription.model_validate({"host": "h1", "pairs": [PAIR]})
    answers["plan_bridge_links"] = model.HostPlan(host="h1")

    def start(authentication: Any, wrap: Callable[[Any], Any] = lambda application: application) -> str:
        return serve(world.agent_api, wrap, authentication=authentication)

    return start


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
            offered.add((found.get_attribute("id") or found.inner_text()).partition("-")[0])

    page.get_by_role("link", name="h1", exact=True).click()
    expect(page.locator("main")).to_contain_text("by-hand-1")
    note()
    page.locator("table").get_by_role("link", name="storage").click()
    expect(page.locator("main")).to_contain_text("Changes")
    note()
    page.get_by_role("link", name="Templates").click()
    expect(page.locator("main")).to_contain_text("STOPPED")
    note()
    page.get_by_role("link", name="Events").click()
    expect(page.locator("main")).to_contain_text("Of the whole fleet")
    note()
    return offered


READER = {"plan"}
MEMBER = READER | {"create", "edit", "toggle", "delete", "adopt", "resume"}
OFFERED = {"carol": READER, "bob": MEMBER, "alice": MEMBER | {"mode"}}


@pytest.mark.parametrize("name", OFFERED)
def test_a_user_is_offered_what_the_api_would_do(with_passwords: str, page: Page, name: str) -> None:
    answers = watch(page)
    page.goto(with_passwords)
    sign_in(page, name, PASSWORD)
    expect(page.locator("header")).to_contain_text(name)
    assert look_around(page) == OFFERED[name]
    assert [path for method, path, status in answers if status == 403] == []


def watch(page: Page) -> list[tuple[str, str, int]]:
    """Return a list to which method, path and status of each answer are added."""
    answers: list[tuple[str, str, int]] = []
    page.on(
        "response",
        lambda answer: answers.append((answer.request.method, answer.url.partition("/v1/")[2], answer.status)),
    )
    return answers


@pytest.mark.parametrize("name", OFFERED)
def test_nothing_that_is_pressed_is_refused(with_passwords: str, page: Page, name: str) -> None:
    answers = watch(page)
    page.goto(with_passwords)
    sign_in(page, name, PASSWORD)
    page.get_by_role("link", name="h1", exact=True).click()
    page.get_by_role("button", name="Dry run").click()
    page.get_by_role("button", name="Close").click()
    if "mode" in OFFERED[name]:
        page.locator("#mode").select_option("observe")
        expect(page.get_by_role("status").filter(has_text="observe now")).to_be_visible()
    if "create" in OFFERED[name]:
        press_what_members_may(page)
    asked = {(method, status) for method, _, status in answers if method != "GET"}
    wanted = {"create": {("POST", 201), ("POST", 200), ("PATCH", 200), ("DELETE", 202)}, "mode": {("PATCH", 200)}}
    assert asked == set().union(*(wanted.get(each, set()) for each in OFFERED[name]))
    assert [status for method, _, status in answers if status >= 400] == [401]


def press_what_members_may(page: Page) -> None:
    page.get_by_role("button", name="Adopt").click()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("dialog")).to_have_count(0)
    page.get_by_role("button", name="Create a link").click()
    page.locator("#bridge-0").fill("br5")
    page.locator("#bridge-1").fill("br6")
    page.locator("#dry-run").click()
    expect(page.locator(".tried")).to_contain_text("Nothing is done yet")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("svg .link")).to_have_count(3)
    page.locator("table").get_by_role("link", name="storage").click()
    page.get_by_role("button", name="Change").click()
    page.locator("#name").fill("backup")
    page.locator("dialog").get_by_role("button", name="Change").click()
    expect(page.locator("main")).to_contain_text("generation 2")
    page.get_by_role("button", name="Set down").click()
    expect(page.locator("main")).to_contain_text("generation 3")
    page.get_by_role("button", name="Delete").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("main")).to_contain_text("PENDING_DELETE")
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("button", name="Resume the roll-out of uplink").click()
    page.get_by_role("button", name="Pause the roll-out of uplink").click()
    expect(page.locator("main")).to_contain_text("PAUSED")


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
