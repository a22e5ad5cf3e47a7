"""What is not a veth of the link is refused and stays as it is."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.functional.privileged.kernel import LINK, MARK, OTHER, Kernel, create
from tests.support import lasting
from vethagent import exceptions
from vethagent.privileged.operations import AdoptPair, ChangeEnd, DeletePair

MARKS = ["", MARK + "xx", "vethagent:", f" {MARK}", f"{MARK} ", MARK.upper(), "xx" + MARK, f"vethagent:{OTHER}", LINK]


#: Parts of the names of what a bridge and its ports change by themselves, and what says that others listen.
_RESTLESS = (
    "timer",
    "topology",
    "designated",
    "pending",
    "message_age",
    "state",
    "root",
    "flags",
    "promisc",
    "allmulti",
)
NAMES = st.sampled_from(["aa", "bb", "cc", "dd", "f0", "g0", "tap", "alt", "br1", "lo", "ee"])
#: Which of the devices that there are; of so many that there may also be none.
PLACES = st.integers(0, 30)
MTUS = st.sampled_from([1400, 1500, 9000])
MASTERS = st.sampled_from(["br1", "br1", "br1", "br2", "tap"])

#: The same batches each time; with VETHAGENT_FUZZ as many others as it says.
_SETTINGS = settings(
    max_examples=int(os.environ.get("VETHAGENT_FUZZ", "40")),
    derandomize="VETHAGENT_FUZZ" not in os.environ,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


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


@st.composite
def _operations(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an operation as it comes to the helper, with places and names of devices where their ifindexes are to be."""
    verb = draw(st.sampled_from(["delete_pair", "change_end", "adopt_pair", "create_pair"]))
    made: dict[str, Any] = {"verb": verb, "link_id": draw(st.sampled_from([LINK, OTHER]))}
    if verb == "adopt_pair":
        place = draw(PLACES)
        return {
            **made,
            "ifindexes": [place, place + draw(st.sampled_from([-1, 1, 2]))],
        }  # -1 and 1: the ends of one pair
    if verb == "create_pair":
        macs = f"fe:00:00:00:01:{draw(PLACES):02x}", f"fe:00:00:00:02:{draw(PLACES):02x}"
        return {
            **made,
            "ends": [{"name": draw(NAMES), "mac": mac, "mtu": draw(MTUS), "master": draw(MASTERS)} for mac in macs],
        }
    made["ifindex"] = draw(PLACES)
    if verb == "change_end":
        given_too = {"name": NAMES, "mtu": MTUS, "up": st.booleans(), "master": MASTERS}
        made |= {name: draw(value) for name, value in given_too.items() if draw(st.booleans())}
    return made


def test_whatever_a_batch_says_what_is_foreign_stays(kernel: Kernel) -> None:
    """A name may be taken, an ifindex be anybody's, in any order; pairs of ours come, change and go meanwhile."""
    for number, mark in enumerate(MARKS[1:-2]):
        kernel.foreign(f"f{number}", f"g{number}", marks=(mark, "mine" if number % 2 else ""))
    kernel.batch("link set f0 master br1 up", "link set g0 up", "link property add dev f0 altname alt")
    kernel.batch("link add link g1 name upper type macvlan", "link add name br2 mtu 1400 type bridge")
    kernel.ip("tuntap", "add", "name", "tap", "mode", "tap")
    kernel.batch(
        "link set tap master br2 group 7", *(f"link set {name} alias {MARK}" for name in ("tap", "upper", "br2"))
    )
    before = _shown(kernel)

    @_SETTINGS
    @given(st.lists(_operations(), min_size=20, max_size=30))
    def look(drawn: list[dict[str, Any]]) -> None:
        _check(kernel, before, drawn)

    look()


def _check(kernel: Kernel, before: dict[str, Any], drawn: list[dict[str, Any]]) -> None:
    names = {device["ifname"]: device["ifindex"] for device in kernel.devices().values()}
    indexes = dict(enumerate(sorted(names.values())))
    for operation in drawn:
        if "ifindex" in operation:
            operation["ifindex"] = indexes.get(operation["ifindex"], 999_999)
        if "ifindexes" in operation:
            operation["ifindexes"] = [indexes.get(place, 999_999) for place in operation["ifindexes"]]
        for part in (operation, *operation.get("ends", ())):
            if "master" in part:
                part["master"] = names[part["master"]]
    outcomes = kernel.apply_body(drawn)
    now = _shown(kernel)
    assert {name: now.get(name) for name in before} == before, (drawn, outcomes)
    assert {device["ifalias"] for name, device in now.items() if name not in before} <= {MARK, f"vethagent:{OTHER}"}


def _shown(kernel: Kernel) -> dict[str, Any]:
    return {name: lasting.without(device, _RESTLESS) for name, device in kernel.devices().items()}
