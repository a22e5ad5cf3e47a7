import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.builders import ids
from vethagent.agent.trials import Probe, Trials, Ways

A, B, C = ids(3)
BUS, GATEWAY = frozenset({"bus"}), frozenset({"gateway"})
NOTHING: Ways = frozenset()
TIMEOUT = 10.0


class Play:
    """Trials on a clock: ``go`` lets time pass and makes the probes that are asked for."""

    def __init__(self) -> None:
        self.trials = Trials(TIMEOUT, "bus")
        self.now = 0.0
        self.reached: Ways = BUS
        self.unknown: Ways = NOTHING
        self.confirmed: dict[str, int] = {}
        self.condemned: list[set[str]] = []
        self.lost: Ways = NOTHING
        self.probes = 0
        self.patience = 0.0

    def probe(self, begun: float | None = None) -> None:
        self.probes += 1
        begun = self.now if begun is None else begun
        self.trials.probed(Probe(begun, self.now, self.reached, self.unknown, self.patience))
        verdict = self.trials.verdict()
        self.confirmed |= verdict.confirmed
        if verdict.condemned:
            self.condemned.append(set(verdict.condemned))
            self.lost = verdict.lost

    def plug(self, *links: str) -> bool:
        """As the agent does: begin when the baseline is known, and see them carry a moment later."""
        while self.trials.baseline(self.now) is None and self.trials.next_probe() is None:
            self.probe()
        needs = self.trials.baseline(self.now)
        if needs is None:
            return False
        if needs:
            self.trials.begin(dict.fromkeys(links, 1), needs, self.now)
            self.now += 0.01
            for link in links:
                self.trials.carries(link, 1, self.now)
        return True

    def stand_still(self, seconds: float, *, asking: bool) -> None:
        """Let time pass in which nothing is done, not even by who waits for an answer, if it is ``asking`` for one."""
        begun, self.now = self.now, self.now + seconds
        if asking:
            self.probe(begun)

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.trials.next_probe()) is not None and max(due, self.now) <= end:
            self.now = max(due, self.now)
            self.probe()
        self.now = end


def test_a_link_with_which_nothing_is_lost_is_confirmed_after_the_watch() -> None:
    play = Play()
    assert play.plug(A)
    play.go(TIMEOUT - 1)
    assert not play.confirmed
    play.go(2)
    assert play.confirmed == {A: 1} and not play.condemned
    assert play.trials.next_probe() is None


def test_a_batch_with_which_the_way_is_lost_is_taken_back() -> None:
    play = Play()
    play.plug(A, B)
    play.reached = NOTHING
    play.go(TIMEOUT - 1)
    assert not play.condemned
    play.go(3)
    assert play.condemned == [{A, B}] and not play.confirmed
    play.go(TIMEOUT + 2)
    assert play.trials.next_probe() is None


def test_a_way_that_returns_in_time_is_no_reason() -> None:
    play = Play()
    play.plug(A)
    for _ in range(5):
        play.reached = NOTHING
        play.go(TIMEOUT - 2)
        play.reached = BUS
        play.go(1.5)
    play.go(TIMEOUT)
    assert play.confirmed == {A: 1} and not play.condemned


def test_what_was_lost_before_is_not_held_against_a_batch() -> None:
    play = Play()
    play.reached = NOTHING
    assert play.plug(A)
    assert play.trials.next_probe() is None
    play.reached = GATEWAY
    play.now = 100
    assert play.plug(B)
    play.go(TIMEOUT * 2)
    assert play.confirmed == {B: 1} and not play.condemned


def test_every_way_that_was_there_has_to_stay() -> None:
    play = Play()
    play.reached = BUS | GATEWAY
    play.plug(A)
    play.reached = BUS
    play.go(TIMEOUT * 2)
    assert play.condemned == [{A}] and play.lost == GATEWAY


def test_batches_before_which_other_ways_were_there_are_on_trial_apart() -> None:
    play = Play()
    play.plug(A)
    play.trials.begin({B: 1}, BUS | GATEWAY, play.now)
    play.trials.carries(B, 1, play.now)
    play.go(3 * TIMEOUT)
    assert play.condemned == [{B}] and play.confirmed == {A: 1}


def test_batches_that_follow_each_other_at_once_are_on_trial_together() -> None:
    play = Play()
    assert play.plug(A) and play.plug(B)
    play.reached = NOTHING
    play.go(TIMEOUT + 2)
    assert play.condemned == [{A, B}] and not play.confirmed


def test_a_row_of_batches_ends_however_long_it_is() -> None:
    play = Play()
    assert play.plug(A)
    while play.plug(B) and play.now < TIMEOUT:
        play.go(0.03)
    assert play.now < 1 and play.probes == 1
    due = play.trials.next_probe(hurry=True)
    assert due is not None and due <= play.now
    play.go(TIMEOUT * 2)
    assert play.confirmed == {A: 1, B: 1}


def test_the_next_batch_waits_if_the_ways_were_not_seen_after_this_one() -> None:
    play = Play()
    play.plug(A)
    play.reached = NOTHING
    play.go(0.1)
    assert not play.plug(B)
    play.go(1)
    assert not play.plug(B)
    play.go(TIMEOUT + 2)
    assert play.condemned == [{A}]
    assert not play.plug(B), "it would not be known whether the way is lost by this one too"
    play.reached = BUS
    play.go(1.5)
    assert play.plug(B)
    play.reached = NOTHING
    play.go(TIMEOUT + 2)
    assert play.condemned == [{A}, {B}]


def test_a_way_that_does_not_return_holds_up_nobody_for_ever() -> None:
    play = Play()
    play.plug(A)
    play.reached = NOTHING
    play.go(TIMEOUT + 2)
    assert play.condemned == [{A}] and not play.plug(B)
    play.go(TIMEOUT + 2)
    assert play.plug(B)


def test_what_was_missed_during_a_trial_is_no_proof_before_the_next_batch() -> None:
    """It was long in coming back, and the batch has come over it."""
    play = Play()
    play.plug(A)
    play.reached = NOTHING
    while play.trials.next_probe() is not None:
        play.go(1)
    assert play.condemned == [{A}] and play.trials.baseline(play.now) is None
    play.reached = BUS
    assert play.plug(B) and B in play.trials


def test_what_was_missed_long_ago_is_no_proof_before_a_batch() -> None:
    """Whatever asked then has gone."""
    play = Play()
    play.reached = NOTHING
    while play.trials.baseline(play.now) is None:
        play.probe()
    assert play.trials.baseline(play.now) == NOTHING
    play.now += 1000
    play.probe()
    assert play.trials.baseline(play.now) is None


@pytest.mark.parametrize("seen_with_it", [0, 1])
def test_only_the_last_batch_goes_if_the_way_was_seen_before_it(seen_with_it: float) -> None:
    play = Play()
    play.plug(A)
    play.go(1)
    assert play.plug(B)
    play.go(seen_with_it)
    play.reached = NOTHING
    play.go(TIMEOUT + 2)
    assert play.condemned == [{B}]
    play.reached = BUS
    play.go(TIMEOUT + 2)
    assert play.confirmed == {A: 1}


@pytest.mark.parametrize("seen_with_it", [0, 1])
def test_all_others_go_if_it_does_not_help(seen_with_it: float) -> None:
    play = Play()
    for link in (A, B, C):
        play.plug(link)
        play.go(seen_with_it if link == C else 1)
    play.reached = NOTHING
    play.go(TIMEOUT * 3)
    assert play.condemned == [{C}, {A, B}]


def test_what_cannot_be_found_out_is_not_held_against_a_batch() -> None:
    play = Play()
    play.plug(A)
    play.reached, play.unknown = NOTHING, BUS
    play.go(TIMEOUT * 2)
    assert play.confirmed == {A: 1}


def test_what_could_not_be_found_out_is_no_loss_before_the_next_batch() -> None:
    play = Play()
    play.plug(A)
    play.reached, play.unknown = NOTHING, BUS
    play.go(5)
    play.reached, play.unknown = BUS, NOTHING
    assert not play.plug(B)
    play.go(1)
    assert play.plug(B)
    play.reached = NOTHING
    play.go(TIMEOUT * 3)
    assert play.condemned == [{B}, {A}]


def test_a_batch_waits_for_what_cannot_be_found_out_no_longer_than_for_the_trial() -> None:
    play = Play()
    play.plug(A)
    play.reached, play.unknown = NOTHING, BUS
    play.go(5)
    assert not play.plug(B)
    play.go(TIMEOUT)
    assert play.plug(B)


def test_who_does_not_carry_yet_is_not_confirmed() -> None:
    play = Play()
    play.probe()
    play.trials.begin({A: 1, B: 1}, BUS, 0)
    play.trials.carries(A, 1, 5)
    play.now = 5
    play.go(TIMEOUT * 2)
    assert play.confirmed == {A: 1}
    assert not play.trials.carries(B, 1, play.now)


def test_a_link_that_is_quiet_at_first_is_watched_longer() -> None:
    play = Play()
    play.probe()
    for link, begun, quiet in (A, 0, 3 * TIMEOUT), (B, 5, 0):
        play.trials.begin({link: 1}, BUS, begun)
        play.trials.carries(link, 1, begun, quiet=quiet)
        play.go(5)
    play.go(3 * TIMEOUT - 5)
    assert play.confirmed == {B: 1}
    play.reached = NOTHING
    play.go(TIMEOUT + 2)
    assert play.condemned == [{A}]


@pytest.mark.parametrize("asking", [False, True])
@pytest.mark.parametrize("lost_before", [0, TIMEOUT - 2])
def test_time_in_which_the_agent_stood_still_is_none_without_the_way(*, lost_before: float, asking: bool) -> None:
    play = Play()
    play.plug(A)
    play.go(1)
    play.reached = NOTHING
    play.go(lost_before)
    play.stand_still(60, asking=asking)
    play.go(TIMEOUT - 2)
    assert not play.condemned
    play.reached = BUS
    play.go(TIMEOUT + 2)
    assert play.confirmed == {A: 1} and not play.condemned


def test_a_way_that_is_still_lost_after_the_agent_stood_still_is_lost() -> None:
    play = Play()
    play.plug(A)
    play.reached = NOTHING
    play.go(TIMEOUT - 2)
    play.stand_still(60, asking=True)
    play.go(TIMEOUT + 2)
    assert play.condemned == [{A}]


def test_an_agent_that_hardly_ever_has_its_turn_comes_to_an_end_too() -> None:
    play = Play()
    play.plug(A)
    play.reached = NOTHING
    for _ in range(20):
        play.stand_still(20, asking=True)
    assert play.condemned == [{A}]


def test_it_may_take_long_to_ask_many() -> None:
    play = Play()
    play.patience = 8
    play.plug(A)
    play.reached = NOTHING
    for _ in range(3):
        assert not play.condemned
        play.stand_still(7, asking=True)
    assert play.condemned == [{A}]


def test_dropped_links_end_a_trial() -> None:
    play = Play()
    play.plug(A)
    play.trials.drop(A)
    assert play.trials.next_probe() is None


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("plug"), st.sampled_from([A, B, C])),
        st.tuples(st.just("reach"), st.sampled_from([NOTHING, BUS, GATEWAY, BUS | GATEWAY])),
        st.tuples(st.just("go"), st.floats(0.1, 25)),
        st.tuples(st.just("drop"), st.sampled_from([A, B, C])),
    ),
    max_size=30,
)


@given(MOVES)
def test_every_trial_ends_and_nobody_goes_without_a_loss(moves: list[tuple[str, object]]) -> None:
    play = Play()
    ever_lost = False
    for verb, what in moves:
        if verb == "plug":
            play.trials.drop(str(what))
            play.plug(str(what))
        elif verb == "reach":
            assert isinstance(what, frozenset)
            ever_lost |= not play.reached <= what
            play.reached = what
        elif verb == "go":
            assert isinstance(what, float)
            play.go(what)
        else:
            play.trials.drop(str(what))
        assert ever_lost or not play.condemned
    # However it was left: each batch that is open is confirmed or taken back, one after the other, and the next may go.
    play.go(TIMEOUT * 8)
    assert play.trials.next_probe() is None
    assert play.plug(A)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_nobody_goes_whose_way_was_there_within_the_timeout(seen: list[bool]) -> None:
    play = Play()
    play.plug(A)
    lost_since: float | None = None
    for answers in seen:
        play.reached = BUS if answers else NOTHING
        play.now += 1
        lost_since = None if answers else (play.now if lost_since is None else lost_since)
        play.probe()
        if play.condemned:
            assert lost_since is not None and play.now - lost_since >= TIMEOUT
            return
        if play.confirmed:
            return
        assert lost_since is None or play.now - lost_since < TIMEOUT


def test_a_batch_is_left_alone_before_its_probe_unless_another_waits() -> None:
    play = Play()
    assert play.plug(A)
    due = play.trials.next_probe()
    assert due is not None and due > play.now
    assert play.trials.next_probe(hurry=True) == play.now
    play.go(due - play.now)
    assert play.probes == 2 and play.trials.baseline(play.now) is not None
