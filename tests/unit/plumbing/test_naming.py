import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import strategies
from vethagent import model
from vethagent.plumbing import naming


@given(strategies.link_ids, st.sampled_from([0, 1]))
def test_derived_names_are_good_names(link_id: str, end: int) -> None:
    name = naming.derived_device(link_id, end)
    assert model.check_device_name(name) == name
    assert len(name.encode()) <= 15 and name == naming.derived_device(link_id, end)


def test_names_and_addresses_of_many_links_do_not_collide() -> None:
    ids = [str(uuid.UUID(int=number)) for number in range(20_000)]
    assert len({naming.derived_device(link_id, end) for link_id in ids for end in (0, 1)}) == 2 * len(ids)
    assert len({naming.derived_mac(link_id, end) for link_id in ids for end in (0, 1)}) == 2 * len(ids)


def test_names_and_addresses_stay_what_they_are_across_versions() -> None:
    """A new version that derived others would cut every link that there is."""
    link_id = "00000000-0000-4000-8000-000000000001"
    assert [naming.derived_device(link_id, end) for end in (0, 1)] == ["vaz7ox6j3coqmfa", "vaz7ox6j3coqmfb"]
    assert [naming.derived_mac(link_id, end) for end in (0, 1)] == ["fe:3d:42:87:b0:4e", "fe:3d:42:87:b0:4f"]


@given(strategies.link_ids)
def test_derived_addresses_are_unicast_local_and_two(link_id: str) -> None:
    macs = [naming.derived_mac(link_id, end) for end in (0, 1)]
    assert macs[0] != macs[1] and macs == [naming.derived_mac(link_id, end) for end in (0, 1)]
    for mac in macs:
        first = int(mac[:2], 16)
        assert first & 1 == 0 and first & 2 == 2
        assert model.LinkEnd(bridge="br1", mac=mac).mac == mac


@given(strategies.links())
def test_what_is_given_is_used_exactly(link: model.BridgeLink) -> None:
    first, second = naming.wanted_ends(link)
    for end, wanted in zip(link.ends, (first, second), strict=True):
        assert (wanted.bridge, wanted.kind, wanted.tag) == (end.bridge, end.kind, end.tag)
        assert wanted.device == end.device or end.device is None
        assert wanted.mac == end.mac or end.mac is None
    assert (first.other, second.other) == (second.device, first.device)
    assert first.device != second.device


@given(strategies.link_ids)
def test_a_mark_names_its_link(link_id: str) -> None:
    assert naming.owner(naming.alias(link_id)) == link_id
    assert len(naming.alias(link_id)) < 256  # IFALIASZ


@given(strategies.link_ids, st.text(min_size=1, max_size=5))
def test_what_only_looks_like_a_mark_is_nobodys(link_id: str, more: str) -> None:
    mark = naming.alias(link_id)
    for alias in (mark + more, more + mark, f"vethagent{more}:{link_id}", f"vethagent:{more}{link_id}"):
        assert naming.owner(alias) is None


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.title,
        lambda mark: mark.replace("vethagent", "Vethagent"),
        lambda mark: mark.replace(":", ": "),
        lambda mark: mark.replace(":", ""),
        lambda mark: mark.replace("-", ""),
        lambda mark: mark.replace("-", "_"),
        lambda mark: mark[:-1],
        lambda mark: mark[:-1] + "g",
        lambda mark: mark[:-1] + "\u0661",
        lambda mark: mark + "\n",
        lambda mark: mark + "\0",
        lambda mark: " " + mark,
        lambda mark: mark.partition(":")[2],
        lambda mark: "vethagent:",
        lambda mark: "vethagent",
        lambda mark: "",
    ],
)
def test_these_are_nobodys_either(change: object) -> None:
    mark = naming.alias("abcdef00-0000-4000-8000-00000000000a")
    assert naming.owner(change(mark)) is None  # type: ignore[operator]


@given(st.text(max_size=60))
def test_any_text_is_a_mark_only_if_it_is_the_mark(text: str) -> None:
    owner = naming.owner(text)
    assert owner is None or naming.alias(owner) == text
