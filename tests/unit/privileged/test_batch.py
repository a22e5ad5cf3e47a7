import dataclasses
import errno
from typing import Any

import pytest

from tests.unit.privileged.kernel import FakeKernel
from vethagent import exceptions, privileged
from vethagent.privileged import batch, ethtool, ifinfo, operations, rtnl
from vethagent.privileged.ifinfo import Device

LINK_ID = "00000000-0000-4000-8000-000000000001"
OTHER_ID = "00000000-0000-4000-8000-000000000002"
MARK, OTHER_MARK = f"vethagent:{LINK_ID}", f"vethagent:{OTHER_ID}"
BRIDGE = Device(10, "br1", kind="bridge", mtu=1500, mac="02:00:00:00:00:10")
BRIDGE_2 = Device(11, "br2", kind="bridge", mtu=1500, mac="02:00:00:00:00:11")
CARD = Device(2, "eth0", mtu=1500)


def pair(first: str = MARK, second: str = MARK, *, at: int = 20) -> tuple[Device, Device]:
    return (
        Device(at, f"a{at}", kind="veth", alias=first, peer=at + 1, mtu=1500, up=True),
        Device(at + 1, f"b{at}", kind="veth", alias=second, peer=at, mtu=1500, up=True),
    )


def create(**fields: Any) -> operations.CreatePair:
    ends = [
        {"name": "phy-br1", "mac": "02:00:00:00:00:01", "mtu": 1500, "master": 10},
        {"name": "eth1-br1", "mac": "02:00:00:00:00:02", "mtu": 1500},
    ]
    for number, end in enumerate(ends):
        end.update(fields.get(f"end{number}", {}))
    return operations.CreatePair.model_validate({"link_id": fields.get("link_id", LINK_ID), "ends": ends})


def change(ifindex: int, **fields: Any) -> operations.ChangeEnd:
    return operations.ChangeEnd.model_validate({"link_id": LINK_ID, "ifindex": ifindex, **fields})


def delete(ifindex: int, link_id: str = LINK_ID) -> operations.DeletePair:
    return operations.DeletePair(link_id=link_id, ifindex=ifindex)


def adopt(*ifindexes: int) -> operations.AdoptPair:
    return operations.AdoptPair.model_validate({"link_id": LINK_ID, "ifindexes": ifindexes})


class Host:
    """A kernel and what a batch does to it; ``offload`` are the (name, on) that were set."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.kernel = FakeKernel()
        self.offload: list[tuple[str, bool]] = []
        self.gro: list[tuple[str, bool]] = []
        self.offload_error: OSError | None = None
        patch.setattr(rtnl, "RouteSocket", lambda: self.kernel)
        patch.setattr(ethtool, "set_tx_checksum", self._set_tx_checksum)
        patch.setattr(ethtool, "set_gro", lambda index, name, on: self.gro.append((name, on)))

    def has(self, *devices: Device) -> None:
        self.kernel.devices.update({device.ifindex: device for device in devices})

    def apply(self, *wanted: operations.Operation) -> list[tuple[str, int]]:
        outcomes: list[tuple[str, int]] = batch.apply(operations.dump(list(wanted)))
        return outcomes

    def error(self, wanted: operations.Operation) -> str:
        """Return why it was refused, after a look that nothing at all was done."""
        before = dict(self.kernel.devices)
        ((error, made),) = self.apply(wanted)
        assert error and not made
        assert self.kernel.devices == before and not self.kernel.sent and not self.offload
        return error

    def _set_tx_checksum(self, index: int, name: str, on: bool) -> None:
        if self.offload_error is not None:
            raise self.offload_error
        self.offload.append((name, on))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(privileged.default, "client_mode", False)
    return Host(monkeypatch)


# -- what is not ours ----------------------------------------------------------------------------------------------

NOT_OURS = {
    "no mark": pair("", ""),
    "another link's": pair(OTHER_MARK, OTHER_MARK),
    "foreign alias": pair("uplink", "uplink"),
    "foreign alias on this end, ours on the other": pair("uplink", MARK),
    "longer": pair(MARK + "0", MARK + "0"),
    "more words": pair(MARK + " (spare)", MARK + " (spare)"),
    "shorter": pair(MARK[:-1], MARK[:-1]),
    "only the prefix": pair("vethagent:", "vethagent:"),
    "upper case": pair(MARK.upper(), MARK.upper()),
    "leading space": pair(" " + MARK, " " + MARK),
    "not a veth": (Device(20, "tap0", kind="tun", alias=MARK), CARD),
    "a card": (Device(20, "eth1", alias=MARK), CARD),
    "a bridge": (Device(20, "br9", kind="bridge", alias=MARK), CARD),
    "no mark and no peer here": (Device(20, "a", kind="veth"), CARD),
    "no mark and its peer is not a veth": (
        Device(20, "a", kind="veth", peer=21),
        Device(21, "b", kind="vxcan", alias=MARK, peer=20),
    ),
    "no mark and its peer is another's": (
        Device(20, "a", kind="veth", peer=21),
        Device(21, "b", kind="veth", alias=MARK, peer=22),
    ),
}


@pytest.mark.parametrize("devices", NOT_OURS.values(), ids=NOT_OURS)
@pytest.mark.parametrize("operation", [change(20, name="x", up=False, master=0), delete(20)], ids=["change", "delete"])
def test_what_is_not_ours_is_not_touched(
    host: Host, devices: tuple[Device, ...], operation: operations.Operation
) -> None:
    host.has(BRIDGE, *devices)
    assert "is not a veth of this link" in host.error(operation)


@pytest.mark.parametrize("devices", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_not_ours_is_not_touched_in_a_big_batch_either(host: Host, devices: tuple[Device, ...]) -> None:
    """Then all devices are dumped instead of asked for one by one."""
    host.has(BRIDGE, *devices, *(device for at in range(40, 60, 2) for device in pair(at=at)))
    before = host.kernel.devices[20]
    outcomes = host.apply(change(20, up=False), *(change(at, mtu=1400) for at in range(40, 60, 2)))
    assert outcomes[0][0] and not any(error for error, _ in outcomes[1:])
    assert host.kernel.devices[20] == before
    assert all(host.kernel.devices[at].mtu == 1400 for at in range(40, 60, 2))


@pytest.mark.parametrize("operation", [change(20, up=False), delete(20)], ids=["change", "delete"])
@pytest.mark.parametrize("filler", [0, 10])
def test_an_end_that_lost_its_mark_is_ours_by_its_peer(
    host: Host, operation: operations.Operation, filler: int
) -> None:
    host.has(*pair("", MARK))
    (error, _), *_ = host.apply(operation, *(delete(1000 + number) for number in range(filler)))
    assert error == ""


@pytest.mark.parametrize("master", [CARD, *pair(at=30), None])
def test_a_master_has_to_be_a_linux_bridge(host: Host, master: Device | None) -> None:
    host.has(*pair(), *filter(None, [master]))
    index = master.ifindex if master else 99
    assert host.error(change(20, master=index)) == f"ifindex {index} is not a Linux bridge"
    assert host.error(create(end0={"master": index})) == f"ifindex {index} is not a Linux bridge"


def test_what_is_gone_cannot_be_changed_and_need_not_be_deleted(host: Host) -> None:
    assert host.error(change(20, up=True)) == "ifindex 20 is gone"
    assert host.apply(delete(20)) == [("", 0)]
    assert host.kernel.sent == []


@pytest.mark.parametrize(
    "devices",
    [
        pair(OTHER_MARK, ""),
        pair("", OTHER_MARK),
        pair("uplink", ""),
        (Device(20, "a", kind="veth", peer=21), Device(21, "b", kind="veth", peer=22)),
        (Device(20, "a", kind="veth", peer=21), Device(21, "b", kind="tun", peer=20)),
        (Device(20, "a", kind="bridge", peer=21), Device(21, "b", kind="bridge", peer=20)),
        pair("", "")[:1],
        (),
    ],
)
def test_only_a_pair_without_a_mark_is_adopted(host: Host, devices: tuple[Device, ...]) -> None:
    host.has(*devices)
    host.error(adopt(20, 21))
    host.error(adopt(21, 20))


def test_two_devices_of_two_pairs_are_not_adopted(host: Host) -> None:
    host.has(*pair("", ""), *pair("", "", at=30))
    assert "are not a veth pair" in host.error(adopt(20, 30))
    assert host.error(adopt(20, 20))


@pytest.mark.parametrize("devices", [pair("", ""), pair(MARK, ""), pair(MARK, MARK)])
def test_adoption_marks_and_changes_nothing_else(host: Host, devices: tuple[Device, ...]) -> None:
    host.has(*devices)
    assert host.apply(adopt(20, 21)) == [("", 0)]
    assert list(host.kernel.devices.values()) == [dataclasses.replace(device, alias=MARK) for device in devices]


def test_a_wrong_field_stops_the_whole_batch(host: Host) -> None:
    host.has(*pair())
    body = operations.dump([delete(20), change(20, name="good")])
    body[1]["name"] = "../bad"
    with pytest.raises(exceptions.HelperRefused, match="name"):
        batch.apply(body)
    assert host.kernel.sent == []


# -- what is done --------------------------------------------------------------------------------------------------


def test_a_pair_is_made_whole(host: Host) -> None:
    host.has(BRIDGE)
    ((error, index),) = host.apply(create(end0={"tx_checksum": False}))
    first, second = host.kernel.named("phy-br1"), host.kernel.named("eth1-br1")
    assert error == "" and index == first.ifindex
    assert first == Device(
        index, "phy-br1", "veth", MARK, master=10, peer=second.ifindex, mac="02:00:00:00:00:01", mtu=1500, up=True
    )
    assert (second.alias, second.master, second.peer, second.up) == (MARK, None, index, True)
    assert host.offload == [("phy-br1", False)] and host.gro == [("eth1-br1", False)]


def test_a_pair_that_is_wanted_down_stays_down(host: Host) -> None:
    host.has(BRIDGE)
    host.apply(create(end0={"up": False}, end1={"up": False}))
    assert not host.kernel.named("phy-br1").up and not host.kernel.named("eth1-br1").up


def test_a_taken_name_is_one_error_and_leaves_the_other_device_alone(host: Host) -> None:
    host.has(BRIDGE, dataclasses.replace(CARD, name="phy-br1"))
    outcomes = host.apply(create(), create(link_id=OTHER_ID, end0={"name": "x0"}, end1={"name": "x1"}))
    assert [error for error, _ in outcomes] == ["the name phy-br1 is taken by a physical device", ""]
    assert host.kernel.named("phy-br1") == dataclasses.replace(CARD, name="phy-br1")


@pytest.mark.parametrize("step", [1, 2], ids=["first end", "second end"])
def test_a_pair_that_could_not_be_finished_is_taken_back(host: Host, step: int) -> None:
    host.has(BRIDGE)
    start = next(batch._indexes)
    host.kernel.refuse[ifinfo.RTM_SETLINK, start + step] = errno.EXFULL
    assert host.apply(create()) == [("EXFULL", 0)]
    assert host.kernel.devices == {10: BRIDGE}


def test_a_pair_whose_offload_cannot_be_set_is_taken_back(host: Host) -> None:
    host.has(BRIDGE)
    host.offload_error = OSError(errno.EOPNOTSUPP, "not supported")
    ((error, _),) = host.apply(create(end1={"tx_checksum": False}))
    assert error == "offload of eth1-br1: not supported"
    assert host.kernel.devices == {10: BRIDGE}


def test_a_helper_without_a_descriptor_for_the_offload_is_of_no_use(host: Host) -> None:
    host.has(BRIDGE)
    host.offload_error = OSError(errno.EMFILE, "too many open files")
    with pytest.raises(OSError, match="too many"):
        host.apply(create(end1={"tx_checksum": False}))


def test_a_device_is_down_while_it_gets_another_name_if_the_kernel_is_old(host: Host) -> None:
    host.has(BRIDGE, *pair())
    host.kernel.old = True
    assert host.apply(change(20, name="new", up=True)) == [("", 0)]
    assert (host.kernel.devices[20].name, host.kernel.devices[20].up) == ("new", True)


def test_all_of_a_change_is_one_request(host: Host) -> None:
    host.has(BRIDGE, *pair())
    wanted = change(20, mac="02:00:00:00:00:07", mtu=1400, master=10, up=False, tx_checksum=False, gro=False)
    assert host.apply(wanted) == [("", 0)]
    name = pair()[0].name
    assert host.kernel.devices[20] == Device(
        20, name, "veth", MARK, master=10, peer=21, mac="02:00:00:00:00:07", mtu=1400, up=False
    )
    assert host.offload == host.gro == [(name, False)]
    assert [index for kind, index, _ in host.kernel.sent if index == 20] == [20]


def test_a_change_sets_the_mark_anew_and_nothing_that_was_not_asked_for(host: Host) -> None:
    host.has(*pair("", MARK))
    host.apply(change(20))
    assert host.kernel.sent == [(ifinfo.RTM_SETLINK, 20, {"IFLA_IFALIAS": MARK})]
    assert host.kernel.devices[20].up


def test_a_device_leaves_its_bridge(host: Host) -> None:
    first, second = pair()
    host.has(BRIDGE, dataclasses.replace(first, master=10), second)
    host.apply(change(20, master=0))
    assert host.kernel.devices[20].master is None


def test_one_that_fails_does_not_hold_up_the_others(host: Host) -> None:
    host.has(*pair(), *pair(at=30))
    host.kernel.refuse[ifinfo.RTM_SETLINK, 20] = errno.EBUSY
    assert host.apply(change(20, mtu=1400), change(30, mtu=1400)) == [("EBUSY", 0), ("", 0)]
    assert host.kernel.devices[30].mtu == 1400


def test_the_reason_is_the_first_that_came(host: Host) -> None:
    host.has(*pair())
    host.kernel.refuse[ifinfo.RTM_SETLINK, 20] = errno.EBUSY
    host.offload_error = OSError(errno.ENODEV, "no such device")
    ((error, _),) = host.apply(change(20, mtu=1400, tx_checksum=False))
    assert error == "EBUSY"


def test_pairs_go_by_one_request(host: Host) -> None:
    host.has(CARD, *(device for at in range(20, 60, 2) for device in pair(at=at)))
    assert set(host.apply(*(delete(at) for at in range(20, 60, 2)))) == {("", 0)}
    assert host.kernel.devices == {2: CARD}
    assert [kind for kind, *_ in host.kernel.sent].count(ifinfo.RTM_DELLINK) == 1


def test_the_group_in_which_pairs_go_is_nobody_elses(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = dataclasses.replace(CARD, group=77)
    host.has(taken, *pair(), *pair(at=30))
    monkeypatch.setattr("vethagent.privileged.batch.random.randrange", lambda *_: 77)
    host.apply(delete(20), delete(30))
    assert host.kernel.devices == {2: taken}


def test_a_pair_that_cannot_be_put_into_the_group_is_told_of(host: Host) -> None:
    host.has(*pair(), *pair(at=30))
    host.kernel.refuse[ifinfo.RTM_SETLINK, 20] = errno.ENODEV
    assert host.apply(delete(20), delete(30)) == [("ENODEV", 0), ("", 0)]


def test_what_is_not_ours_is_not_in_the_group(host: Host) -> None:
    foreign = pair("uplink", "uplink", at=40)
    host.has(*pair(), *pair(at=30), *foreign)
    outcomes = host.apply(delete(20), delete(30), delete(40))
    assert [bool(error) for error, _ in outcomes] == [False, False, True]
    assert list(host.kernel.devices.values()) == list(foreign)


def test_a_name_that_one_pair_frees_is_there_for_the_next(host: Host) -> None:
    first, second = pair()
    host.has(BRIDGE, dataclasses.replace(first, name="phy-br1"), second)
    outcomes = host.apply(create(), delete(20))
    assert [error for error, _ in outcomes] == ["", ""]
    assert 20 not in host.kernel.devices and host.kernel.named("phy-br1").alias == MARK


def test_an_empty_batch_does_nothing(host: Host) -> None:
    assert host.apply() == []
    assert host.kernel.sent == []


# -- what a bridge keeps -------------------------------------------------------------------------------------------


def test_a_bridge_keeps_its_mtu_when_a_smaller_port_comes(host: Host) -> None:
    host.has(BRIDGE, BRIDGE_2)
    host.apply(create(end0={"mtu": 1400}, end1={"mtu": 1400, "master": 11}))
    assert (host.kernel.devices[10], host.kernel.devices[11]) == (BRIDGE, BRIDGE_2)


def test_a_bridge_keeps_its_mtu_when_a_port_is_made_smaller(host: Host) -> None:
    first, second = pair()
    host.has(BRIDGE, dataclasses.replace(first, master=10), second)
    host.apply(change(20, mtu=1400))
    assert host.kernel.devices[10] == BRIDGE


def test_a_bridge_that_followed_a_port_down_may_follow_it_up_again(host: Host) -> None:
    first, second = pair()
    host.has(dataclasses.replace(BRIDGE, mtu=1400), dataclasses.replace(first, master=10, mtu=1400), second)
    host.apply(change(20, mtu=1500, bridge_follows=True))
    assert host.kernel.devices[10] == BRIDGE


def test_a_bridge_that_nobody_asked_of_is_not_written_to(host: Host) -> None:
    first, second = pair()
    host.has(BRIDGE, dataclasses.replace(first, master=10), second)
    host.apply(change(20, up=False))
    assert [index for _, index, _ in host.kernel.sent] == [20]
