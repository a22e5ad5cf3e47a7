"""Rounds of the one consumer over a host in memory."""

import dataclasses
import errno
from typing import Any

import pytest

from tests.unit.agent.builders import ids
from tests.unit.agent.node import Node
from tests.unit.plumbing.builders import link
from vethagent import exceptions, model
from vethagent.model import EventKind, Mode, Reason, Status
from vethagent.plumbing.observed import Observed
from vethagent.privileged import ifinfo

A, B, C = ids(3)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


PLUGGED = (A, EventKind.PLUGGED, Status.ACTIVE, Reason.NONE)


def other(link_id: str = B, **fields: Any) -> model.BridgeLink:
    return link(id=link_id, end0={"bridge": "br3", "device": "p2"}, end1={"device": "e2"}, **fields)


def test_a_plug_becomes_active_and_is_said_once(node: Node) -> None:
    node.plug(link(id=A))
    assert node.said() == [PLUGGED]
    node.inbox.mark([A])
    node.later(3600)
    assert node.said() == []


def test_many_plugs_are_one_batch(node: Node) -> None:
    many = [
        link(id=i, end0={"device": f"p{n}"}, end1={"device": f"e{n}"}, allow_loop=True) for n, i in enumerate(ids(25))
    ]
    node.plug(*many)
    assert node.batches == [25] and len(node.said()) == 25


def test_an_unplug_leaves_nothing_and_is_said_once(node: Node) -> None:
    before = set(node.host.kernel.devices), set(node.host.rows)
    node.plug(link(id=A))
    node.said()
    node.unplug(A, 2)
    assert node.said() == [(A, EventKind.UNPLUGGED, Status.DOWN, Reason.UNPLUGGED)]
    assert (set(node.host.kernel.devices), set(node.host.rows)) == before
    assert node.desired.ids() == set() and node.journal.states() == []
    node.later(100)
    assert node.said() == [] and node.journal._notices == {}


def test_an_unplug_of_what_nobody_knows_is_said_too(node: Node) -> None:
    node.unplug(A, 2)
    assert node.said() == [(A, EventKind.UNPLUGGED, Status.DOWN, Reason.UNPLUGGED)]


def test_what_is_not_understood_is_left_alone_and_told(node: Node) -> None:
    node.plug(link(id=A))
    node.said()
    node.desired.put_unread(model.UnreadLink(id=A, host="h1", generation=2, request_id="req-7", why="kind: new"))
    node.inbox.mark([A])
    node.settle()
    (event,) = node.events
    assert (event.kind, event.state.status, event.state.reason) == (EventKind.FAILED, "ERROR", Reason.NOT_UNDERSTOOD)
    assert (event.state.generation, event.request_id) == (2, "req-7") and "(kind: new)" in event.state.message
    batches = list(node.batches)
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    node.happen()
    node.later(100)
    assert node.batches == batches, "nothing is done about it"
    node.plug(link(id=A, generation=3))
    node.settle()
    assert node.events[-1].state.status is Status.ACTIVE


def test_a_cable_that_is_pulled_out_is_put_back(node: Node) -> None:
    node.plug(link(id=A))
    node.said()
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    node.happen()
    node.settle()
    (event,) = node.events
    assert event.kind is EventKind.REPAIRED and event.state.status is Status.ACTIVE
    assert {(d.code, d.device) for d in event.repaired} == {
        ("DEVICE_MISSING", "phy-br1"),
        ("DEVICE_MISSING", "eth1-br1"),
    }


def test_a_restart_changes_and_says_nothing(node: Node) -> None:
    node.plug(link(id=A), other())
    devices, rows = dict(node.host.kernel.devices), dict(node.host.rows)
    node.batches.clear()
    node.boot()
    node.settle()
    assert node.said() == [] and node.batches == []
    assert (node.host.kernel.devices, node.host.rows) == (devices, rows)
    assert {state.status for state in node.journal.states()} == {Status.ACTIVE}


def test_a_restart_says_nothing_of_open_vswitch_before_that_was_asked(node: Node) -> None:
    node.plug(link(id=A))
    node.said()
    node.boot(ovsdb=False)
    node.settle()
    node.later(5)
    assert node.said() == [] and node.journal.states() == []
    node.ovsdb = True
    node.tell_rows(whole=True)
    node.settle()
    assert node.said() == []
    assert [state.status for state in node.journal.states()] == [Status.ACTIVE]


def test_that_open_vswitch_does_not_answer_is_said(node: Node) -> None:
    node.plug(link(id=A))
    node.said()
    node.boot(ovsdb=False)
    node.settle()
    node.health.bad("ovsdb", "no answer")
    node.later(10)
    assert node.said() == [(A, EventKind.CHANGED, Status.DOWN, Reason.OVSDB_UNAVAILABLE)]


def test_no_bridge_is_missed_while_open_vswitch_is_away(node: Node) -> None:
    """It may have been made since."""
    node.plug(link(id=A))
    node.said()
    node.health.bad("ovsdb", "the connection is lost")
    node.plug(link(id=B, end0={"device": "p2"}, end1={"bridge": "br-eth9", "device": "e2"}))
    node.later(10)
    assert node.said() == [(B, EventKind.CHANGED, Status.DOWN, Reason.OVSDB_UNAVAILABLE)]
    node.health.good("ovsdb")
    node.inbox.mark_all()
    node.settle()
    assert node.said() == [(B, EventKind.FAILED, Status.ERROR, Reason.BRIDGE_NOT_FOUND)]


def test_after_a_reboot_all_is_made_again_from_the_store(node: Node) -> None:
    node.plug(link(id=A))
    node.host.delete(node.host.kernel.named("phy-br1").ifindex)
    node.boot()
    node.settle()
    assert node.said() == [(A, EventKind.REPAIRED, Status.ACTIVE, Reason.NONE)]


def test_a_link_that_waits_for_a_bridge_is_woken_by_it(node: Node) -> None:
    node.plug(link(id=A, end0={"bridge": "br9"}))
    assert node.said() == [(A, EventKind.FAILED, Status.ERROR, Reason.BRIDGE_NOT_FOUND)]
    node.host.add_linux_bridge("br9")
    node.happen()
    node.settle()
    assert node.said() == [PLUGGED]


def test_a_link_that_waits_for_a_name_is_woken_when_it_is_free(node: Node) -> None:
    taken = node.host.add("phy-br1", kind="tun")
    node.happen()
    node.plug(link(id=A))
    assert node.said() == [(A, EventKind.FAILED, Status.ERROR, Reason.NAME_CONFLICT)]
    node.host.delete(taken.ifindex)
    node.happen()
    node.settle()
    assert node.said() == [PLUGGED]


def test_one_that_fails_does_not_hold_up_another_and_is_tried_again(node: Node) -> None:
    node.host.kernel.refuse[ifinfo.RTM_NEWLINK, "phy-br1"] = errno.ENOMEM
    node.plug(link(id=A), other())
    assert set(node.said()) == {
        (A, EventKind.FAILED, Status.ERROR, Reason.NETLINK_ERROR),
        (B, EventKind.PLUGGED, Status.ACTIVE, Reason.NONE),
    }
    node.host.kernel.refuse.clear()
    node.later(1.5)
    assert node.said() == [PLUGGED]


def test_what_is_not_as_wanted_is_looked_at_at_once_when_somebody_asks_for_that(node: Node) -> None:
    node.plug(other())
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A))
    node.said()
    node.helper_error = None
    node.inbox.ask(node.reconciler.look_at_unsettled)
    node.round()
    assert node.inbox.rest().dirty == {A}
    node.inbox.mark([A])
    node.settle()
    assert node.said() == [PLUGGED]


def test_tries_become_seldom_and_events_do_not_make_them_seldomer(node: Node) -> None:
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A))
    for _ in range(20):
        node.inbox.mark([A])
        node.round()
    (due,) = node.reconciler._retries.times()
    assert due - node.now <= 1.0
    waits = []
    for _ in range(12):
        node.now = due
        node.round()
        (due,) = node.reconciler._retries.times()
        waits.append(due - node.now)
    assert waits == sorted(waits) and waits[-1] == 60.0


def test_a_helper_that_is_away_is_a_matter_of_health(node: Node) -> None:
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A))
    assert node.said() == [(A, EventKind.CHANGED, Status.DOWN, Reason.HELPER_UNAVAILABLE)]
    assert [reason.part for reason in node.health.state().reasons] == ["privsep"]
    node.helper_error = None
    node.later(2)
    assert node.said() == [PLUGGED] and not node.health.state().degraded


@pytest.mark.parametrize("restarted", [False, True])
def test_bridges_keep_their_mtu_when_the_first_try_to_change_a_link_fails(node: Node, restarted: bool) -> None:
    """It settled nothing: what the devices have is still what the bridges have by themselves."""
    node.plug(link(id=A))
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A, generation=2, mtu=1400))
    node.helper_error = None
    if restarted:
        node.boot()
    node.later(60)
    devices = node.host.kernel.devices.values()
    assert {device.mtu for device in devices if device.kind == "veth"} == {1400}
    assert {device.name: device.mtu for device in devices if device.kind != "veth"} == dict.fromkeys(
        ("br1", "br3", "br-eth1"), 1500
    )


def test_what_is_on_its_way_for_too_long_is_said(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    look = node.host.look

    def slow() -> Observed:
        seen = look()
        for name, row in list(node.host.rows.items()):
            if row.link_id:
                node.host.rows[name] = dataclasses.replace(row, ofport=None)
        return seen

    monkeypatch.setattr(node.host, "look", slow)
    node.plug(link(id=A))
    assert node.said() == []
    node.later(1.5)
    assert node.said() == [(A, EventKind.CHANGED, Status.BUILD, Reason.PLUGGING)]


# -- modes ---------------------------------------------------------------------------------------------------------


def change_mode(node: Node, mode: Mode) -> None:
    node.desired.set_mode(mode)
    node.inbox.mark_all()
    node.settle()


def test_who_only_observes_says_what_is_wrong_and_changes_nothing(node: Node) -> None:
    node.plug(link(id=A))
    change_mode(node, Mode.OBSERVE)
    node.said()
    node.host.change(node.host.kernel.named("phy-br1").ifindex, mtu=1400)
    node.happen()
    node.settle()
    assert node.said() == [(A, EventKind.DRIFTED, Status.DOWN, Reason.DRIFT)]
    assert node.host.kernel.named("phy-br1").mtu == 1400
    change_mode(node, Mode.ENFORCE)
    assert node.said() == [(A, EventKind.REPAIRED, Status.ACTIVE, Reason.NONE)]


def test_who_is_paused_does_nothing_until_it_goes_on(node: Node) -> None:
    change_mode(node, Mode.PAUSED)
    node.plug(link(id=A))
    node.later(100)
    assert node.said() == [] and node.batches == []
    change_mode(node, Mode.ENFORCE)
    assert node.said() == [PLUGGED]


# -- rounds that are lost ------------------------------------------------------------------------------------------


def test_a_round_that_fails_leaves_no_question_open_and_no_row_behind(node: Node) -> None:
    node.settle()
    node.host.add_ovs_bridge("br-new")
    node.tell_rows(whole=True)
    node.inbox.look_again()
    answer = node.inbox.ask(lambda: 7)
    node.dump_error = TimeoutError("rtnetlink did not answer")
    with pytest.raises(TimeoutError):
        node.round()
    assert answer.result(0) == 7 and "br-new" in node.observed.bridges


def test_the_loop_goes_on_after_rounds_that_failed(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node.dump_error = TimeoutError("rtnetlink did not answer")
    naps: list[float] = []

    drains = iter([node.happen, node.inbox.close])  # called before a round, and after a batch

    def drain() -> None:
        next(drains)()

    def nap(seconds: float) -> None:
        if not seconds:
            return  # only lets others go first
        naps.append(seconds)
        if len(naps) == 3:
            node.dump_error = None
            monkeypatch.setattr(node.reconciler, "_drain", drain)

    monkeypatch.setattr("vethagent.agent.reconciler.time.sleep", nap)
    node.desired.put(link(id=A))
    node.reconciler.run()
    assert len(naps) == 3 and node.counters.all()["reconciler_failures"] == 3
    told = [record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"]
    assert told == [True], "with its traceback, once"
    assert node.host.kernel.named("phy-br1").alias


def test_what_is_not_begun_before_the_end_is_for_the_next_start(node: Node) -> None:
    node.settle()
    node.desired.put(link(id=A))
    node.inbox.mark([A])
    node.inbox.ask(node.inbox.close)
    node.round()
    assert node.batches == [] and node.said() == []
    node.boot()
    node.settle()
    assert node.host.kernel.named("phy-br1").alias


def test_what_is_under_way_is_known_to_who_cannot_wait_for_it(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    apply, seen = node.host.apply, []

    def look(steps: Any) -> Any:
        seen.append(node.reconciler.unfinished())
        return apply(steps)

    monkeypatch.setattr(node.host, "apply", look)
    node.plug(link(id=A))
    assert seen == [{A}] and not node.reconciler.unfinished()
    node.helper_error = exceptions.HelperUnavailable("no helper")
    node.plug(link(id=A, generation=2, mtu=1400))
    assert node.reconciler.unfinished() == {A}


def test_an_audit_finds_what_came_without_an_event(node: Node) -> None:
    node.plug(link(id=A))
    node.said()
    node.host.change(node.host.kernel.named("phy-br1").ifindex, mtu=1400)
    node.host.look()
    node.round()
    assert node.said() == [] and node.host.kernel.named("phy-br1").mtu == 1400
    node.later(601)
    assert node.said() == [(A, EventKind.REPAIRED, Status.ACTIVE, Reason.NONE)]


def test_when_nothing_is_to_be_done_it_waits_for_the_audit_or_for_ever(node: Node) -> None:
    node.settle()
    assert node.reconciler._pause() == 600
    node.boot(audit_interval=0)
    node.settle()
    assert node.reconciler._pause() is None


def test_a_plan_that_is_asked_for_takes_no_step(node: Node) -> None:
    node.settle()
    (plan,) = node.reconciler.plan([link(id=A)])
    assert not plan.empty and node.batches == [] and node.desired.ids() == set()
