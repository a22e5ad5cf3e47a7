from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from tests.unit.plumbing.builders import link_id
from vethagent import exceptions, model
from vethagent.model import Reason, Status
from vethagent.plumbing.apply import PART, TOGETHER, Applier, Failure
from vethagent.plumbing.steps import AttachPort, DetachPort, KeepBridge, LinkPlan
from vethagent.privileged import operations
from vethagent.privileged.recovery import Outcome

A, B, C = (link_id(number) for number in (1, 2, 3))


class Helper:
    """Does what it is told; ``errors`` are by link, ``refused`` links make the whole batch refused."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.batches: list[list[operations.Operation]] = []
        self.errors: dict[str, str] = {}
        self.refused: set[str] = set()
        self.away: list[bool] = []
        self.scripted: list[list[Outcome]] = []

    def apply(self, batch_operations: list[operations.Operation]) -> list[Outcome]:
        self._log.append("helper")
        self.batches.append(batch_operations)
        if self.away and self.away.pop(0):
            raise exceptions.HelperUnavailable("no helper")
        if self.scripted:
            return self.scripted.pop(0)
        if bad := self.refused & {operation.link_id for operation in batch_operations}:
            raise exceptions.HelperRefused(f"bad field of {min(bad)}")
        return [self._outcome(operation) for operation in batch_operations]

    def _outcome(self, operation: operations.Operation) -> Outcome:
        if error := self.errors.get(operation.link_id):
            return Outcome(error, 0)
        return Outcome("", int(operation.link_id[-4:], 16) if isinstance(operation, operations.CreatePair) else 0)


class Ovs:
    """Takes all steps of a transaction or none; a step of a ``refused`` link makes it none."""

    def __init__(self, log: list[str]) -> None:
        self._log = log
        self.rows: list[DetachPort | AttachPort] = []
        self.silent: set[str] = set()
        self.connected = True
        self.transactions = 0
        self.refused: set[tuple[str, str]] = set()
        self.away: set[str] = set()
        self.stuck: set[str] = set()

    def is_stuck(self, ports: Iterable[str]) -> bool:
        return not self.stuck.isdisjoint(ports)

    def settle(self, ports: Sequence[str]) -> None:
        self._log.append("settle")
        if not self.silent.isdisjoint(ports):
            raise exceptions.OvsdbUnavailable("ovs-vswitchd does not act")

    def begin(self, *, attach: Iterable[AttachPort]) -> Callable[[], None]:
        failed: list[Exception] = []
        try:
            self.commit(attach=attach)
        except (exceptions.OvsdbUnavailable, exceptions.OvsdbRefused) as error:
            failed.append(error)

        def wait() -> None:
            if failed:
                raise failed[0]

        return wait

    def commit(
        self,
        *,
        detach: Iterable[DetachPort] = (),
        attach: Iterable[AttachPort] = (),
        keep: Iterable[KeepBridge] = (),
    ) -> None:
        steps: list[DetachPort | AttachPort] = [*detach, *attach]
        assert steps or keep
        self.transactions += 1
        what = "attach" if isinstance(steps[0], AttachPort) else "detach"
        self._log.append(what)
        if what in self.away:
            raise exceptions.OvsdbUnavailable("no server")
        if bad := self.refused & {(what, step.link_id) for step in steps}:
            raise exceptions.OvsdbRefused(f"no bridge for {min(bad)[1]}")
        self.rows += steps


class Setup:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.helper, self.ovs = Helper(self.log), Ovs(self.log)
        self.applier = Applier(self.helper, self.ovs)  # type: ignore[arg-type]

    def apply(self, plans: list[LinkPlan]) -> dict[str, Failure]:
        """Carry all of ``plans`` out; return the failures."""
        failures, left = self.applier.apply(plans)
        assert left == set()
        return failures

    def attached(self) -> set[str]:
        return {step.link_id for step in self.ovs.rows if isinstance(step, AttachPort)}

    def taken_back(self) -> set[tuple[str, int]]:
        return {(op.link_id, op.ifindex) for op in self.helper.batches[-1] if isinstance(op, operations.DeletePair)}


@pytest.fixture
def setup() -> Setup:
    return Setup()


def create(of: str) -> operations.CreatePair:
    ends = [{"name": name, "mac": "02:00:00:00:00:01", "mtu": 1500} for name in (f"a{of[-1]}", f"b{of[-1]}")]
    return operations.CreatePair.model_validate({"link_id": of, "ends": ends})


def plan(of: str, *, detach: bool = False, make: bool = True, attach: bool = True, settle: bool = False) -> LinkPlan:
    return LinkPlan(
        model.LinkState(link_id=of, generation=1, status=Status.BUILD),
        detach=(DetachPort("br", f"b{of[-1]}", of),) if detach else (),
        operations=(create(of),) if make else (),
        attach=(AttachPort("br", f"b{of[-1]}", of, None),) if attach else (),
        settle=settle,
    )


def test_a_batch_is_one_call_and_two_transactions_in_order(setup: Setup) -> None:
    assert setup.apply([plan(of, detach=True, settle=True) for of in (A, B, C)]) == {}
    assert setup.log == ["detach", "helper", "settle", "helper", "attach"]
    assert setup.attached() == {A, B, C}


def test_what_ovs_vswitchd_took_down_as_it_let_go_is_made_once_more(setup: Setup) -> None:
    wanted = plan(A, detach=True, settle=True)
    left = operations.DeletePair(link_id=A, ifindex=7)
    assert setup.apply([replace(wanted, operations=(left, *wanted.operations))]) == {}
    assert setup.helper.batches == [[left, *wanted.operations], list(wanted.operations)]


def test_a_pair_is_taken_back_if_ovs_vswitchd_does_not_let_go(setup: Setup) -> None:
    setup.ovs.silent = {"b1"}
    failures = setup.apply([plan(A, detach=True, settle=True), plan(B)])
    assert {of: failure.reason for of, failure in failures.items()} == {A: Reason.OVSDB_UNAVAILABLE}
    assert setup.attached() == {B}
    assert setup.taken_back() == {(A, 1)}


def test_those_that_wait_for_ovs_vswitchd_come_last(setup: Setup) -> None:
    assert setup.apply([plan(A, detach=True, settle=True), plan(B), plan(C)]) == {}
    assert setup.log == ["helper", "attach", "detach", "helper", "settle", "helper", "attach"]
    assert setup.attached() == {A, B, C}


def test_what_ovs_vswitchd_may_still_hold_is_not_made_anew(setup: Setup) -> None:
    setup.ovs.stuck = {"b1"}
    failures = setup.apply([plan(A), plan(B)])
    assert failures.keys() == {A}
    assert failures[A].reason is Reason.OVSDB_UNAVAILABLE
    assert setup.attached() == {B}
    assert [operation.link_id for batch in setup.helper.batches for operation in batch] == [B]


def test_nothing_to_do_calls_nobody(setup: Setup) -> None:
    assert setup.apply([]) == {}
    assert setup.apply([plan(A, make=False, attach=False)]) == {}
    assert setup.log == []


def test_without_settle_ovs_vswitchd_is_not_waited_for(setup: Setup) -> None:
    setup.apply([plan(A, detach=True)])
    assert setup.log == ["detach", "helper", "attach"]


def test_a_pair_that_cannot_be_made_is_not_attached_and_holds_nobody_up(setup: Setup) -> None:
    setup.helper.errors[B] = "EEXIST: File exists"
    assert setup.apply([plan(of) for of in (A, B, C)]) == {B: Failure(Reason.NETLINK_ERROR, "EEXIST: File exists")}
    assert setup.attached() == {A, C}
    assert len(setup.helper.batches) == 1


def test_a_port_that_is_refused_is_found_and_its_pair_taken_back(setup: Setup) -> None:
    setup.ovs.refused = {("attach", B)}
    failures = setup.apply([plan(of) for of in (A, B, C)])
    assert failures == {B: Failure(Reason.OVSDB_REFUSED, f"no bridge for {B}")}
    assert setup.attached() == {A, C}
    assert setup.taken_back() == {(B, 2)}


def test_a_pair_that_was_there_before_is_not_taken_back(setup: Setup) -> None:
    setup.ovs.refused = {("attach", A)}
    assert set(setup.apply([plan(A, make=False)])) == {A}
    assert setup.helper.batches == []


def test_without_a_server_all_that_was_made_is_taken_back(setup: Setup) -> None:
    setup.ovs.away = {"attach"}
    failures = setup.apply([plan(A), plan(B), plan(C, attach=False)])
    assert {of: failure.reason for of, failure in failures.items()} == dict.fromkeys((A, B), Reason.OVSDB_UNAVAILABLE)
    assert setup.taken_back() == {(A, 1), (B, 2)}


def test_what_cannot_be_detached_is_not_touched(setup: Setup) -> None:
    setup.ovs.away = {"detach"}
    failures = setup.apply([plan(A, detach=True), plan(B)])
    assert failures == {A: Failure(Reason.OVSDB_UNAVAILABLE, "no server")}
    assert [op.link_id for op in setup.helper.batches[0]] == [B]
    assert setup.attached() == {B}


def test_what_a_silent_server_was_not_asked_for_cannot_come_about(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(**_: object) -> None:
        raise exceptions.OvsdbSilent("no answer")

    monkeypatch.setattr(setup.ovs, "commit", silent)
    failures = setup.apply(many(detach=True, make=False, attach=False, settle=True))
    assert failures.keys() == set(MANY) and {of for of in MANY if failures[of].silent} == set(MANY[:PART])


def test_a_detach_that_is_refused_is_found_too(setup: Setup) -> None:
    setup.ovs.refused = {("detach", A)}
    assert set(setup.apply([plan(of, detach=True, settle=True) for of in (A, B, C)])) == {A}
    assert setup.attached() == {B, C}


def test_a_batch_that_the_helper_refuses_is_tried_link_by_link(setup: Setup) -> None:
    setup.helper.refused = {B}
    assert setup.apply([plan(of) for of in (A, B, C)]) == {B: Failure(Reason.HELPER_REFUSED, f"bad field of {B}")}
    assert setup.attached() == {A, C}


def test_without_a_helper_nothing_is_attached(setup: Setup) -> None:
    setup.helper.away = [True]
    failures = setup.apply([plan(A), plan(B, make=False)])
    assert failures == {A: Failure(Reason.HELPER_UNAVAILABLE, "no helper", silent=True)}
    assert setup.attached() == {B}


def test_one_step_of_a_link_that_fails_takes_back_what_another_made(setup: Setup) -> None:
    """The old pair cannot be deleted, the new one was made all the same."""
    both = LinkPlan(
        plan(A).state, operations=(operations.DeletePair(link_id=A, ifindex=9), create(A)), attach=plan(A).attach
    )
    setup.helper.scripted = [[Outcome("EBUSY", 0), Outcome("", 77)], [Outcome("", 0)]]
    assert set(setup.apply([both])) == {A}
    assert setup.attached() == set() and setup.taken_back() == {(A, 77)}


@pytest.mark.parametrize("away", [True, False])
def test_what_cannot_be_taken_back_is_said(setup: Setup, caplog: pytest.LogCaptureFixture, away: bool) -> None:
    setup.ovs.away = {"attach"}
    setup.helper.away = [False, away]
    setup.helper.scripted = [[Outcome("", 1)], [Outcome("EBUSY", 0)]]
    assert setup.apply([plan(A)])[A].reason is Reason.OVSDB_UNAVAILABLE
    assert "could not be taken back" in caplog.text


MANY = [link_id(number) for number in range(1, 2 * PART + 2)]


def many(**fields: bool) -> list[LinkPlan]:
    """Return plans of two parts and one more."""
    return [plan(of, **fields) for of in MANY]


def test_a_great_batch_is_done_in_parts_names_are_freed_first(setup: Setup) -> None:
    removal = replace(plan(A, make=False, attach=False), operations=(operations.DeletePair(link_id=A, ifindex=5),))
    assert setup.apply([*many()[1:], removal]) == {}
    assert setup.log == ["helper", *["helper", "attach"] * 2]
    assert [len(batch) for batch in setup.helper.batches] == [1, PART, PART]
    assert setup.helper.batches[0][0].verb == "delete_pair"
    assert setup.attached() == set(MANY[1:])


def test_many_pairs_go_together(setup: Setup) -> None:
    removals = [
        replace(plan(of, make=False, attach=False), operations=(operations.DeletePair(link_id=of, ifindex=5),))
        for of in (link_id(number) for number in range(1, TOGETHER + 2))
    ]
    assert setup.apply(removals) == {}
    assert [len(batch) for batch in setup.helper.batches] == [TOGETHER, 1]


def test_a_part_is_ended_and_no_other_begun_when_the_process_is_to_end(setup: Setup) -> None:
    failures, left = setup.applier.apply(many(), stopping=lambda: bool(setup.log))
    assert (failures, left) == ({}, set(MANY[PART:]))
    assert setup.log == ["helper", "attach"]
    assert setup.attached() == set(MANY[:PART])


@pytest.mark.parametrize("away", ["helper", "attach"])
def test_who_does_not_answer_is_not_asked_again_for_the_next_part(setup: Setup, away: str) -> None:
    if away == "helper":
        setup.helper.away = [True]
    else:
        setup.ovs.away = {"attach"}
    bare = plan(link_id(999), make=False, attach=False)
    assert set(setup.apply([*many(), bare])) == set(MANY)
    assert setup.log.count(away) == 1
