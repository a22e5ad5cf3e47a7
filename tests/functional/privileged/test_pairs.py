"""Pairs of ours come, change, and go."""

import socket

import pytest

from tests.functional.privileged.kernel import LINK, MARK, OTHER, Kernel, create
from tests.support.commands import wait_until
from vethagent import faults
from vethagent.privileged import rtnl
from vethagent.privileged.operations import AdoptPair, ChangeEnd, CreatePair, DeletePair


def test_a_pair_is_made_whole(kernel: Kernel) -> None:
    (index,) = kernel.done(create(master=kernel.index("br1"), mtu=1400))
    first, second = kernel.device("aa"), kernel.device("bb")
    assert first["ifindex"] == index
    assert (first["link"], second["link"]) == ("bb", "aa")
    assert (first["ifalias"], second["ifalias"]) == (MARK, MARK)
    assert (first["mtu"], second["mtu"]) == (1400, 1400)
    assert (first["master"], second.get("master")) == ("br1", None)
    assert (first["address"], second["address"]) == ("fe:00:00:00:61:00", "fe:00:00:00:62:01")
    # The kernel tells of a carrier a moment later.
    wait_until(lambda: {kernel.device(name)["operstate"] for name in ("aa", "bb")} == {"UP"}, what="both ends up")


def test_the_kernel_keeps_no_room_for_queues_that_are_not_in_use(kernel: Kernel) -> None:
    kernel.done(create())
    kernel.foreign("other", "peer")  # in use is as much of it as by itself
    for name in ("aa", "bb"):
        assert (kernel.device(name)["num_tx_queues"], kernel.device(name)["num_rx_queues"]) == (1, 1)
    assert kernel.queues("aa") == kernel.queues("bb") == kernel.queues("other") == ["rx-0", "tx-0"]


def test_a_pair_that_is_wanted_down(kernel: Kernel) -> None:
    kernel.done(create(up=False))
    assert "UP" not in kernel.device("aa")["flags"] + kernel.device("bb")["flags"]


@pytest.mark.parametrize("on", [True, False])
def test_tx_checksum(kernel: Kernel, on: bool) -> None:
    kernel.done(create(tx_checksum=on))
    assert f"tx-checksumming: {'on' if on else 'off'}" in kernel.run("ethtool", "--show-offload", "aa")
    kernel.done(ChangeEnd(link_id=LINK, ifindex=kernel.index("aa"), tx_checksum=not on))
    assert f"tx-checksumming: {'off' if on else 'on'}" in kernel.run("ethtool", "--show-offload", "aa")
    assert "tx-checksumming: on" in kernel.run("ethtool", "--show-offload", "bb")


@pytest.mark.parametrize("taken", ["aa", "bb"])
def test_nothing_is_left_of_a_pair_whose_name_is_taken(kernel: Kernel, taken: str) -> None:
    kernel.foreign(taken, "peer")
    (error,) = kernel.refused(create(master=kernel.index("br1")))
    assert error


def test_nothing_is_left_of_a_pair_that_cannot_be_attached(kernel: Kernel) -> None:
    index = kernel.foreign("no-bridge", "peer")[0]
    assert kernel.refused(create(master=index)) == [f"ifindex {index} is not a Linux bridge"]
    assert kernel.refused(create(master=999_999)) == ["ifindex 999999 is not a Linux bridge"]


def test_one_that_fails_does_not_hold_up_the_others(kernel: Kernel) -> None:
    kernel.foreign("aa", "peer")
    good = create(OTHER, ("cc", "dd"), master=kernel.index("br1"))
    first, second, third = kernel.apply(create(), good, create(names=("ee", "cc")))
    assert (bool(first.error), second.error, bool(third.error)) == (True, "", True)
    assert kernel.device("cc")["ifalias"] == f"vethagent:{OTHER}"
    assert sorted(kernel.devices()) == ["aa", "br1", "cc", "dd", "lo", "peer"]


def test_all_of_a_device_is_changed_at_once(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    other = kernel.bridge("br2")
    change = {"name": "new", "mac": "fe:00:00:00:00:09", "mtu": 1300, "master": other, "up": False}
    kernel.done(ChangeEnd.model_validate({"link_id": LINK, "ifindex": index, **change}))
    device = kernel.device("new")
    assert (device["ifindex"], device["address"], device["mtu"]) == (index, "fe:00:00:00:00:09", 1300)
    assert device["master"] == "br2"
    assert "UP" not in device["flags"]
    kernel.done(ChangeEnd(link_id=LINK, ifindex=index, master=0, up=True))
    assert "master" not in kernel.device("new")


def test_a_mark_that_one_end_lost_is_set_anew(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    kernel.ip("link", "set", "aa", "alias", "")
    kernel.done(ChangeEnd(link_id=LINK, ifindex=index))
    assert kernel.device("aa")["ifalias"] == MARK


def test_what_can_be_done_twice(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    change = ChangeEnd(link_id=LINK, ifindex=index, name="new", mtu=1400)
    kernel.done(change)
    kernel.done(change)
    delete = DeletePair(link_id=LINK, ifindex=index)
    kernel.done(delete)
    kernel.done(delete)
    assert sorted(kernel.devices()) == ["br1", "lo"]


def test_a_name_that_one_operation_frees_is_there_for_the_next(kernel: Kernel) -> None:
    index, _ = kernel.pair()
    kernel.done(create(OTHER, ("aa", "bb")), DeletePair(link_id=LINK, ifindex=index))
    assert kernel.device("aa")["ifalias"] == f"vethagent:{OTHER}"
    assert kernel.index("aa") != index


def test_two_devices_change_names(kernel: Kernel) -> None:
    first, second = kernel.pair()
    kernel.done(ChangeEnd(link_id=LINK, ifindex=first, name="cc"), ChangeEnd(link_id=LINK, ifindex=second, name="aa"))
    assert (kernel.index("cc"), kernel.index("aa")) == (first, second)


def test_adoption_marks_and_changes_nothing_else(kernel: Kernel) -> None:
    indexes = kernel.foreign("aa", "bb")
    before = kernel.picture()
    kernel.done(AdoptPair(link_id=LINK, ifindexes=indexes))
    assert [kernel.device(name)["ifalias"] for name in ("aa", "bb")] == [MARK, MARK]
    for name in ("aa", "bb"):
        kernel.ip("link", "set", name, "alias", "")
    assert kernel.picture() == before


def test_many_pairs_come_and_go_in_one_batch(kernel: Kernel) -> None:
    master = kernel.index("br1")
    foreign = kernel.foreign("xx", "yy"), kernel.foreign("c1x", "c1y", marks=(MARK + "xx", MARK + "xx"))
    assert all(foreign)
    before = kernel.picture()
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(200)]
    creates = [create(link_id, (f"a{number}", f"b{number}"), master=master) for number, link_id in enumerate(ids)]
    indexes = kernel.done(*creates)
    assert len(kernel.devices()) == len(before) + 400
    kernel.done(*(DeletePair(link_id=i, ifindex=index) for i, index in zip(ids, indexes, strict=True)))
    assert kernel.picture() == before


def test_pairs_that_go_together_go_by_a_group_of_their_own(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    others = set(kernel.devices())
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(3)]
    indexes = kernel.done(*(create(link_id, (f"a{n}", f"b{n}")) for n, link_id in enumerate(ids)))
    seen: dict[str, list[str]] = {}

    def look(name: str) -> None:
        seen[name] = [device["group"] for found, device in kernel.devices().items() if found not in others]

    monkeypatch.setattr(faults, "point", look)
    kernel.done(*(DeletePair(link_id=i, ifindex=index) for i, index in zip(ids, indexes, strict=True)))
    (group,) = set(seen["helper-grouped"]) - {"default"}
    assert seen["helper-looked"] == ["default"] * 6
    assert seen["helper-grouped"].count(group) == 3
    assert seen["helper-deleted"] == []


def test_an_empty_batch_does_nothing(kernel: Kernel) -> None:
    before = kernel.picture()
    assert kernel.apply() == []
    assert kernel.picture() == before


def test_the_same_names_twice_in_a_batch(kernel: Kernel) -> None:
    twice: list[CreatePair] = [create(), create(OTHER)]
    first, second = kernel.apply(*twice)
    assert (first.error, bool(second.error)) == ("", True)
    assert kernel.device("aa")["ifalias"] == MARK
    assert kernel.device("bb")["ifalias"] == MARK


def test_many_of_a_helper_that_gets_no_large_buffer(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a user namespace: all answers of a send have to fit into the buffer that everybody has."""

    def set_option(opened: socket.socket, level: int, option: int, value: int) -> None:
        if option == rtnl._SO_RCVBUFFORCE:
            raise PermissionError
        usual(opened, level, option, value)

    usual = socket.socket.setsockopt
    monkeypatch.setattr(socket.socket, "setsockopt", set_option)
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(150)]
    master = kernel.index("br1")
    kernel.done(*(create(each, (f"a{n}", f"b{n}"), master=master) for n, each in enumerate(ids)))
    indexes = {name: device["ifindex"] for name, device in kernel.devices().items()}
    kernel.done(*(ChangeEnd(link_id=each, ifindex=indexes[f"a{n}"], mtu=1400) for n, each in enumerate(ids)))
    kernel.done(*(DeletePair(link_id=each, ifindex=indexes[f"b{n}"]) for n, each in enumerate(ids)))
    assert kernel.devices().keys() == {"lo", "br1"}
