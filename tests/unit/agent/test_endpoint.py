import time
from typing import Any

import oslo_messaging
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.builders import AnsweringInbox, ids
from tests.unit.plumbing.builders import link
from vethagent import exceptions, model
from vethagent.agent.desired import Desired
from vethagent.agent.endpoint import AgentEndpoint
from vethagent.agent.health import Counters
from vethagent.agent.stopwatch import Stopwatch
from vethagent.agent.store import Store
from vethagent.model import Mode
from vethagent.rpc import wire

A, B, C = ids(3)
CONTEXT = {"request_id": "req-1"}


class Setup:
    def __init__(self, host: str = "h1") -> None:
        self.desired, self.inbox, self.counters = Desired(Store(":memory:")), AnsweringInbox(), Counters()
        self.planned: list[list[model.BridgeLink]] = []
        self.pulls: list[None] = []
        self.heard: list[None] = []
        self.changed: list[None] = []
        self.switched: list[None] = []
        self.endpoint = AgentEndpoint(
            host=host,
            desired=self.desired,
            inbox=self.inbox,
            stopwatch=Stopwatch(),
            counters=self.counters,
            describe=lambda: model.HostDescription(host="h1"),
            plan=self._plan,
            pull=lambda: self.pulls.append(None),
            heard=lambda: self.heard.append(None),
            changed=lambda: self.changed.append(None),
            switched=lambda: self.switched.append(None),
        )

    def dirty(self) -> set[str]:
        found: set[str] = self.inbox.left().dirty
        return found

    def counts(self, name: str) -> int:
        return self.counters.all().get(name, 0)

    def _plan(self, links: list[model.BridgeLink]) -> model.HostPlan:
        self.planned.append(links)
        return model.HostPlan(host="h1")


@pytest.fixture
def setup() -> Setup:
    return Setup()


def body(link_id: str = A, **fields: Any) -> dict[str, Any]:
    return wire.dump(link(id=link_id)) | fields


def test_a_plug_is_wanted_and_looked_at(setup: Setup) -> None:
    setup.endpoint.plug_bridge_link(CONTEXT, link=body())
    assert setup.desired.link(A) == link(id=A) and setup.dirty() == {A}
    assert (setup.counts("casts"), setup.counts("casts_refused")) == (1, 0)


def test_many_are_one_cast(setup: Setup) -> None:
    setup.endpoint.plug_bridge_links(CONTEXT, links=[body(A), body(B)])
    assert setup.desired.ids() == setup.dirty() == {A, B} and setup.counts("casts") == len(setup.heard) == 1


def test_an_unplug_is_wanted_and_looked_at(setup: Setup) -> None:
    setup.endpoint.plug_bridge_links(CONTEXT, links=[body(A), body(B)])
    setup.endpoint.unplug_bridge_link(CONTEXT, link_id=A, generation=2)
    setup.endpoint.unplug_bridge_links(CONTEXT, links=[{"link_id": B, "generation": 1}])
    assert setup.dirty() == {A, B}
    for link_id in (A, B):
        removal = setup.desired.removal(link_id)
        assert removal is not None and removal.ref.request_id == "req-1"


def test_a_stale_cast_is_counted_and_the_link_looked_at_all_the_same(setup: Setup) -> None:
    setup.endpoint.plug_bridge_link(CONTEXT, link=body(A, generation=5))
    setup.dirty()
    setup.endpoint.plug_bridge_link(CONTEXT, link=body(A, generation=5))
    assert setup.dirty() == {A}
    setup.endpoint.unplug_bridge_link(CONTEXT, link_id=A, generation=4)
    assert setup.dirty() == {A} and setup.counts("casts_stale") == 2
    assert setup.desired.link(A) is not None


BAD_LINKS: dict[str, Any] = {
    "nothing": None,
    "text": "link",
    "a list": [],
    "no fields": {},
    "another host's": body(host="h2"),
    "bad name": body(ends=[{"bridge": "br1", "device": "a b"}, {"bridge": "br2"}]),
    "bad id": body(id="x"),
    "bad generation": body(generation=-1),
    "huge generation": body(generation=1 << 70),
    "same bridge": body(ends=[{"bridge": "br1"}, {"bridge": "br1"}]),
    "newer major version": body(version="2.0"),
}


@pytest.mark.parametrize("bad", BAD_LINKS.values(), ids=BAD_LINKS)
def test_a_bad_plug_changes_nothing_and_is_counted(setup: Setup, bad: Any, caplog: pytest.LogCaptureFixture) -> None:
    setup.endpoint.plug_bridge_link(CONTEXT, link=bad)
    assert setup.desired.ids() == set() and setup.dirty() == set()
    assert setup.counts("casts_refused") == 1 and "A cast was refused" in caplog.text


@pytest.mark.parametrize("bad", BAD_LINKS.values(), ids=BAD_LINKS)
def test_a_bad_one_does_not_hold_up_the_others(setup: Setup, bad: Any) -> None:
    setup.endpoint.plug_bridge_links(CONTEXT, links=[body(B), bad, body(C)])
    assert setup.desired.ids() == setup.dirty() == {B, C} and setup.counts("casts_refused") == 1


def test_a_link_of_a_newer_controller_is_looked_at(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    ends = [{"bridge": "br1", "kind": "vpp"}, {"bridge": "br2"}]
    setup.endpoint.plug_bridge_links(CONTEXT, links=[body(B), body(A, ends=ends, version="1.999")])
    assert setup.desired.link(A) is None and setup.dirty() == {A, B}
    assert setup.counts("casts_refused") == 1 and f"{A}: ends.0.kind: input should be" in caplog.text
    found = setup.desired.unread(A)
    assert found is not None and found.generation == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"link_id": None, "generation": 1},
        {"link_id": "x", "generation": 1},
        {"link_id": A},
        {"link_id": A, "generation": "1"},
        {"link_id": A, "generation": -1},
        {"link_id": [A], "generation": 1},
        {"link_id": A, "generation": 1 << 70},
    ],
)
def test_a_bad_unplug_changes_nothing_and_is_counted(setup: Setup, bad: dict[str, Any]) -> None:
    setup.endpoint.plug_bridge_link(CONTEXT, link=body(A))
    setup.dirty()
    setup.endpoint.unplug_bridge_link(CONTEXT, **bad)
    setup.endpoint.unplug_bridge_links(CONTEXT, links=[bad])
    assert setup.desired.link(A) is not None and setup.dirty() == set() and setup.counts("casts_refused") == 2


@pytest.mark.parametrize("method", ["plug_bridge_links", "unplug_bridge_links"])
def test_many_bad_ones_are_told_of_in_one_line(setup: Setup, method: str, caplog: pytest.LogCaptureFixture) -> None:
    getattr(setup.endpoint, method)(CONTEXT, links=[{}, None, 7])
    assert setup.counts("casts_refused") == 3
    assert [record.message.endswith("; and 2 more in it") for record in caplog.records] == [True]


@pytest.mark.parametrize("bad", [{"a": 1}, [], 7, "a\nb", "x" * 256, "\ud800"])
def test_a_request_that_cannot_be_told_of_is_left_out(setup: Setup, bad: object) -> None:
    """An event of the link would be no event, and a round of the reconciler would fail for it."""
    setup.endpoint.plug_bridge_link(CONTEXT, link=body(A))
    setup.endpoint.unplug_bridge_link({"request_id": bad}, link_id=A, generation=2)
    removal = setup.desired.removal(A)
    assert removal is not None and removal.ref.request_id is None


@pytest.mark.parametrize("method", ["plug_bridge_links", "unplug_bridge_links"])
@pytest.mark.parametrize("bad", [None, {}, "ab", 7, {"links": []}])
def test_what_is_no_list_is_refused(setup: Setup, method: str, bad: object) -> None:
    getattr(setup.endpoint, method)(CONTEXT, links=bad)
    assert setup.counts("casts_refused") == 1 and setup.desired.ids() == set()


@pytest.mark.parametrize("bad", [None, "", "off", "ENFORCE", 7, [], {}, "x" * 1000])
def test_a_mode_that_nobody_knows_is_refused(setup: Setup, bad: object, caplog: pytest.LogCaptureFixture) -> None:
    setup.endpoint.set_mode(CONTEXT, mode=bad)
    assert setup.desired.mode is Mode.ENFORCE and setup.counts("casts_refused") == 1
    assert len(caplog.text) < 300
    assert not setup.inbox.left().all_dirty


def test_a_mode_that_changes_has_all_links_looked_at(setup: Setup) -> None:
    setup.endpoint.set_mode(CONTEXT, mode="enforce")
    assert not setup.inbox.left().all_dirty and not setup.switched
    setup.endpoint.set_mode(CONTEXT, mode="observe")
    assert setup.desired.mode is Mode.OBSERVE and setup.inbox.left().all_dirty
    assert len(setup.switched) == 1, "a report is to tell it at once"


def test_to_enforce_what_was_asked_for_long_ago_is_asked_again(setup: Setup) -> None:
    late = {**CONTEXT, "sent_at": time.time() - 11}
    setup.endpoint.set_mode(late, mode="paused")
    assert (setup.desired.mode, len(setup.switched)) == (Mode.PAUSED, 1)
    setup.endpoint.set_mode(late, mode="enforce")
    assert (setup.desired.mode, len(setup.switched)) == (Mode.PAUSED, 2)
    setup.endpoint.set_mode({**CONTEXT, "sent_at": time.time()}, mode="enforce")
    assert setup.desired.mode is Mode.ENFORCE


def test_a_sync_pulls_and_looks_at_all_links(setup: Setup) -> None:
    setup.endpoint.sync_bridge_links(CONTEXT)
    assert len(setup.pulls) == 1 and setup.inbox.left().all_dirty


def test_calls_are_answered_by_the_consumer(setup: Setup) -> None:
    assert setup.endpoint.describe_host(CONTEXT)["host"] == "h1"
    assert setup.endpoint.plan_bridge_links(CONTEXT, links=[body()])["links"] == []
    assert setup.planned == [[link(id=A)]] and setup.desired.ids() == set()


@pytest.mark.parametrize("bad", [None, "ab", [{}], [body(id="x")], [body(), None]])
def test_a_bad_call_is_answered_by_the_reason(setup: Setup, bad: object) -> None:
    with pytest.raises(oslo_messaging.rpc.ExpectedException) as caught:
        setup.endpoint.plan_bridge_links(CONTEXT, links=bad)
    assert isinstance(caught.value.exc_info[1], exceptions.InvalidMessage) and setup.planned == []


def test_only_these_can_be_called() -> None:
    policy = oslo_messaging.ExplicitRPCAccessPolicy()
    setup = Setup()
    allowed = {name for name in dir(setup.endpoint) if policy.is_allowed(setup.endpoint, name)}
    assert allowed == {
        "plug_bridge_link",
        "plug_bridge_links",
        "unplug_bridge_link",
        "unplug_bridge_links",
        "sync_bridge_links",
        "set_mode",
        "describe_host",
        "plan_bridge_links",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["plug_bridge_link", "plug_bridge_links", "unplug_bridge_links", "set_mode"]), json_values)
def test_no_cast_of_anything_raises_or_changes_anything(method: str, value: object) -> None:
    setup = Setup()
    argument = {"plug_bridge_link": "link", "set_mode": "mode"}.get(method, "links")
    getattr(setup.endpoint, method)(CONTEXT, **{argument: value})
    assert setup.desired.ids() == set() and setup.desired.mode is Mode.ENFORCE


def test_a_cast_that_was_long_under_way_is_counted(setup: Setup) -> None:
    now = time.time()
    for sent_at in (now, now - 5, now + 3600, "yesterday", None):
        setup.endpoint.plug_bridge_link({**CONTEXT, "sent_at": sent_at}, link=body())
    assert setup.counts("casts_late") == 0
    setup.endpoint.unplug_bridge_link({**CONTEXT, "sent_at": now - 11}, link_id=A, generation=2)
    setup.endpoint.sync_bridge_links({**CONTEXT, "sent_at": now - 11})
    assert setup.counts("casts_late") == 2
