"""Names as long as they may be on the page, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.functional.dashboard.conftest import LIVENESS, Serve
from tests.unit.controller import fakes
from tests.unit.controller.fleet.world import World
from vethagent.controller.db.database import Database

BRIDGES = ("a-linux-bridge1", "b-linux-bridge1")
#: Text that is not within its box, that of a port or a bridge, or not between the boxes if it is beside a line.
OUTSIDE = """() => {
    const picture = document.querySelector(".picture");
    const [first, second] = [...picture.querySelectorAll(".bridge > rect")].map((each) => each.getBoundingClientRect());
    const [left, right] = first.left < second.left ? [first.right, second.left] : [second.right, first.left];
    return [...picture.querySelectorAll("text")].filter((each) => {
        const box = each.getBoundingClientRect();
        const around = each.parentNode.querySelector(":scope > rect")?.getBoundingClientRect() ?? { left, right };
        return box.left < around.left || box.right > around.right;
    }).map((each) => each.textContent);
}"""


@pytest.mark.parametrize("width", [320, 600, 1000])
def test_long_names_have_room(database: Database, serve: Serve, page: Page, width: int) -> None:
    world = World(database, LIVENESS, fakes.Clock())
    world.hosts(1)
    ends = [{"bridge": bridge, "device": bridge.replace("bridge", "device")} for bridge in BRIDGES]
    link = world.links.create({}, fakes.body(host="h0", name="x" * 255, ends=ends))
    page.set_viewport_size({"width": width, "height": 700})
    for view in ("hosts/h0", f"links/{link.id}"):
        page.goto(f"{serve(world.agent_api)}/index.html#/{view}")
        expect(page.locator(".picture")).to_contain_text(BRIDGES[0])
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
