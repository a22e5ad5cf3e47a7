"""The page in a real browser, over a real agent, as somebody uses it who has read nothing."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.functional.agent.node import FIRST, HOST, SECOND, Node
from tests.support import browser as browsers

#: Milliseconds; of a busy machine.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
#: Where pictures for the documents go, if anywhere.
PICTURES = os.environ.get("VETHAGENT_PICTURES")

SIZES = {"wide": {"width": 1000, "height": 900}, "narrow": {"width": 360, "height": 740}}


@pytest.fixture(scope="module")
def browser(session_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsers.chromium(tmp_path_factory.mktemp("browser"), session_node.host.namespace) as made:
        yield made


@contextlib.contextmanager
def opened(browser: Browser, *, scheme: str = "light", size: str = "wide") -> Iterator[Page]:
    """A new page; what it complains of is a failure."""
    complaints: list[str] = []
    context = browser.new_context(color_scheme=scheme, viewport=SIZES[size])  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    try:
        browsers.visit(page)
        yield page
        # What the API refuses is told by the browser, too.
        expected = ("the server responded with a status of 4", browsers.NETWORK_CHANGED)
        assert [each for each in complaints if not any(part in each for part in expected)] == []
    finally:
        context.close()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    with opened(browser) as made:
        yield made


def sees(page: Page, text: str) -> None:
    expect(page.locator("main")).to_contain_text(text)


def shoot(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=pathlib.Path(PICTURES, f"{name}.png"), full_page=True)


def check_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found if _is_serious(each)] == []


def _is_serious(violation: dict[str, str]) -> bool:
    return violation["impact"] in ("serious", "critical")


def open_host(page: Page) -> None:
    page.get_by_role("link", name=HOST, exact=True).first.click()
    sees(page, "Bridges and links")


def fill_in(page: Page, first: str, second: str) -> None:
    page.get_by_role("button", name="Create a link").click()
    page.locator("#bridge-0").fill(first)
    page.locator("#bridge-1").fill(second)


def test_a_newcomer_makes_a_link_and_takes_it_away(node: Node, page: Page) -> None:
    expect(page).to_have_title("Fleet | vethagent")
    open_host(page)
    fill_in(page, "br1", "br-eth1")
    page.get_by_text("More:").click()
    page.locator("#device-0").fill(FIRST)
    page.locator("#device-1").fill(SECOND)
    page.locator("#name").fill("storage")
    page.get_by_role("button", name="Dry run").last.click()
    expect(page.locator("dialog .tried li")).not_to_have_count(0)
    assert node.host.device(FIRST) is None
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("svg .link.active")).to_have_count(1)
    expect(page.locator(".event.plugged").first).to_contain_text("storage")  # other tests have left some
    node.carries()
    page.locator("table").get_by_role("link", name="storage").click()
    sees(page, "ACTIVE")
    page.get_by_role("button", name="Delete").click()
    page.locator("dialog").get_by_role("button", name="Delete").click()
    sees(page, "This link is not there any more.")
    expect(page.get_by_role("region", name="Changes")).to_contain_text("DELETED")
    assert node.host.device(FIRST) is None


def test_a_broken_link_says_what_is_wrong_and_what_helps(node: Node, page: Page) -> None:
    open_host(page)
    fill_in(page, "br1", "br-new")
    page.get_by_role("button", name="Create", exact=True).click()
    sees(page, "BRIDGE_NOT_FOUND")
    expect(page.locator("svg .bridge.absent")).to_contain_text("bridge (not there)br-new")
    page.locator("svg .link").press("Enter")
    sees(page, "There is no such bridge on the host. Make it, or correct its name")
    page.get_by_text("conditions are not met").press("Enter")
    expect(page.locator(".unmet").first).to_be_visible()
    node.host.ovs_bridge("br-new")
    expect(page.locator(".state.active")).to_be_visible(timeout=PATIENCE)


def test_a_pair_that_somebody_made_is_adopted(node: Node, page: Page) -> None:
    node.host.ip("link", "add", FIRST, "up", "type", "veth", "peer", "name", SECOND)
    node.host.ip("link", "set", FIRST, "master", "br1")
    node.host.ip("link", "set", SECOND, "up")
    node.host.vsctl("add-port", "br-eth1", SECOND)
    open_host(page)
    page.get_by_role("button", name=f"Adopt {FIRST} and {SECOND}").or_(
        page.get_by_role("button", name=f"Adopt {SECOND} and {FIRST}")
    ).click()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("svg .link.active")).to_have_count(1)
    expect(page.get_by_role("button", name="Adopt")).to_have_count(0)


def test_what_the_agent_would_do_is_shown_and_not_done(node: Node, page: Page) -> None:
    node.plug_usual(name="storage")
    node.set_mode("observe")
    try:
        node.host.ip("link", "set", FIRST, "nomaster")
        open_host(page)
        expect(page.locator("svg .link.down")).to_contain_text("DRIFT")
        page.get_by_role("button", name="Dry run").click()
        expect(page.locator("dialog li")).to_contain_text(FIRST)
        page.get_by_role("button", name="Close").click()
    finally:
        node.set_mode("enforce")


def test_what_the_api_refuses_is_said_beside_the_field(node: Node, page: Page) -> None:
    node.plug_usual(name="taken")
    open_host(page)
    fill_in(page, "br2", "br-eth2")
    page.locator("#name").fill("taken")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("dialog [role=alert]")).to_contain_text("taken")
    expect(page.locator("#name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#name")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_a_cut_cable_is_seen_with_its_reason_and_its_repair_too(node: Node, page: Page) -> None:
    link = node.plug_usual(name="storage")
    node.set_mode("observe")
    try:
        open_host(page)
        expect(page.locator("svg .link.active")).to_have_count(1)
        node.host.ip("link", "set", FIRST, "nomaster")
        expect(page.locator("svg .link.down")).to_contain_text("DRIFT")
        page.locator("svg .link").click()
        sees(page, "is in no bridge")
        for scheme, size in (("light", "wide"), ("dark", "narrow")):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
            check_accessible(page)
            shoot(page, f"link-{scheme}-{size}")
    finally:
        node.set_mode("enforce")
    expect(page.locator(".state.active")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".event.repaired").first).to_contain_text("NOT_ATTACHED")
    node.check_repaired(link)


@pytest.mark.parametrize(("scheme", "size"), [("light", "wide"), ("dark", "narrow")])
def test_everybody_can_use_it(node: Node, browser: Browser, scheme: str, size: str) -> None:
    node.plug_usual(name="storage", mtu=1400)
    node.plug("br2", {"bridge": "br-eth1", "tag": 100})
    node.wait(node.create("br2", "br-none", name="to be made"), "ERROR")
    with opened(browser, scheme=scheme, size=size) as page:
        sees(page, HOST)
        _check_view(page, f"fleet-{scheme}-{size}")
        open_host(page)
        expect(page.locator("svg .link")).to_have_count(3)
        expect(page.locator(".event").first).to_be_visible()
        _check_view(page, f"host-{scheme}-{size}")
        page.get_by_role("button", name="Create a link").click()
        expect(page.locator("dialog")).to_be_visible()
        _check_view(page, f"form-{scheme}-{size}")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Events").click()
        sees(page, "Of the whole fleet")
        _check_view(page, f"events-{scheme}-{size}")


def _check_view(page: Page, name: str) -> None:
    shoot(page, name)
    check_accessible(page)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1], f"{name} is wider than the window"


def tab_to(page: Page, found: Locator) -> None:
    """Press Tab until ``found`` has the focus, as somebody does who has no mouse."""
    expect(found).to_be_visible()
    for _ in range(100):
        if found.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{found} is not reached")


def test_from_the_fleet_to_a_link_and_back_without_a_mouse(node: Node, page: Page) -> None:
    main, dialog = page.locator("main"), page.locator("dialog")
    tab_to(page, main.get_by_role("link", name=HOST, exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Create a link"))
    page.keyboard.press("Enter")
    expect(page.locator("#bridge-0")).to_be_focused()
    page.keyboard.type("br1")
    page.keyboard.press("Tab")
    page.keyboard.type("br-new")
    page.keyboard.press("Enter")
    sees(page, "BRIDGE_NOT_FOUND")
    tab_to(page, page.locator("svg .link"))
    page.keyboard.press("Enter")
    sees(page, "There is no such bridge on the host. Make it, or correct its name")
    tab_to(page, page.get_by_text("conditions are not met"))
    page.keyboard.press("Enter")
    expect(page.locator(".unmet").first).to_be_visible()
    node.host.ovs_bridge("br-new")
    expect(page.locator(".state.active")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Delete"))
    page.keyboard.press("Enter")
    tab_to(page, dialog.get_by_role("button", name="Delete"))
    page.keyboard.press("Enter")
    sees(page, "This link is not there any more.")


def test_the_focus_stays_while_the_page_follows(node: Node, page: Page) -> None:
    node.plug_usual(name="storage")
    open_host(page)
    found = page.locator("table").get_by_role("link", name="storage")
    tab_to(page, found)
    page.evaluate("document.activeElement.dataset.old = 'yes'")
    node.host.ip("link", "set", FIRST, "nomaster")  # its repair is an event, after which all is drawn anew
    expect(page.locator("[data-old]")).to_have_count(0)
    expect(found).to_be_focused()


def test_it_is_used_with_the_keyboard_alone(node: Node, page: Page) -> None:
    sees(page, HOST)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.locator("#search").focus()
    page.keyboard.type("no such host")
    sees(page, "No host has that in its name")
    page.locator("#search").fill(HOST[:4])
    page.keyboard.press("Enter")
    sees(page, "Bridges and links")
    expect(page.locator("main")).to_be_focused()
