"""A whole fleet in a few variables: what is decided is played through, with hosts that answer as hypothesis likes."""

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vethagent import model
from vethagent.controller.fleet import deciding
from vethagent.controller.fleet.deciding import (
    Complete,
    LinkNow,
    MemberNow,
    MemberState,
    Progress,
    Rest,
    RolloutState,
    Settle,
    Sleep,
    Start,
    Stop,
    Tally,
    decide,
    judge,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
POLICY = model.RolloutPolicy()

policies = st.builds(
    model.RolloutPolicy,
    canary=st.integers(0, 3),
    batch_size=st.integers(1, 5),
    pause=st.sampled_from([0.0, 30.0]),
    max_failure_share=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    time_limit=st.just(60.0),
)


@dataclasses.dataclass
class Play:
    """A roll-out that is played: ``answers`` tell how each host that is there ends."""

    policy: model.RolloutPolicy
    answers: list[MemberState]
    not_here: int
    now: datetime.datetime = NOW
    batches: int = 0
    settled_at: datetime.datetime | None = None
    begun: int = 0
    away: int = 0
    open: list[MemberState] = dataclasses.field(default_factory=list)
    over: list[MemberState] = dataclasses.field(default_factory=list)

    def tally(self) -> Tally:
        return Tally(
            here=len(self.answers) - self.begun,
            not_here=self.not_here - self.away,
            started=len(self.open),
            done=self.over.count(MemberState.DONE),
            failed=self.over.count(MemberState.FAILED),
            away=self.over.count(MemberState.AWAY) + self.away,
        )

    def decide(self) -> deciding.Action:
        return decide(
            Progress(RolloutState.RUNNING, self.batches, self.settled_at), self.tally(), self.policy, self.now
        )

    def begin(self, action: Start) -> None:
        before = self.tally()
        assert action.count > 0
        assert not before.started, "a batch begins only when the one before is over"
        if self.batches:
            assert self.settled_at is not None
            assert self.now >= self.settled_at + datetime.timedelta(seconds=self.policy.pause)
        if action.here:
            limit = self.policy.batch_size if self.batches or not self.policy.canary else self.policy.canary
            assert action.count <= min(limit, before.here)
            self.open = self.answers[self.begun : self.begun + action.count]
            self.begun += action.count
        else:
            assert not before.here, "who is not there comes last"
            self.away += action.count
        self.batches += 1
        self.settled_at = None

    def answer(self) -> None:
        self.over.append(self.open.pop(0))

    def play(self) -> Complete | Stop:
        for _ in range(1000):
            action = self.decide()
            match action:
                case Complete() | Stop():
                    return action
                case Start():
                    self.begin(action)
                case Settle():
                    self.settled_at = self.now
                case Sleep(until):
                    assert until > self.now
                    self.now = until
                case Rest():
                    assert self.open, "nothing happens for ever"
                    self.answer()
        raise AssertionError("it does not end")


answers = st.lists(st.sampled_from([MemberState.DONE, MemberState.FAILED, MemberState.AWAY]), max_size=30)


@given(policies, answers, st.integers(0, 5))
def test_it_ends_and_no_host_is_left_out(policy: model.RolloutPolicy, answers: list[MemberState], away: int) -> None:
    play = Play(policy, answers, away)
    end = play.play()
    tally = play.tally()
    too_many = tally.failed > policy.max_failure_share * tally.judged
    assert isinstance(end, Stop) == too_many
    if isinstance(end, Complete):
        assert tally == Tally(done=tally.done, failed=tally.failed, away=tally.away)
        assert tally.done + tally.failed + tally.away == len(answers) + away


@given(policies.filter(lambda policy: policy.canary > 0), answers)
def test_a_canary_that_fails_is_the_last(policy: model.RolloutPolicy, answers: list[MemberState]) -> None:
    failing = [MemberState.FAILED] * policy.canary
    careful = policy.model_copy(update={"max_failure_share": min(policy.max_failure_share, 0.5)})
    play = Play(careful, [*failing, *answers], not_here=2)
    assert isinstance(play.play(), Stop)
    assert (play.begun, play.away) == (policy.canary, 0)


@given(policies, st.integers(1, 40), st.integers(0, 9))
def test_with_no_failure_it_stops_for_nothing(policy: model.RolloutPolicy, here: int, away: int) -> None:
    assert isinstance(Play(policy, [MemberState.DONE] * here, away).play(), Complete)


@pytest.mark.parametrize("state", [state for state in RolloutState if state is not RolloutState.RUNNING])
def test_only_one_that_runs_goes_on(state: RolloutState) -> None:
    assert decide(Progress(state, 1, NOW), Tally(here=3, failed=1), POLICY, NOW) == Rest()


def test_nobody_is_there() -> None:
    assert decide(Progress(RolloutState.RUNNING, 0, None), Tally(not_here=3), POLICY, NOW) == Start(3, here=False)


def test_the_share_is_of_the_hosts_begun() -> None:
    policy = model.RolloutPolicy(max_failure_share=0.25)
    begun = Progress(RolloutState.RUNNING, 2, None)
    assert decide(begun, Tally(started=1, done=2, failed=1), policy, NOW) == Rest()
    assert isinstance(decide(begun, Tally(started=1, done=1, failed=1), policy, NOW), Stop)
    assert isinstance(decide(begun, Tally(done=2, failed=1, away=9), policy, NOW), Stop)


LINK = LinkNow("ACTIVE", "", "", generation=2, observed_generation=2, admin_state_up=True)
PLUGGING = dataclasses.replace(LINK, status="BUILD", reason="PLUGGING", observed_generation=1)
BAD = dataclasses.replace(LINK, status="ERROR", reason="BRIDGE_NOT_FOUND", message="there is no bridge br9")
DOWN = dataclasses.replace(LINK, status="DOWN", reason="ADMIN_DOWN")
GOING = dataclasses.replace(PLUGGING, status="PENDING_DELETE", reason="UNPLUGGING")


@pytest.mark.parametrize(
    ("state", "leaving", "link", "when", "expected"),
    [
        ("STARTED", False, LINK, (True, False), "DONE"),
        ("STARTED", False, BAD, (True, False), "FAILED"),
        ("STARTED", False, dataclasses.replace(BAD, observed_generation=1), (True, False), "STARTED"),
        ("STARTED", False, dataclasses.replace(LINK, observed_generation=1), (True, False), "STARTED"),
        ("STARTED", False, PLUGGING, (True, True), "FAILED"),
        ("STARTED", False, PLUGGING, (False, False), "STARTED"),
        ("STARTED", False, PLUGGING, (False, True), "AWAY"),
        ("STARTED", False, DOWN, (True, True), "FAILED"),
        ("STARTED", False, dataclasses.replace(DOWN, admin_state_up=False), (True, False), "DONE"),
        ("STARTED", True, GOING, (True, False), "STARTED"),
        ("STARTED", True, GOING, (True, True), "FAILED"),
        ("STARTED", True, GOING, (False, True), "AWAY"),
        ("STARTED", True, None, (True, True), "DONE"),
        ("AWAY", False, PLUGGING, (True, True), "AWAY"),
        ("AWAY", False, LINK, (True, True), "DONE"),
        ("AWAY", False, BAD, (True, True), "FAILED"),
        ("FAILED", False, LINK, (True, True), "DONE"),
        ("DONE", False, BAD, (True, True), "FAILED"),
        ("DONE", False, dataclasses.replace(LINK, status="DOWN", reason="DRIFT"), (True, True), "DONE"),
    ],
)
def test_what_became_of_a_host(
    state: str, leaving: bool, link: LinkNow | None, when: tuple[bool, bool], expected: str
) -> None:
    here, late = when
    began = NOW - datetime.timedelta(seconds=60 if late else 59)
    member = MemberNow(MemberState(state), leaving, began)
    found, message = judge(member, link, here=here, now=NOW, time_limit=60)
    assert found == expected
    assert bool(message) == (found in ("FAILED", "AWAY") and found != state)
