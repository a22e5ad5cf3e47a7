import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import strategies
from vethagent import exceptions, model
from vethagent.rpc import wire

LINK_ID = "00000000-0000-0000-0000-000000000001"

events = st.builds(
    model.PortEvent,
    seq=strategies.generations,
    kind=st.sampled_from(model.EventKind),
    state=strategies.link_states(),
    took_ms=st.none() | st.floats(0, 1e9),
    observed_at=strategies.moments,
    request_id=st.none() | st.just("req-1"),
)
healths = st.builds(
    model.Health,
    ready=st.booleans(),
    reasons=st.lists(st.builds(model.HealthReason, part=strategies.texts, message=strategies.texts), max_size=2).map(
        tuple
    ),
)
descriptions = st.builds(
    model.HostDescription,
    host=strategies.hosts,
    bridges=st.lists(
        st.builds(
            model.Bridge,
            name=strategies.device_names,
            kind=st.sampled_from(model.BridgeKind),
            ports=st.lists(st.builds(model.BridgePort, device=strategies.device_names), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)

messages = {
    model.BridgeLink: strategies.links(),
    model.LinkRef: st.builds(model.LinkRef, link_id=strategies.link_ids, generation=strategies.generations),
    model.HostState: st.builds(
        model.HostState,
        host=strategies.hosts,
        links=st.lists(strategies.links(), max_size=2).map(tuple),
        mode=st.sampled_from(model.Mode),
    ),
    model.PortEvents: st.builds(
        model.PortEvents,
        host=strategies.hosts,
        stream=strategies.link_ids,
        events=st.lists(events, max_size=2).map(tuple),
    ),
    model.StateReport: st.builds(
        model.StateReport,
        host=strategies.hosts,
        agent_version=strategies.texts,
        started_at=strategies.moments,
        report_interval=st.floats(0.1, 1e6),
        mode=st.sampled_from(model.Mode),
        health=healths,
        desired_digest=strategies.digests,
        observed_digest=strategies.digests,
        links=st.dictionaries(st.sampled_from(model.Status), st.integers(0, 9)),
        counters=st.dictionaries(strategies.texts, st.integers(0, 9), max_size=2),
    ),
    model.ReportAnswer: st.builds(
        model.ReportAnswer,
        desired_digest=strategies.digests,
        observed_digest=strategies.digests,
        mode=st.sampled_from(model.Mode),
    ),
    model.HostDescription: descriptions,
    model.HostInventory: descriptions.map(model.inventory),
    model.HostPlan: st.builds(
        model.HostPlan,
        host=strategies.hosts,
        links=st.lists(
            st.builds(model.PlannedLink, link_id=strategies.link_ids, state=strategies.link_states()), max_size=2
        ).map(tuple),
    ),
}


def test_every_message_is_tried() -> None:
    assert set(messages) == set(_concrete(model.Message))


@pytest.mark.parametrize("kind", messages, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_round_trip(kind: type[model.Message], data: st.DataObject) -> None:
    message: model.Message = data.draw(messages[kind])
    travelled = json.loads(json.dumps(wire.dump(message)))
    assert wire.parse(kind, travelled) == message
    assert wire.dump_all([message, message]) == [wire.dump(message)] * 2


@pytest.mark.parametrize("kind", messages, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_newer_minor_version_is_understood_and_a_newer_major_is_not(
    kind: type[model.Message], data: st.DataObject
) -> None:
    message: model.Message = data.draw(messages[kind])
    newer = wire.dump(message) | {"version": "1.7", "colour": ["red"]}
    assert wire.parse(kind, newer) == message.model_copy(update={"version": "1.7"})
    with pytest.raises(exceptions.UnsupportedVersion, match=r"version: 2\.0"):
        wire.parse(kind, wire.dump(message) | {"version": "2.0"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", messages, ids=lambda kind: kind.__name__)
@given(body=json_values)
def test_anything_else_is_an_invalid_message(kind: type[model.Message], body: object) -> None:
    with pytest.raises(exceptions.InvalidMessage):
        wire.parse(kind, body)


@given(data=st.data(), link=strategies.links(), value=json_values)
def test_one_field_of_anything_is_taken_as_valid_or_named(
    data: st.DataObject, link: model.BridgeLink, value: object
) -> None:
    field = data.draw(st.sampled_from(sorted(wire.dump(link))))
    try:
        wire.parse(model.BridgeLink, wire.dump(link) | {field: value})
    except exceptions.InvalidMessage as error:
        assert field in str(error)


def test_one_of_a_list_makes_the_whole_invalid() -> None:
    good = {"link_id": LINK_ID, "generation": 1}
    assert [ref.generation for ref in wire.parse_all(model.LinkRef, [good, good])] == [1, 1]
    with pytest.raises(exceptions.InvalidMessage, match="LinkRef: generation: "):
        wire.parse_all(model.LinkRef, [good, good | {"generation": -1}])


@pytest.mark.parametrize("bodies", [None, {}, "ab", 7, {"links": []}])
def test_what_is_no_list_is_refused(bodies: object) -> None:
    with pytest.raises(exceptions.InvalidMessage, match="a list of LinkRef is needed"):
        wire.parse_all(model.LinkRef, bodies)


@pytest.mark.parametrize("at", [("links", 0), ("deleted", 0)])
def test_a_newer_major_version_inside_a_message_is_refused(at: tuple[str, int]) -> None:
    inner: dict[str, Any] = {"link_id": LINK_ID, "generation": 1, "version": "2.0"}
    if at[0] == "links":
        inner |= {"id": LINK_ID, "host": "h1", "ends": [{"bridge": "br1"}, {"bridge": "br2"}]}
    with pytest.raises(exceptions.InvalidMessage, match=rf"{at[0]}\.0\.version"):
        wire.parse(model.HostState, {"host": "h1", at[0]: [inner]})


def _concrete(kind: type[model.Message]) -> list[type[model.Message]]:
    return [found for child in kind.__subclasses__() for found in (child, *_concrete(child))]
