"""A bridge keeps its address and MTU, whatever is put into it; by itself it takes both from its ports."""

import struct

import pytest

from tests.functional.privileged.kernel import LINK, Kernel, create
from vethagent import faults
from vethagent.privileged import ifinfo, rtnl
from vethagent.privileged.operations import ChangeEnd, DeletePair

SIZES = [68, 1000, 1500, 9000, 65535]


def _own(kernel: Kernel, name: str) -> tuple[str, int]:
    device = kernel.device(name)
    return device["address"], device["mtu"]


@pytest.mark.parametrize("mtu", SIZES)
@pytest.mark.parametrize("bridge_mtu", [None, 1400, 9000])
@pytest.mark.parametrize("ports", [0, 1])
def test_on_plug(kernel: Kernel, ports: int, bridge_mtu: int | None, mtu: int) -> None:
    index = kernel.bridge("br2", mtu=bridge_mtu)
    if ports:
        kernel.foreign("xx", "yy")
        kernel.ip("link", "set", "xx", "master", "br2", "up")
    before = _own(kernel, "br2")
    kernel.done(create(master=index, mtu=mtu))
    assert _own(kernel, "br2") == before
    kernel.done(DeletePair(link_id=LINK, ifindex=kernel.index("aa")))
    assert _own(kernel, "br2") == before


def test_on_the_end_of_the_last_ports(kernel: Kernel) -> None:
    """Of both bridges of a pair, and of several in one message: a bridge without ports has 1500 by itself."""
    indexes = [kernel.bridge(name, mtu=9000) for name in ("br2", "br3")]
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(2)]
    for number, link_id in enumerate(ids):
        made = create(link_id, (f"a{number}", f"b{number}"), mtu=9000)
        first, second = (
            end.model_copy(update={"master": index}) for end, index in zip(made.ends, indexes, strict=True)
        )
        kernel.done(made.model_copy(update={"ends": (first, second)}))
    before = _own(kernel, "br2"), _own(kernel, "br3")
    kernel.done(*(DeletePair(link_id=each, ifindex=kernel.index(f"b{n}")) for n, each in enumerate(ids)))
    assert (_own(kernel, "br2"), _own(kernel, "br3")) == before


@pytest.mark.parametrize("mtu", SIZES)
def test_on_change(kernel: Kernel, mtu: int) -> None:
    index, _ = kernel.pair()
    before = _own(kernel, "br1")
    kernel.done(ChangeEnd(link_id=LINK, ifindex=index, mtu=mtu, mac="00:00:00:00:00:01"))
    assert _own(kernel, "br1")[1] == before[1]


def test_a_lower_address_than_all_others(kernel: Kernel) -> None:
    before = _own(kernel, "br1")
    low = create(master=kernel.index("br1")).ends[0].model_copy(update={"mac": "00:00:00:00:00:01"})
    made = create(master=kernel.index("br1"))
    kernel.done(made.model_copy(update={"ends": (low, made.ends[1])}))
    assert kernel.device("aa")["address"] == "00:00:00:00:00:01"
    assert _own(kernel, "br1") == before


def _following(kernel: Kernel) -> int:
    """Make br2, which takes the address of its ports, and has that of one that is not ours; return its ifindex."""
    index = kernel.bridge("br2")
    kernel.foreign("xx", "yy")
    kernel.ip("link", "set", "xx", "master", "br2", "address", "0e:00:00:00:00:01")
    return index


def test_a_lower_address_than_all_others_by_a_change(kernel: Kernel) -> None:
    """Of a bridge that takes that of its ports, as it has one already that is not ours."""
    kernel.done(create(master=_following(kernel)))
    before = _own(kernel, "br2")
    assert before[0] == "0e:00:00:00:00:01"
    kernel.done(ChangeEnd(link_id=LINK, ifindex=kernel.index("aa"), mac="00:00:00:00:00:01"))
    assert kernel.device("aa")["address"] == "00:00:00:00:00:01"
    assert _own(kernel, "br2") == before


def test_a_bridge_that_took_the_address_of_our_device_has_its_own_again(kernel: Kernel) -> None:
    """Somebody has given our device a lower one than all others have."""
    made = create(master=_following(kernel))
    kernel.done(made)
    kernel.ip("link", "set", "aa", "address", "00:00:00:00:00:01")
    assert _own(kernel, "br2")[0] == "00:00:00:00:00:01"
    kernel.done(ChangeEnd(link_id=LINK, ifindex=kernel.index("aa"), mac=made.ends[0].mac))
    assert _own(kernel, "br2")[0] == "0e:00:00:00:00:01"
    kernel.ip("link", "set", "xx", "address", "0e:00:00:00:00:02")
    assert _own(kernel, "br2")[0] == "0e:00:00:00:00:02", "it still takes that of its ports"


def test_the_address_stays_at_every_moment(kernel: Kernel) -> None:
    index = kernel.bridge("br2")
    before = _own(kernel, "br2")[0]
    with kernel.listening() as told:
        kernel.done(create(master=index))
    of_bridge = {message.device.mac for message in told if message.device and message.device.ifindex == index}
    assert of_bridge == {before}


@pytest.mark.parametrize("mtu", SIZES)
def test_on_a_move_to_another_bridge(kernel: Kernel, mtu: int) -> None:
    first, other = kernel.bridge("br2", mtu=mtu), kernel.bridge("br3", mtu=9000)
    kernel.done(create(master=first, mtu=mtu))
    before = _own(kernel, "br2"), _own(kernel, "br3")
    kernel.done(ChangeEnd(link_id=LINK, ifindex=kernel.index("aa"), master=other))
    assert (_own(kernel, "br2"), _own(kernel, "br3")) == before


def test_a_bridge_that_followed_our_device_follows_it_back(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    kernel.ip("link", "set", "aa", "mtu", "1000")
    assert _own(kernel, "br1")[1] == 1000
    kernel.done(ChangeEnd(link_id=LINK, ifindex=index, mtu=1500, bridge_follows=True))
    assert _own(kernel, "br1")[1] == 1500


def test_a_bridge_that_followed_our_device_is_left_by_it(kernel: Kernel) -> None:
    """Somebody gave it another MTU and put it there."""
    index, _ = kernel.pair()
    kernel.foreign("xx", "yy")
    kernel.bridge("br2")
    kernel.ip("link", "set", "xx", "master", "br2", "up")
    kernel.ip("link", "set", "aa", "master", "br2")
    kernel.ip("link", "set", "aa", "mtu", "1000")
    assert _own(kernel, "br2")[1] == 1000
    kernel.done(ChangeEnd(link_id=LINK, ifindex=index, mtu=1500, master=kernel.index("br1")))
    assert (_own(kernel, "br1")[1], _own(kernel, "br2")[1]) == (1500, 1500)


@pytest.mark.parametrize("point", ["helper-looked", "helper-sent", "helper-created"])
@pytest.mark.parametrize("ports", [0, 1])
def test_what_somebody_sets_meanwhile_stays(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, ports: int, point: str
) -> None:
    """A link waits for its bridge, and who makes that sets its MTU and address with the next commands."""
    index = kernel.bridge("br2")
    if ports:
        kernel.foreign("xx", "yy")
        kernel.ip("link", "set", "xx", "master", "br2", "mtu", "9000")

    def set_meanwhile(name: str) -> None:
        if name == point:
            kernel.ip("link", "set", "br2", "mtu", "9000", "address", "0e:00:00:00:00:09")

    monkeypatch.setattr(faults, "point", set_meanwhile)
    kernel.done(create(master=index))
    assert _own(kernel, "br2") == ("0e:00:00:00:00:09", 9000)


@pytest.mark.parametrize("point", ["helper-looked", "helper-sent"])
def test_so_does_what_our_device_in_it_has_too(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Jumbo frames on a bridge that has just been made, and on the link that waited for it."""
    index = kernel.bridge("br2")

    def set_meanwhile(name: str) -> None:
        if name == point:
            kernel.ip("link", "set", "br2", "mtu", "9000")

    monkeypatch.setattr(faults, "point", set_meanwhile)
    kernel.done(create(master=index, mtu=9000))
    assert _own(kernel, "br2")[1] == 9000


def test_so_does_what_our_device_in_another_one_has(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    index = kernel.bridge("br2")
    kernel.foreign("xx", "yy")
    kernel.ip("link", "set", "xx", "master", "br2")

    def set_meanwhile(name: str) -> None:
        if name == "helper-looked":
            kernel.ip("link", "set", "br2", "mtu", "9000")

    monkeypatch.setattr(faults, "point", set_meanwhile)
    kernel.done(create(master=index), create(names=("cc", "dd"), master=kernel.index("br1"), mtu=9000))
    assert _own(kernel, "br2")[1] == 9000


def test_many_pairs_in_one_bridge(kernel: Kernel) -> None:
    before = _own(kernel, "br1")
    master = kernel.index("br1")
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(20)]
    kernel.done(*(create(i, (f"a{n}", f"b{n}"), master=master, mtu=1000 + n) for n, i in enumerate(ids)))
    assert _own(kernel, "br1") == before


def test_a_bridge_that_lost_its_last_port_has_no_address_to_keep(kernel: Kernel) -> None:
    index = kernel.bridge("br2")
    kernel.foreign("xx", "yy")
    kernel.ip("link", "set", "xx", "master", "br2", "up")
    kernel.ip("link", "delete", "xx")
    address, mtu = _own(kernel, "br2")
    assert address == "00:00:00:00:00:00"
    kernel.done(create(master=index, mtu=1400))
    assert _own(kernel, "br2") == (kernel.device("aa")["address"], mtu)


@pytest.mark.parametrize("smaller", range(1, 5))
def test_no_send_ends_between_a_change_and_what_keeps_the_bridge(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, smaller: int
) -> None:
    """The helper may die there, and for the next one what the bridge has taken from its port is its own."""
    index, _ = kernel.pair()
    bridge = kernel.index("br1")
    exchange, first = rtnl.RouteSocket._exchange, set()

    def look(route: rtnl.RouteSocket, chunk: list[bytes], *wanted: object) -> object:
        if struct.unpack_from("=H", chunk[0], 4)[0] == ifinfo.RTM_SETLINK:
            first.add(struct.unpack_from("=i", chunk[0], 20)[0])
        return exchange(route, chunk, *wanted)  # type: ignore[arg-type]

    before = _own(kernel, "br1")
    marks = [ChangeEnd(link_id=LINK, ifindex=index)] * smaller
    with monkeypatch.context() as patch:
        patch.setattr(rtnl.RouteSocket, "_exchange", look)
        kernel.done(*marks, *[ChangeEnd(link_id=LINK, ifindex=index, mtu=1400)] * 600)
    assert index in first and _own(kernel, "br1") == before
    assert bridge not in first
