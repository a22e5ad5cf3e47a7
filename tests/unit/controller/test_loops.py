"""Links that would close a loop with those that were last seen plugged are refused."""

from typing import Any

import pytest

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller import views
from vethagent.controller.errors import Loop
from vethagent.controller.events import Events
from vethagent.controller.links import Links

pytestmark = pytest.mark.usefixtures("known")


class Fleet:
    """Links, and what agents say of them."""

    def __init__(self, links: Links, events: Events) -> None:
        self._links = links
        self._events = events
        self._seq = 0

    def create(self, first: str, second: str, **fields: Any) -> views.Link:
        return self._links.create(fakes.CONTEXT, fakes.body(ends=[{"bridge": first}, {"bridge": second}], **fields))

    def plug(self, first: str, second: str, *, stp: tuple[object, object] = (False, False)) -> views.Link:
        link = self.create(first, second, allow_loop=True)
        self.tell(link, stp=stp)
        return link

    def tell(self, link: views.Link, *, attached: bool = True, stp: tuple[object, object] = (False, False)) -> None:
        self._seq += 1
        ends = [
            {"bridge": end.bridge, "kind": "linux", "device": f"d{number}", "stp": stp[number]}
            | ({"attached_to": end.bridge} if attached else {})
            for number, end in enumerate(link.ends)
        ]
        self._events.store(fakes.batch([fakes.event(link.id, self._seq, ends=ends)]))

    def change(self, link: views.Link, **fields: Any) -> views.Link:
        return self._links.update(fakes.CONTEXT, link.id, model.BridgeLinkUpdate.model_validate(fields))

    def delete(self, link: views.Link) -> None:
        self._links.delete(fakes.CONTEXT, link.id)


@pytest.fixture
def fleet(links: Links, events: Events) -> Fleet:
    return Fleet(links, events)


def test_a_second_way_is_refused_with_the_first_one(fleet: Fleet) -> None:
    fleet.plug("a", "b")
    fleet.plug("b", "c")
    with pytest.raises(Loop, match="a - b - c") as caught:
        fleet.create("a", "c")
    assert caught.value.field == "ends"
    assert fleet.create("a", "d").generation == 1
    assert fleet.create("a", "c", allow_loop=True).generation == 1


def test_what_is_not_plugged_is_no_way(fleet: Fleet) -> None:
    link = fleet.create("a", "b")
    fleet.create("a", "b")
    fleet.tell(link, attached=False)
    fleet.create("a", "b")


def test_what_is_going_is_no_way(fleet: Fleet) -> None:
    fleet.delete(fleet.plug("a", "b"))
    fleet.create("a", "b")


@pytest.mark.parametrize(
    ("stp", "passes"), [((True, True), True), ((True, False), False), ((False, False), False), ((None, None), True)]
)
def test_a_spanning_tree_breaks_it(fleet: Fleet, stp: tuple[object, object], passes: bool) -> None:
    fleet.plug("a", "b", stp=stp)
    if passes:
        fleet.create("a", "b")
    else:
        with pytest.raises(Loop):
            fleet.create("a", "b")


def test_a_change_is_looked_at_too(fleet: Fleet) -> None:
    fleet.plug("a", "b")
    other = fleet.plug("a", "c")
    with pytest.raises(Loop):
        fleet.change(other, ends=[{"bridge": "a"}, {"bridge": "b"}], allow_loop=False)
    fleet.change(other, ends=[{"bridge": "a"}, {"bridge": "b"}])
    with pytest.raises(Loop):
        fleet.change(other, allow_loop=False)
    assert fleet.change(other, mtu=1400).mtu == 1400


def test_a_link_is_no_loop_with_itself(fleet: Fleet) -> None:
    link = fleet.plug("a", "b")
    assert not fleet.change(link, allow_loop=False, ends=[{"bridge": "b"}, {"bridge": "a"}]).allow_loop
