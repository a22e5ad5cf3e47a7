"""A beat of the heart against a controller in memory."""

import logging
import pathlib
from typing import Any
from unittest import mock

import pytest

from tests.unit.agent.beat import Setup
from tests.unit.agent.builders import ids, ref, state
from tests.unit.plumbing.builders import link
from vethagent import exceptions, model
from vethagent.agent.desired import Desired
from vethagent.agent.store import Store
from vethagent.model import Mode, Reason, Status
from vethagent.privileged.ifinfo import Device

A, B, C = ids(3)


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    return Setup(monkeypatch)


def test_the_first_beat_says_who_it_is_and_pulls_what_it_lacks(setup: Setup) -> None:
    setup.desired.put(link(id=A))
    setup.controller_wants(link(id=A), link(id=B))
    deaf: list[bool] = []
    setup.heartbeat.deaf = lambda: deaf.append(True)
    setup.beat()
    assert setup.desired.ids() == {A, B}
    (report,) = setup.controller.reports
    assert (report.host, report.agent_version, report.report_interval) == ("h1", "1.2.3", 30)
    assert report.desired_digest == model.desired_digest([(A, 1)])
    assert setup.health.state().ready
    setup.controller_wants(link(id=A))
    setup.beat()
    assert not deaf, "no cast could tell of what was wanted before the start"


def test_the_first_report_waits_for_no_look_at_links(setup: Setup) -> None:
    setup.desired.put(link(id=A))
    setup.controller_wants(link(id=A))
    setup.heartbeat.looked = lambda: setup.journal.tell(state(link_id=A))
    setup.beat()
    setup.beat()
    first, second = setup.controller.reports
    assert (first.desired_digest, first.links, first.health.ready) == (second.desired_digest, {}, False)
    assert (second.links, second.health.ready) == ({Status.ACTIVE: 1}, True)


def test_the_first_beat_pulls_nothing_if_all_is_known(setup: Setup) -> None:
    setup.desired.put(link(id=A))
    setup.controller_wants(link(id=A))
    setup.beat()
    assert setup.controller.pulls == 0 and setup.health.state().ready


def test_the_first_beat_pulls_if_the_store_was_damaged(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "agent.sqlite"
    path.write_text("no database at all, but long enough to be looked at")
    setup = Setup(monkeypatch, str(path))
    assert setup.desired.damage is not None
    setup.beat()
    setup.desired.flush()
    assert setup.controller.pulls == 1 and setup.desired.mendable
    setup.desired.mend()
    assert setup.desired.damage is None


def test_the_inventory_goes_when_it_is_another(setup: Setup) -> None:
    setup.beat()
    assert setup.controller.reports[-1].inventory_digest is None and setup.controller.inventories == 0
    for number, bridges in enumerate(((), (), (model.Bridge(name="br1", kind="linux"),))):
        setup.inventory = model.inventory(model.HostDescription(host="h1", bridges=bridges))
        setup.beat()
        assert setup.health.state().reasons == ()
        assert setup.controller.inventories == number + 1, "the first one was refused"
        setup.beat()
    assert setup.controller.inventory == setup.inventory


def test_while_both_are_in_step_nothing_is_pulled(setup: Setup) -> None:
    setup.beat()
    for _ in range(3):
        setup.beat()
    assert setup.controller.pulls == 0 and len(setup.controller.reports) == 4


def test_a_cast_that_was_lost_is_found_by_the_next_beat(setup: Setup) -> None:
    setup.beat()
    setup.controller_wants(link(id=A))
    setup.beat()
    assert setup.desired.ids() == {A}


def test_without_a_bus_it_is_not_ready_and_pulls_later(setup: Setup) -> None:
    setup.controller.away = True
    with pytest.raises(exceptions.BusUnavailable):
        setup.beat()
    assert not setup.health.state().ready
    setup.controller.away = False
    setup.controller_wants(link(id=A))
    setup.beat()
    assert setup.desired.ids() == {A} and setup.health.state().ready


def test_a_mode_that_was_set_during_a_pull_stays(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = setup.controller.get_bridge_links

    def meanwhile(context: dict[str, Any], host: str) -> model.HostState:
        state = pull(context, host)
        setup.controller.mode = Mode.PAUSED
        setup.desired.set_mode(Mode.PAUSED)  # by a cast, which is newer than what was pulled
        return state

    setup.controller_wants(link(id=A))
    monkeypatch.setattr(setup.controller, "get_bridge_links", meanwhile)
    modes: list[Mode] = []
    monkeypatch.setattr(setup.inbox, "mark_all", lambda: modes.append(setup.desired.mode))
    setup.beat()
    assert setup.desired.mode is Mode.PAUSED and modes == []


def test_the_mode_comes_with_the_answer(setup: Setup) -> None:
    """And is told soon, also if its cast comes later and changes nothing any more."""
    setup.beat()
    setup.beat()
    assert setup.heartbeat._report_by is None
    setup.controller.mode = Mode.OBSERVE
    setup.beat()
    assert setup.desired.mode is Mode.OBSERVE and setup.heartbeat._report_by is not None
    setup.beat()
    assert setup.controller.reports[-1].mode is Mode.OBSERVE


def test_a_mode_of_a_newer_controller_is_told_and_not_taken(setup: Setup) -> None:
    setup.beat()
    setup.controller.mode = "shadow"
    setup.beat()
    (reason,) = setup.health.state().reasons
    assert setup.desired.mode == "enforce"
    assert (reason.part, reason.message.split(",")[0]) == ("mode", "this agent does not know the mode shadow")
    setup.controller.mode = Mode.OBSERVE
    setup.beat()
    assert setup.desired.mode is Mode.OBSERVE and setup.health.state().reasons == ()


# -- a controller that forgot --------------------------------------------------------------------------------------


def test_a_controller_with_an_empty_database_does_not_take_the_network_down_at_once(setup: Setup) -> None:
    """However many beats come right after the first: each change of health and of links causes one."""
    setup.desired.put(link(id=A))
    setup.beat()
    for _ in range(5):
        setup.beat(after=1)
    assert setup.desired.link(A) is not None
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.beat()
    assert setup.desired.link(A) is not None and not setup.desired.suspects


def test_what_is_to_go_as_nobody_wants_it_is_told_before(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.desired.put(link(id=A))
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{B}"))
    for _ in range(2):
        setup.beat(after=1)
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [f"Nobody wants these links, which go if the next report finds the same: {A} and 1 more"]
    assert setup.desired.link(A) is not None and setup.desired.removal(B) is None
    setup.beat()
    assert setup.desired.removal(A) is not None and setup.desired.removal(B) is not None


def test_so_it_is_if_the_report_after_the_pull_does_not_arrive(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        setup.beat()
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{B}"))
    setup.heartbeat.pull()
    with monkeypatch.context() as patch, pytest.raises(exceptions.BusUnavailable):
        patch.setattr(setup.controller, "report_state", mock.Mock(side_effect=exceptions.BusUnavailable("away")))
        setup.beat()
    assert setup.desired.suspects == {B} and any(B in text for text in caplog.messages)


def test_what_the_controller_does_not_know_for_an_interval_goes(setup: Setup) -> None:
    setup.desired.put(link(id=A))
    setup.beat()
    setup.beat(after=27)
    assert setup.desired.link(A) is None and setup.desired.removal(A) is not None


def test_a_mark_that_nobody_knows_goes_also_if_it_comes_later(setup: Setup) -> None:
    """As with an older copy of a database that is put back; no digest tells of it."""
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.beat()
    for index, link_id in ((7, A), (8, B)):
        setup.observed.put_device(index, Device(index, f"v{index}", "veth", f"vethagent:{link_id}"))
    for _ in range(2):
        assert setup.desired.removal(B) is None
        setup.beat()
    assert setup.desired.removal(B) is not None
    pulls = setup.controller.pulls
    setup.beat()
    assert (setup.controller.pulls, setup.desired.ids()) == (pulls, {A, B})


def test_a_controller_with_another_database_takes_nothing_down(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.observed.put_device(7, Device(7, "v7", "veth", f"vethagent:{C}"))
    setup.controller_wants()
    setup.controller.incarnation = B
    for _ in range(5):
        setup.beat()
    assert setup.desired.link(A) is not None
    assert [reason.part for reason in setup.health.state().reasons] == ["controller"]
    setup.controller_wants(link(id=A))
    assert C not in caplog.text
    setup.beat()
    assert C in caplog.text and not setup.health.state().reasons, "it knows everything again"
    setup.controller_wants()
    for _ in range(3):
        setup.beat()
    assert setup.desired.link(A) is None, "and now it is the one that decides"


def test_what_another_database_did_not_know_is_no_reason_for_the_old_one(
    setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty one was put in place of it for a while, and then an older copy."""
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.controller_wants()
    setup.controller.incarnation = B
    for _ in range(2):
        setup.beat()
    setup.controller.incarnation = A
    caplog.clear()
    setup.beat()
    assert setup.desired.link(A) is not None
    assert any(text.startswith("Nobody wants these links, which go if the next") for text in caplog.messages)
    setup.beat()
    assert setup.desired.link(A) is None


def test_another_database_is_told_from_the_old_one_after_a_restart(tmp_path: pathlib.Path) -> None:
    before = Desired(Store(str(tmp_path / "store")))
    assert before.recognise(A) and before.recognise(A)
    before.flush()
    after = Desired(Store(str(tmp_path / "store")))
    assert not after.recognise(B) and after.recognise(A)


def test_a_controller_that_lost_the_states_is_told_them_again(setup: Setup) -> None:
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.journal.tell(state(link_id=A))
    setup.deliver()
    setup.beat()
    assert setup.outbox.take(9, timeout=0) == []
    setup.controller.told.clear()
    setup.beat()
    assert [event.state.link_id for event in setup.deliver()] == [A]


def test_a_report_between_a_request_and_its_first_event_pulls_and_repeats_nothing(setup: Setup) -> None:
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.journal.tell(state(link_id=A))
    setup.deliver()
    wanted = link(id=B)
    setup.controller_wants(link(id=A), wanted)
    setup.controller.told[B] = state(link_id=B, status=Status.BUILD, reason=Reason.PLUGGING)
    setup.desired.put(wanted)
    pulls = setup.controller.pulls
    for _ in range(3):
        setup.beat()
    assert setup.controller.pulls == pulls
    assert setup.outbox.take(9, timeout=0) == []


def test_a_request_that_comes_with_the_answer_pulls_and_repeats_nothing(setup: Setup) -> None:
    """What was reported is older than what the controller compares it with."""
    setup.beat()
    pulls, wanted, taken = setup.controller.pulls, link(id=A), setup.controller.report_state

    def meanwhile(context: dict[str, Any], report: model.StateReport) -> model.ReportAnswer:
        setup.controller_wants(wanted)
        setup.controller.told[A] = state(link_id=A, status=Status.BUILD, reason=Reason.PLUGGING)
        setup.desired.put(wanted)
        return taken(context, report)

    setup.controller.report_state = meanwhile  # type: ignore[method-assign]
    setup.beat()
    assert setup.controller.pulls == pulls
    assert setup.outbox.take(9, timeout=0) == []


def test_what_was_not_looked_at_since_the_start_is_not_compared(setup: Setup) -> None:
    setup.desired.put(link(id=A))
    setup.journal.restored([link(id=A)], {})
    setup.controller_wants(link(id=A))
    setup.controller.told[A] = state(link_id=A)
    for _ in range(2):
        setup.beat()
        assert setup.controller.pulls == 0


def test_while_events_are_on_their_way_nothing_is_repeated(setup: Setup) -> None:
    setup.controller_wants(link(id=A))
    setup.beat()
    setup.journal.tell(state(link_id=A))
    setup.beat()
    assert setup.outbox.position()[0] == 1


def test_a_paused_agent_does_not_repeat_itself_at_each_beat(setup: Setup) -> None:
    """It looks at nothing, so what was changed meanwhile differs until it goes on."""
    setup.controller_wants(link(id=A))
    setup.controller.mode = Mode.PAUSED
    setup.beat()
    setup.journal.tell(state(link_id=B))
    setup.deliver()
    setup.controller.told |= {C: state(link_id=C)}
    for _ in range(3):
        setup.beat()
    assert setup.outbox.take(9, timeout=0) == []


def test_what_the_controller_waits_to_see_gone_is_removed(setup: Setup) -> None:
    setup.controller.deleted = (ref(A, 3),)
    setup.beat()
    setup.beat()
    removal = setup.desired.removal(A)
    assert removal is not None and removal.ref.generation == 3


def test_a_cast_ends_a_back_off_and_makes_no_report_otherwise(setup: Setup) -> None:
    heartbeat = setup.heartbeat
    heartbeat.heard()
    assert heartbeat._report_by is None
    heartbeat._backing_off = True
    heartbeat.heard()
    assert heartbeat._report_by is not None
    setup.now = heartbeat._report_by
    heartbeat._wait(30, hurry=False)  # for ever, if it did


def test_a_refusal_is_logged_once_until_a_report_is_taken(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = exceptions.DatabaseUnavailable("away\nTraceback")
    script = [away, away, exceptions.BusUnavailable("slow"), away, exceptions.InvalidMessage("no"), None, away]

    def beat() -> None:
        error = script.pop(0)
        setup.heartbeat._stopping = not script
        if error is not None:
            raise error

    monkeypatch.setattr(setup.heartbeat, "_beat", beat)
    monkeypatch.setattr(setup.heartbeat, "_wait", lambda *_, **__: False)
    setup.heartbeat._run()
    refusals = [text.rpartition(" ")[2] for text in caplog.messages if "refused" in text]
    assert refusals == ["away", "no", "away"]


def test_who_came_back_with_all_others_does_not_go_on_with_them(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start and an outage are the same for many; the report right after it says that all is well, as those do."""
    away = exceptions.BusUnavailable("away")
    script: list[tuple[Exception | None, bool]]
    script = [(None, False), (None, True), (None, True), (away, True), (None, False), (None, True), (None, True)]
    pauses: list[bool] = []

    def beat() -> None:
        setup.heartbeat._stopping = len(script) == 1
        if (error := script[0][0]) is not None:
            raise error

    def next_report(interval: float, *, alone: bool) -> float:
        pauses.append(alone)
        return interval

    monkeypatch.setattr(setup.heartbeat, "_beat", beat)
    monkeypatch.setattr(setup.heartbeat, "_wait", lambda *_, **__: script.pop(0)[1])
    monkeypatch.setattr("vethagent.agent.reporter.next_report", next_report)
    setup.heartbeat._run()
    assert pauses == [False, False, True, False, False, True]
