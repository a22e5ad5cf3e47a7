import threading
from concurrent import futures

import pytest

from vethagent.agent.inbox import Batch, Inbox
from vethagent.plumbing.observed import OvsBridge, OvsPort
from vethagent.plumbing.ovs_replica import OvsChanges
from vethagent.privileged.ifinfo import Device

BRIDGE, PORT = OvsBridge("br"), OvsPort("p", "p", "br")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def take(inbox: Inbox) -> Batch:
    batch = inbox.take(0)
    assert batch is not None
    return batch


def test_a_thousand_marks_are_one_batch(inbox: Inbox) -> None:
    for number in range(1000):
        inbox.mark([str(number % 7)])
    assert take(inbox) == Batch(dirty=set("0123456"))
    assert take(inbox) == Batch()


def test_casts_in_a_row_are_one_batch(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    coming = [["2"]]
    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", lambda _: inbox.cast(coming.pop()) if coming else None)
    inbox.cast(["0"])
    inbox.cast(["1"])
    assert inbox.take(0) == Batch(dirty=set("012"), casts=3)


def test_a_row_of_casts_that_does_not_end_is_taken_all_the_same(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        inbox.cast([str(now)])

    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", sleep)
    monkeypatch.setattr("vethagent.agent.inbox.time.monotonic", lambda: now)
    inbox.cast(["a"])
    inbox.cast(["b"])
    assert take(inbox).casts > 2 and 0 < now < 1


def test_a_cast_that_comes_alone_is_taken_at_once(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", lambda seconds: pytest.fail("waited"))
    inbox.cast(["a"])
    assert take(inbox) == Batch(dirty={"a"}, casts=1)


def test_devices_that_go_in_a_row_are_one_batch(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", lambda seconds: None)
    rest = [dict.fromkeys(range(start, start + 20)) for start in (100, 80, 60, 40, 20)]
    inbox.put_devices(dict.fromkeys(range(20)))
    batch = inbox.take(0, lambda: inbox.put_devices(rest.pop() if rest else {}))
    assert batch is not None and len(batch.devices) == 120


def test_what_changes_in_a_row_is_one_batch(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is after a batch of many: the kernel tells of devices, and Open vSwitch of ports, one after the other."""
    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", lambda seconds: None)
    ports = [OvsChanges({}, {f"p{n}": PORT for n in range(start, start + 20)}) for start in (40, 20)]
    inbox.put_devices({index: Device(index, f"d{index}") for index in range(1, 21)})
    batch = inbox.take(0, lambda: inbox.put_ovs(ports.pop()) if ports else None)
    assert batch is not None and (len(batch.devices), len(batch.ports)) == (20, 40)


def test_the_change_of_one_link_is_taken_at_once(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", lambda seconds: pytest.fail("waited"))
    inbox.put_devices({index: Device(index, f"d{index}") for index in range(1, 5)})
    inbox.put_ovs(OvsChanges({}, {"p": PORT, "q": PORT}))
    assert len(take(inbox).devices) == 4


def test_a_device_that_goes_alone_is_taken_at_once(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vethagent.agent.inbox.time.sleep", lambda seconds: pytest.fail("waited"))
    inbox.put_devices({1: None, 2: None, 3: Device(3, "br1")})
    assert len(take(inbox).devices) == 3


def test_of_a_device_the_newest_is_kept(inbox: Inbox) -> None:
    old, new = Device(1, "a"), Device(1, "b")
    inbox.put_devices({1: old, 2: old})
    inbox.put_devices({1: new})
    inbox.put_devices({2: None})
    assert take(inbox).devices == {1: new, 2: None}


def test_rows_add_up_until_all_of_them_come(inbox: Inbox) -> None:
    inbox.put_ovs(OvsChanges({"old": BRIDGE}, {"old": PORT}))
    inbox.put_ovs(OvsChanges({"br": BRIDGE}, {}, whole=True))
    inbox.put_ovs(OvsChanges({}, {"p": PORT, "q": None}))
    batch = take(inbox)
    assert (batch.bridges, batch.ports, batch.whole) == ({"br": BRIDGE}, {"p": PORT, "q": None}, True)
    inbox.put_ovs(OvsChanges({"br": None}, {}))
    assert not take(inbox).whole


def test_a_device_that_was_away_meanwhile_is_known(inbox: Inbox) -> None:
    inbox.put_devices({7: None, 8: None, 9: Device(9, "c")})
    inbox.put_devices({7: Device(7, "a"), 9: Device(9, "d")})
    batch = take(inbox)
    assert (batch.devices, batch.returned) == ({7: Device(7, "a"), 8: None, 9: Device(9, "d")}, {7})
    inbox.put_devices({8: Device(8, "b")})
    assert take(inbox).returned == set()


def test_everything_that_was_left_is_taken_once(inbox: Inbox) -> None:
    inbox.mark_all()
    inbox.look_again()
    batch = take(inbox)
    assert batch.all_dirty and batch.look_again
    assert take(inbox) == Batch()


def test_who_takes_is_woken(inbox: Inbox) -> None:
    taken: list[Batch | None] = []
    worker = threading.Thread(target=lambda: taken.append(inbox.take(30)))
    worker.start()
    inbox.mark(["a"])
    worker.join(30)
    assert taken == [Batch(dirty={"a"})]


def test_a_question_is_answered_by_who_takes(inbox: Inbox) -> None:
    good, bad = inbox.ask(lambda: 7), inbox.ask(lambda: 1 // 0)
    for question in take(inbox).questions:
        question()
    assert good.result(0) == 7
    with pytest.raises(ZeroDivisionError):
        bad.result(0)


def test_closed_it_gives_nothing_and_leaves_nobody_waiting(inbox: Inbox) -> None:
    before = inbox.ask(lambda: 7)
    inbox.mark(["a"])
    inbox.close()
    assert inbox.take(None) is None
    for answer in (before, inbox.ask(lambda: 8)):
        with pytest.raises(futures.CancelledError):
            answer.result(0)
