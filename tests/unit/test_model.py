import random
import uuid
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import strategies
from vethagent import constants, model
from vethagent.model import Reason, Status


def body(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "host": "compute-195",
        "ends": [{"bridge": "br1", "device": "phy-br1"}, {"bridge": "br-eth1", "device": "eth1-br1", "tag": 100}],
        "mtu": 1500,
        "name": "seed",
        "adopt": False,
        "allow_loop": False,
        "admin_state_up": True,
        "confirm": True,
    }
    return values | fields


def ends(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    one, other = body()["ends"]
    return [one | (first or {}), other | (second or {})]


def refusal(kind: type[pydantic.BaseModel], value: object, **options: Any) -> tuple[str, str]:
    with pytest.raises(pydantic.ValidationError) as caught:
        kind.model_validate(value, **options)
    return model.explain(caught.value)


def test_the_documented_body_is_taken() -> None:
    link = model.BridgeLinkCreate.model_validate(body(), extra="forbid")
    assert [end.device for end in link.ends] == ["phy-br1", "eth1-br1"]
    assert link.ends[1].tag == 100


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x" * 16,
        "ä" * 8,
        "a/b",
        "a b",
        " a",
        "a\t",
        "a\n",
        ".",
        "..",
        "a:b",
        "veth%d",
        "-rf",
        "all",
        "default",
        "a\x00",
        "a\x7f",
        "a\u00a0",
        "😀",
    ],
)
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("field", ["device", "bridge"])
def test_bad_names_are_refused_and_the_field_is_named(bad: str, end: int, field: str) -> None:
    both = ends()
    both[end][field] = bad
    where, sentence = refusal(model.BridgeLinkCreate, body(ends=both))
    assert where == f"ends.{end}.{field}"
    assert sentence.startswith(f"{where}: ")


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("host", {"host": ""}),
        ("host", {"host": "a" * 256}),
        ("host", {"host": "a host"}),
        ("host", {"host": "-h"}),
        ("host", {"host": "h/../x"}),
        ("host", {"host": "h\n"}),
        ("host", {"host": None}),
        ("ends", {"ends": ends({"bridge": "br-eth1"})}),
        ("ends", {"ends": ends({"device": "eth1-br1"})}),
        ("ends", {"ends": ends({"device": "br-eth1"})}),
        ("ends.0", {"ends": ends({"device": "br1"})}),
        ("ends", {"ends": ends({"mac": "02:00:00:00:00:01"}, {"mac": "02:00:00:00:00:01"})}),
        ("ends", {"ends": []}),
        ("ends", {"ends": ends()[:1]}),
        ("ends", {"ends": ends() * 2}),
        ("ends", {"ends": "br1"}),
        ("ends", {"ends": None}),
        ("ends.0", {"ends": ["br1", "br2"]}),
        ("ends.0.kind", {"ends": ends({"kind": "vlan"})}),
        ("ends.0", {"ends": ends({"kind": "linux", "tag": 7})}),
        ("mtu", {"mtu": -1}),
        ("mtu", {"mtu": 0}),
        ("mtu", {"mtu": 67}),
        ("mtu", {"mtu": 65536}),
        ("mtu", {"mtu": 10**30}),
        ("mtu", {"mtu": 1500.5}),
        ("mtu", {"mtu": "1500"}),
        ("mtu", {"mtu": True}),
        ("ends.1.tag", {"ends": ends(None, {"tag": 0})}),
        ("ends.1.tag", {"ends": ends(None, {"tag": -1})}),
        ("ends.1.tag", {"ends": ends(None, {"tag": 4095})}),
        ("ends.1.tag", {"ends": ends(None, {"tag": "100"})}),
        ("ends.1.tag", {"ends": ends(None, {"tag": True})}),
        ("ends.0.mac", {"ends": ends({"mac": "01:00:5e:00:00:01"})}),
        ("ends.0.mac", {"ends": ends({"mac": "ff:ff:ff:ff:ff:ff"})}),
        ("ends.0.mac", {"ends": ends({"mac": "00:00:00:00:00:00"})}),
        ("ends.0.mac", {"ends": ends({"mac": "02:00:00:00:00"})}),
        ("ends.0.mac", {"ends": ends({"mac": "02-00-00-00-00-01"})}),
        ("ends.0.mac", {"ends": ends({"mac": "02:00:00:00:00:0A"})}),
        ("ends.0.mac", {"ends": ends({"mac": "02:00:00:00:00:01\n"})}),
        ("name", {"name": ""}),
        ("name", {"name": "x" * 256}),
        ("name", {"name": " seed"}),
        ("name", {"name": "se\ned"}),
        ("name", {"name": 7}),
        ("adopt", {"adopt": "yes"}),
        ("adopt", {"adopt": 1}),
        ("allow_loop", {"allow_loop": "true"}),
        ("admin_state_up", {"admin_state_up": None}),
        ("mtuu", {"mtuu": 1500}),
        ("ends.0.vlan", {"ends": ends({"vlan": 7})}),
    ],
)
def test_bad_bodies_are_refused_and_the_field_is_named(field: str, changed: dict[str, Any]) -> None:
    where, sentence = refusal(model.BridgeLinkCreate, body(**changed), extra="forbid")
    assert where == field or (field == "ends" and where.startswith("ends"))
    assert sentence.startswith(f"{where}: ") and sentence[len(where) + 2 :].strip()


@pytest.mark.parametrize("value", [None, [], "{}", 7])
def test_a_body_that_is_no_object_is_refused_as_a_whole(value: object) -> None:
    where, sentence = refusal(model.BridgeLinkCreate, value)
    assert where == "" and sentence


@pytest.mark.parametrize("field", ["host", "ends"])
def test_what_must_be_there_is_named(field: str) -> None:
    value = body()
    del value[field]
    assert refusal(model.BridgeLinkCreate, value)[0] == field


@given(st.text(max_size=20))
def test_a_name_is_taken_only_if_kernel_and_shell_take_it(name: str) -> None:
    try:
        assert model.check_device_name(name) == name
    except ValueError:
        return
    assert 0 < len(name.encode()) <= constants.MAX_DEVICE_NAME
    assert name.isascii() and name.isprintable() and not set(name) & set(" /:%") and name[0] != "-"


@given(strategies.device_names)
def test_good_names_are_taken(name: str) -> None:
    assert model.check_device_name(name) == name


@pytest.mark.parametrize("name", ["a" * 15, "br-int", "eth0.100", "_", "veth@x", "...", "~"])
def test_unusual_names_that_the_kernel_takes_are_taken(name: str) -> None:
    assert model.check_device_name(name) == name


# -- update --------------------------------------------------------------------------------------------------------


def test_an_update_tells_absent_from_null() -> None:
    update = model.BridgeLinkUpdate.model_validate({"name": None, "mtu": None})
    assert update.model_fields_set == {"name", "mtu"}
    assert model.BridgeLinkUpdate.model_validate({}).model_fields_set == set()


@pytest.mark.parametrize("field", ["ends", "adopt", "allow_loop", "admin_state_up", "confirm"])
def test_what_cannot_be_nothing_cannot_be_set_to_null(field: str) -> None:
    assert field in refusal(model.BridgeLinkUpdate, {field: None})[1]


@pytest.mark.parametrize("field", ["id", "host", "generation", "status", "mtuu"])
def test_an_update_refuses_what_it_does_not_know(field: str) -> None:
    assert refusal(model.BridgeLinkUpdate, {field: "h2"}, extra="forbid")[0] == field


# -- versions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.9999", "0.9"])
def test_a_newer_minor_version_and_its_new_fields_are_taken(version: str) -> None:
    ref = {"link_id": "00000000-0000-0000-0000-000000000001", "generation": 1, "version": version, "colour": "red"}
    parsed = model.LinkRef.model_validate(ref)
    assert parsed.version == version and not hasattr(parsed, "colour")


@pytest.mark.parametrize("version", ["2.0", "10.0", "9999.9999", "1", "", "1.x", "v1.0", "1.0.0", "-1.0", None, 1.0])
def test_a_newer_major_version_and_nonsense_are_refused(version: object) -> None:
    ref = {"link_id": "00000000-0000-0000-0000-000000000001", "generation": 1, "version": version}
    assert refusal(model.LinkRef, ref)[0] == "version"


def test_words_of_a_newer_minor_version_are_kept() -> None:
    end = {"bridge": "br1", "kind": "vpp", "device": "a"}
    state = {"link_id": "00000000-0000-0000-0000-000000000001", "generation": 1, "ends": [end]}
    state |= {"status": "DEGRADED", "reason": "LINK_FLAPS"}
    event = {"seq": 1, "kind": "merged", "state": state, "observed_at": "2026-01-01T00:00:00Z"}
    said = model.PortEvent.model_validate(event).model_dump(mode="json", exclude_unset=True)
    assert said == event
    assert type(model.PortEvent.model_validate(event | {"kind": "failed"}).kind) is model.EventKind


@pytest.mark.parametrize(
    ("field", "word"), [("status", ""), ("status", "X" * 17), ("status", "active"), ("reason", "A B"), ("reason", 1)]
)
def test_what_can_be_no_word_of_any_version_is_refused(field: str, word: object) -> None:
    state = {"link_id": "00000000-0000-0000-0000-000000000001", "generation": 1, "status": "ACTIVE"}
    assert refusal(model.LinkState, state | {field: word})[0].startswith(field)


# -- what only agents and controllers say --------------------------------------------------------------------------


@pytest.mark.parametrize("generation", [-1, 1.0, "1", True, None, 1 << 63])
def test_a_generation_is_a_count_that_a_database_takes(generation: object) -> None:
    ref = {"link_id": "00000000-0000-0000-0000-000000000001", "generation": generation}
    assert refusal(model.LinkRef, ref)[0] == "generation"


@pytest.mark.parametrize(
    "link_id",
    [
        "",
        "x",
        "00000000-0000-0000-0000-00000000000",
        "00000000-0000-0000-0000-00000000000A",
        "00000000000000000000000000000001",
        "00000000-0000-0000-0000-000000000001\n",
        None,
        1,
    ],
)
def test_a_link_id_is_a_lower_case_uuid(link_id: object) -> None:
    assert refusal(model.LinkRef, {"link_id": link_id, "generation": 1})[0] == "link_id"


def test_moments_need_a_time_zone_and_are_kept_in_utc() -> None:
    event = {"seq": 1, "kind": "changed", "observed_at": "2026-01-02T03:04:05+02:00"}
    event["state"] = {"link_id": "00000000-0000-0000-0000-000000000001", "generation": 1, "status": "ACTIVE"}
    assert model.PortEvent.model_validate(event).observed_at.isoformat() == "2026-01-02T01:04:05+00:00"
    assert refusal(model.PortEvent, event | {"observed_at": "2026-01-02T03:04:05"})[0] == "observed_at"


@given(strategies.links())
def test_a_model_cannot_be_changed(link: model.BridgeLink) -> None:
    with pytest.raises(pydantic.ValidationError):
        link.generation = 7  # type: ignore[misc]


# -- digests -------------------------------------------------------------------------------------------------------

items = st.lists(st.tuples(strategies.link_ids, strategies.generations), max_size=8)


@given(items, st.randoms())
def test_a_digest_is_free_of_order(wanted: list[tuple[str, int]], dice: random.Random) -> None:
    shuffled = list(wanted)
    dice.shuffle(shuffled)
    assert model.desired_digest(wanted) == model.desired_digest(iter(shuffled))


@given(items, st.tuples(strategies.link_ids, strategies.generations))
def test_one_more_or_one_less_changes_a_digest(wanted: list[tuple[str, int]], more: tuple[str, int]) -> None:
    before = model.desired_digest(wanted)
    assert model.desired_digest([*wanted, more]) != before
    assert model.desired_digest([*wanted, more, more]) not in (before, model.desired_digest([*wanted, more]))


@given(items.filter(bool))
def test_another_generation_changes_a_digest(wanted: list[tuple[str, int]]) -> None:
    link_id, generation = wanted[0]
    assert model.desired_digest([(link_id, generation + 1), *wanted[1:]]) != model.desired_digest(wanted)


@given(items)
def test_digests_add_up(wanted: list[tuple[str, int]]) -> None:
    whole = int(model.desired_digest(wanted), 16)
    assert whole == sum(int(model.desired_digest([item]), 16) for item in wanted) % (1 << 128)
    assert len(model.desired_digest(wanted)) == 32


def test_a_digest_keeps_the_fields_of_an_item_apart() -> None:
    assert model.digest([("a", "bc")]) != model.digest([("ab", "c")])


@given(strategies.link_states())
def test_an_observed_digest_tells_status_and_reason_apart(state: model.LinkState) -> None:
    def digest(status: Status, reason: Reason) -> str:
        return model.observed_digest([(state.link_id, state.generation, status, reason)])

    all_digests = {digest(status, reason) for status in Status for reason in Reason}
    assert len(all_digests) == len(Status) * len(Reason)


def test_a_digest_stays_what_it_is_across_versions() -> None:
    """Both sides of the bus compute it, perhaps in different versions."""
    assert model.digest([]) == "0" * 32
    one = [("00000000-0000-0000-0000-000000000001", 1)]
    assert model.desired_digest(one) == "051812735600b7905f6745332fb5a963"


def test_one_link_of_a_newer_version_hides_no_other() -> None:
    good = model.BridgeLink.model_validate(body() | {"id": str(uuid.UUID(int=1)), "generation": 3})
    ends = [{"bridge": "br1", "kind": "vpp"}, {"bridge": "br2"}]
    strange = good.model_dump(mode="json") | {"id": str(uuid.UUID(int=2)), "ends": ends, "version": "1.999"}
    sent = {"host": "h1", "version": "1.999", "links": [strange, good.model_dump(mode="json")], "mode": "shadow"}
    state = model.HostState.model_validate(sent)
    assert (state.links, state.mode) == ((good,), "shadow")
    (unread,) = state.unread
    assert (unread.id, unread.generation) == (strange["id"], 3) and unread.why.startswith("ends.0.kind: ")
    assert "unread" not in state.model_dump(mode="json")
    with pytest.raises(pydantic.ValidationError):
        model.HostState.model_validate(sent | {"links": [strange | {"version": model.MODEL_VERSION}]})
