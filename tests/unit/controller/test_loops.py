"""Links that would close a loop with those that were last seen plugged are refused."""

from typing import Any

import pytest

from tests.unit.controller import fakes
from vethagent import exceptions, model
from vethagent.controller import views
from vethagent.controller.closed_rings import ClosedRings
from vethagent.controller.db.database import Database
from vethagent.controller.errors import Loop
from vethagent.controller.events import Events
from vethagent.controller.inventories import Inventories
from vethagent.controller.links import Links
from vethagent.controller.reports import Reports

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

    def tell(
        self,
        link: views.Link,
        *,
        attached: bool = True,
        up: bool = True,
        stp: tuple[object, object] = (False, False),
    ) -> None:
        self._seq += 1
        ends = [
            {"bridge": end.bridge, "kind": "linux", "device": f"d{number}", "stp": stp[number], "up": up}
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


def test_what_is_asked_to_go_elsewhere_is_no_way(fleet: Fleet) -> None:
    """Whoever moves a link and asks for another in its place need not wait for the agent."""
    link = fleet.plug("a", "b")
    fleet.plug("b", "d")
    fleet.change(link, mtu=1400)
    with pytest.raises(Loop, match="a - b"):
        fleet.create("a", "b")
    fleet.change(link, ends=[{"bridge": "a"}, {"bridge": "c"}])
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
    with pytest.raises(Loop) as caught:
        fleet.change(other, ends=[{"bridge": "a"}, {"bridge": "b"}], allow_loop=False)
    assert caught.value.field == "ends"
    fleet.change(other, ends=[{"bridge": "a"}, {"bridge": "b"}])
    with pytest.raises(Loop, match=r"^allow_loop: a and b .* a - b$") as caught:
        fleet.change(other, allow_loop=False)
    assert caught.value.field == "allow_loop"
    assert fleet.change(other, mtu=1400).mtu == 1400


def test_another_way_that_came_later_is_known(fleet: Fleet, inventories: Inventories, database: Database) -> None:
    """A link that is there stays; whoever asks about it is told."""
    rings = ClosedRings(database)
    link, allowed = fleet.create("a", "c"), fleet.plug("a", "c")
    fleet.tell(link)
    assert [rings.loop(each.id) for each in (link, allowed)] == [None, None]
    inventories.store(told())
    assert [rings.loop(each.id) for each in (link, allowed)] == ["a - b - c", None]
    inventories.store(told(stp="abc"))
    assert rings.loop(link.id) is None


def test_what_is_down_is_not_set_up_beside_another_way(fleet: Fleet) -> None:
    """Others that are down do not count then."""
    first = fleet.plug("a", "b")
    second = fleet.create("a", "c", admin_state_up=False)
    fleet.plug("b", "c")
    with pytest.raises(Loop, match="a - b - c") as caught:
        fleet.change(second, admin_state_up=True)
    assert caught.value.field == "admin_state_up"
    fleet.tell(first, up=False)
    assert fleet.change(second, admin_state_up=True).admin_state_up


def test_what_is_asked_to_be_down_is_no_way(fleet: Fleet) -> None:
    """Of two links beside each other the one that is down may be set up as soon as the other is asked to be down."""
    second = fleet.create("a", "b", admin_state_up=False)
    first = fleet.plug("a", "b")
    with pytest.raises(Loop):
        fleet.change(second, admin_state_up=True)
    fleet.change(first, admin_state_up=False)
    assert fleet.change(second, admin_state_up=True).admin_state_up


def test_a_link_is_no_loop_with_itself(fleet: Fleet) -> None:
    link = fleet.plug("a", "b")
    assert not fleet.change(link, allow_loop=False, ends=[{"bridge": "b"}, {"bridge": "a"}]).allow_loop


def told(**fields: Any) -> model.HostInventory:
    """Return an inventory of which the patch port and the pair are of others, and the last way is a link's."""
    ways = [
        {"bridges": ("a", "b"), "device": "patch-a", "patch": True},
        {"bridges": ("b", "c"), "device": "veth-b"},
        {"bridges": ("c", "d"), "device": "owned", "link_id": fakes.STREAM},
    ]
    bridges = [{"name": name, "kind": "ovs", "stp": name in fields.get("stp", ())} for name in "abcd"]
    values = {"host": fields.get("host", "h1"), "ways": ways, "bridges": bridges}
    return model.inventory(model.HostDescription.model_validate(values))


def test_ways_of_others_are_those_that_the_agent_has_told(fleet: Fleet, inventories: Inventories) -> None:
    fleet.create("a", "c")
    inventories.store(told())
    with pytest.raises(Loop, match="a - b - c"):
        fleet.create("a", "c")
    fleet.create("a", "d")
    inventories.store(told(stp="ac"))
    fleet.create("a", "c")
    with pytest.raises(Loop):
        fleet.create("a", "b")
    inventories.store(model.inventory(model.HostDescription(host="h1")))
    fleet.create("a", "b")


def test_a_pair_that_is_adopted_is_no_other_way(fleet: Fleet, inventories: Inventories) -> None:
    inventories.store(told())
    fleet.create("b", "c", adopt=True)
    for first, second in (("a", "b"), ("a", "c")):  # a patch is not taken over, and this pair is between two others
        with pytest.raises(Loop):
            fleet.create(first, second, adopt=True)
    with pytest.raises(Loop):
        fleet.create("b", "c")


def test_what_a_link_last_told_of_stp_is_newer(fleet: Fleet, inventories: Inventories) -> None:
    inventories.store(told(stp="ab"))
    fleet.create("a", "b")
    fleet.plug("a", "b", stp=(True, False))
    with pytest.raises(Loop):
        fleet.create("a", "b")


def test_an_agent_is_asked_again_before_its_word_counts(
    fleet: Fleet, inventories: Inventories, agent_api: fakes.AgentApi, clock: fakes.Clock
) -> None:
    inventories.store(told())
    agent_api.answers["describe_host"] = told().description
    with pytest.raises(Loop):
        fleet.create("a", "b")
    agent_api.answers["describe_host"] = exceptions.AgentBusy("no")
    with pytest.raises(Loop):
        fleet.create("a", "b")
    assert agent_api.asked == ["h1", "h1"]
    agent_api.answers["describe_host"] = model.HostDescription(host="h1")
    link = fleet.create("a", "b")
    inventories.store(told())
    assert fleet.change(link, allow_loop=True).allow_loop
    fleet.change(link, allow_loop=False)
    inventories.store(told())
    clock.advance(100)
    agent_api.asked.clear()
    with pytest.raises(Loop):
        fleet.create("a", "b")
    assert agent_api.asked == [], "an agent that does not report is not waited for"


def test_each_host_of_a_request_is_asked_again(
    links: Links, reports: Reports, inventories: Inventories, agent_api: fakes.AgentApi
) -> None:
    hosts = ["h1", "h2", "h3"]
    for host in hosts:
        reports.take(fakes.report(host))
        inventories.store(told(host=host))
    agent_api.answers["describe_host"] = lambda host: model.HostDescription(host=host)
    ends = [{"bridge": "a"}, {"bridge": "b"}]
    made = links.create_all(fakes.CONTEXT, [fakes.body(host=host, ends=ends) for host in hosts])
    assert [link.host for link in made] == agent_api.asked == hosts


def test_a_host_that_tells_by_itself_while_it_is_asked(
    fleet: Fleet, inventories: Inventories, agent_api: fakes.AgentApi
) -> None:
    """Its report may come between the refusal and the answer, which then is nothing new."""

    def describe(host: str) -> model.HostDescription:
        now = model.HostDescription(host=host)
        inventories.store(model.inventory(now))
        return now

    inventories.store(told())
    agent_api.answers["describe_host"] = describe
    fleet.create("a", "b")
