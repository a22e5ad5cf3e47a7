import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import strategies
from vethagent import exceptions
from vethagent.plumbing import naming
from vethagent.privileged import operations

LINK_ID = "00000000-0000-4000-8000-000000000001"

ifindexes = st.integers(1, (1 << 31) - 1)
new_ends = st.builds(
    operations.NewEnd,
    name=strategies.device_names,
    mac=strategies.macs(),
    mtu=strategies.mtus,
    master=st.none() | ifindexes,
    up=st.booleans(),
    tx_checksum=st.booleans(),
)
any_operation = st.one_of(
    st.builds(operations.CreatePair, link_id=strategies.link_ids, ends=st.tuples(new_ends, new_ends)),
    st.builds(
        operations.ChangeEnd,
        link_id=strategies.link_ids,
        ifindex=ifindexes,
        name=st.none() | strategies.device_names,
        mac=st.none() | strategies.macs(),
        mtu=st.none() | strategies.mtus,
        master=st.none() | st.just(0) | ifindexes,
        up=st.none() | st.booleans(),
        tx_checksum=st.none() | st.booleans(),
        gro=st.none() | st.booleans(),
        bridge_follows=st.none() | st.booleans(),
    ),
    st.builds(operations.AdoptPair, link_id=strategies.link_ids, ifindexes=st.tuples(ifindexes, ifindexes)),
    st.builds(operations.DeletePair, link_id=strategies.link_ids, ifindex=ifindexes),
)


def create(**fields: Any) -> dict[str, Any]:
    end = {"name": "a", "mac": "02:00:00:00:00:01", "mtu": 1500}
    body = {"verb": "create_pair", "link_id": LINK_ID, "ends": [end | fields, end | {"name": "b"}]}
    return body


def change(**fields: Any) -> dict[str, Any]:
    return {"verb": "change_end", "link_id": LINK_ID, "ifindex": 7} | fields


def as_tuples(value: Any) -> Any:
    """Lists arrive in the helper as tuples."""
    if isinstance(value, list):
        return tuple(map(as_tuples, value))
    return {key: as_tuples(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@given(st.lists(any_operation, max_size=4))
def test_round_trip(batch: list[operations.Operation]) -> None:
    body = json.loads(json.dumps(operations.dump(batch)))
    assert operations.parse(body) == batch
    assert operations.parse(as_tuples(body)) == batch


@given(strategies.link_ids)
def test_the_mark_is_the_one_that_plumbing_looks_for(link_id: str) -> None:
    assert operations.DeletePair(link_id=link_id, ifindex=1).alias == naming.alias(link_id)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("ends.0.name", create(name="")),
        ("ends.0.name", create(name="x" * 16)),
        ("ends.0.name", create(name="a/b")),
        ("ends.0.name", create(name="a b")),
        ("ends.0.name", create(name="..")),
        ("ends.0.name", create(name="a\n")),
        ("ends.0.name", create(name=None)),
        ("ends.0.mac", create(mac="01:00:00:00:00:01")),
        ("ends.0.mac", create(mac="")),
        ("ends.0.mtu", create(mtu=67)),
        ("ends.0.mtu", create(mtu=65536)),
        ("ends.0.mtu", create(mtu="1500")),
        ("ends.0.master", create(master=0)),
        ("ends.0.master", create(master=-1)),
        ("ends.0.master", create(master=1 << 31)),
        ("ends.0.master", create(master=True)),
        ("ends.0.up", create(up="yes")),
        ("ends.0.tx_checksum", create(tx_checksum=1)),
        ("ends.0.extra", create(extra=1)),
        ("ends", create() | {"ends": []}),
        ("extra", create() | {"extra": 1}),
        ("link_id", create() | {"link_id": "x"}),
        ("link_id", create() | {"link_id": LINK_ID + "\n"}),
        ("link_id", {key: value for key, value in change().items() if key != "link_id"}),
        ("ifindex", change(ifindex=0)),
        ("ifindex", change(ifindex=-1)),
        ("ifindex", change(ifindex=1 << 31)),
        ("ifindex", change(ifindex="7")),
        ("ifindex", change(ifindex=True)),
        ("ifindex", change(ifindex=None)),
        ("name", change(name="a:b")),
        ("mac", change(mac="00:00:00:00:00:00")),
        ("mtu", change(mtu=0)),
        ("master", change(master=-1)),
        ("up", change(up=1)),
        ("alias", change(alias="vethagent:x")),
        ("ifindexes", {"verb": "adopt_pair", "link_id": LINK_ID, "ifindexes": [1]}),
        ("ifindexes.1", {"verb": "adopt_pair", "link_id": LINK_ID, "ifindexes": [1, 0]}),
        ("ifindex", {"verb": "delete_pair", "link_id": LINK_ID}),
        ("group", {"verb": "delete_pair", "link_id": LINK_ID, "ifindex": 1, "group": 0}),
    ],
)
def test_a_bad_field_is_refused_and_named(field: str, bad: dict[str, Any]) -> None:
    good = change()
    with pytest.raises(exceptions.HelperRefused, match=field.replace(".", r"\.")) as caught:
        operations.parse([good, bad])
    assert str(caught.value).startswith("1.")


@pytest.mark.parametrize(
    "bad",
    [
        {"verb": "run_command", "link_id": LINK_ID},
        {"link_id": LINK_ID, "ifindex": 1},
        {},
        "delete_pair",
        None,
        [[]],
    ],
)
def test_an_unknown_verb_is_refused(bad: object) -> None:
    with pytest.raises(exceptions.HelperRefused):
        operations.parse([bad])


@pytest.mark.parametrize("bad", [None, {}, "[]", 7, {"0": change()}])
def test_what_is_no_list_is_refused(bad: object) -> None:
    with pytest.raises(exceptions.HelperRefused):
        operations.parse(bad)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
)
def test_anything_is_refused_by_one_error(body: object) -> None:
    try:
        assert operations.parse(body) == []
    except exceptions.HelperRefused as error:
        assert len(error.args) == 1 and str(error)


@given(st.lists(any_operation, min_size=1, max_size=3), st.data())
def test_one_field_that_nobody_knows_is_refused(batch: list[operations.Operation], data: st.DataObject) -> None:
    body = operations.dump(batch)
    data.draw(st.sampled_from(body))["command"] = "rm"
    with pytest.raises(exceptions.HelperRefused, match="command"):
        operations.parse(body)
