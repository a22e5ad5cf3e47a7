"""What is not a veth of the link is refused and stays as it is."""

import pytest

from tests.functional.privileged.kernel import LINK, MARK, OTHER, Kernel, create
from vethagent import exceptions
from vethagent.privileged.operations import AdoptPair, ChangeEnd, DeletePair

MARKS = ["", MARK + "xx", "vethagent:", f" {MARK}", f"{MARK} ", MARK.upper(), "xx" + MARK, f"vethagent:{OTHER}", LINK]


@pytest.mark.parametrize("mark", MARKS)
def test_a_pair_with_another_mark(kernel: Kernel, mark: str) -> None:
    index, _ = kernel.foreign("xx", "yy", marks=(mark, mark))
    delete, change = DeletePair(link_id=LINK, ifindex=index), ChangeEnd(link_id=LINK, ifindex=index, mtu=1400)
    assert kernel.refused(delete, change) == ["xx is not a veth of this link"] * 2


@pytest.mark.parametrize("mark", MARKS[1:])
def test_an_end_with_another_mark_though_its_peer_is_ours(kernel: Kernel, mark: str) -> None:
    index, _ = kernel.foreign("xx", "yy", marks=(mark, MARK))
    kernel.refused(ChangeEnd(link_id=LINK, ifindex=index, mtu=1400), DeletePair(link_id=LINK, ifindex=index))


@pytest.mark.parametrize(
    "make",
    [
        ("link", "add", "name", "xx", "type", "bridge"),
        ("link", "add", "link", "br1", "name", "xx", "type", "macvlan"),
        ("tuntap", "add", "name", "xx", "mode", "tap"),
    ],
    ids=["bridge", "macvlan", "tap"],
)
def test_another_kind_of_device_with_our_mark(kernel: Kernel, make: tuple[str, ...]) -> None:
    kernel.ip(*make)
    kernel.ip("link", "set", "xx", "alias", MARK)
    index = kernel.index("xx")
    kernel.refused(ChangeEnd(link_id=LINK, ifindex=index, mtu=1400), DeletePair(link_id=LINK, ifindex=index))


def test_many_deletions_leave_what_is_foreign(kernel: Kernel) -> None:
    foreign = [kernel.foreign(f"x{n}", f"y{n}", marks=(mark, mark))[0] for n, mark in enumerate(MARKS)]
    before = kernel.picture()
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(10)]
    ours = kernel.done(*(create(link_id, (f"a{n}", f"b{n}")) for n, link_id in enumerate(ids)))
    deletes = [DeletePair(link_id=link_id, ifindex=index) for link_id, index in zip(ids, ours, strict=True)]
    outcomes = kernel.apply(*deletes, *(DeletePair(link_id=LINK, ifindex=index) for index in foreign))
    assert [bool(outcome.error) for outcome in outcomes] == [False] * len(ids) + [True] * len(foreign)
    assert kernel.picture() == before


def test_loopback_and_an_unknown_device(kernel: Kernel) -> None:
    kernel.refused(DeletePair(link_id=LINK, ifindex=1), ChangeEnd(link_id=LINK, ifindex=1, up=False))
    assert kernel.refused(ChangeEnd(link_id=LINK, ifindex=999_999, up=True)) == ["ifindex 999999 is gone"]
    assert kernel.done(DeletePair(link_id=LINK, ifindex=999_999)) == [0]


def test_a_device_whose_peer_was_marked_by_chance(kernel: Kernel) -> None:
    """A veth is ours by its peer only if the two are really tied."""
    kernel.foreign("xx", "yy")
    kernel.foreign("vv", "ww", marks=("", MARK))
    kernel.refused(DeletePair(link_id=LINK, ifindex=kernel.index("xx")))
    kernel.done(DeletePair(link_id=LINK, ifindex=kernel.index("vv")))


def test_a_name_that_a_foreign_device_has(kernel: Kernel) -> None:
    first, _ = kernel.pair()
    kernel.foreign("xx", "yy")
    kernel.refused(ChangeEnd(link_id=LINK, ifindex=first, name="xx"))


@pytest.mark.parametrize("marks", [(f"vethagent:{OTHER}", ""), ("", "mine"), (MARK + "xx", MARK)])
def test_adoption_of_what_carries_another_mark(kernel: Kernel, marks: tuple[str, str]) -> None:
    indexes = kernel.foreign("xx", "yy", marks=marks)
    (error,) = kernel.refused(AdoptPair(link_id=LINK, ifindexes=indexes))
    assert error.endswith("carries another mark")


def test_adoption_of_what_is_not_one_pair(kernel: Kernel) -> None:
    first, second = kernel.foreign("xx", "yy"), kernel.foreign("vv", "ww")
    kernel.refused(
        AdoptPair(link_id=LINK, ifindexes=(first[0], second[0])),
        AdoptPair(link_id=LINK, ifindexes=(first[0], first[0])),
        AdoptPair(link_id=LINK, ifindexes=(first[0], kernel.index("br1"))),
        AdoptPair(link_id=LINK, ifindexes=(first[0], 999_999)),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("link_id", "xx"),
        ("link_id", LINK + "\n"),
        ("ifindex", 0),
        ("ifindex", -1),
        ("ifindex", "1"),
        ("name", ""),
        ("name", "aa" * 16),
        ("name", "a/b"),
        ("name", "a b"),
        ("name", ".."),
        ("name", "a%d"),
        ("mtu", 67),
        ("mtu", 65536),
        ("mac", "ff:ff:ff:ff:ff:ff"),
        ("mac", "00:00:00:00:00:00"),
        ("master", -1),
        ("up", "yes"),
        ("verb", "delete_everything"),
        ("alias", "mine"),
    ],
)
def test_a_field_that_is_not_acceptable_stops_the_whole_batch(kernel: Kernel, field: str, value: object) -> None:
    index, _ = kernel.pair()
    before = kernel.picture()
    good = {"verb": "change_end", "link_id": LINK, "ifindex": index, "mtu": 1400}
    with pytest.raises(exceptions.HelperRefused) as caught:
        kernel.apply_body([good, {**good, field: value}])
    assert field in str(caught.value)
    assert kernel.picture() == before
