import uuid

from hypothesis import given
from hypothesis import strategies as st

from vethagent import model
from vethagent.controller import digests
from vethagent.controller.digests import HeldLink
from vethagent.model import Reason, Status

reported = st.sampled_from([Status.BUILD, Status.ACTIVE, Status.DOWN, Status.ERROR])
reasons = st.sampled_from(list(Reason))


@st.composite
def held_links(draw: st.DrawFn) -> HeldLink:
    observed = draw(st.none() | st.integers(0, 5))
    return HeldLink(
        id=str(draw(st.uuids())),
        generation=draw(st.integers(1, 5)),
        status=draw(st.sampled_from(list(Status))),
        reason=draw(reasons),
        observed_generation=observed,
        reported_status=None if observed is None else draw(reported),
        reported_reason=None if observed is None else draw(reasons),
    )


def link(**fields: object) -> HeldLink:
    values = {
        "id": str(uuid.UUID(int=7)),
        "generation": 3,
        "status": Status.ACTIVE,
        "reason": Reason.NONE,
        "observed_generation": 3,
        "reported_status": Status.ACTIVE,
        "reported_reason": Reason.NONE,
    }
    return HeldLink(**(values | fields))  # type: ignore[arg-type]


@given(st.lists(held_links()), st.randoms())
def test_order_does_not_matter(links: list[HeldLink], random: object) -> None:
    shuffled = list(links)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digests.desired(links) == digests.desired(shuffled)
    assert digests.observed(links) == digests.observed(shuffled)


@given(st.lists(held_links()), held_links())
def test_a_wanted_link_more_is_noticed_and_one_that_goes_is_not_wanted(links: list[HeldLink], more: HeldLink) -> None:
    same = digests.desired([*links, more]) == digests.desired(links)
    assert same == (more.status == Status.PENDING_DELETE)
    assert digests.observed([*links, more]) != digests.observed(links)


def test_what_is_shown_does_not_count_only_what_was_said() -> None:
    expected = model.observed_digest([(link().id, 2, Status.DOWN, Reason.DRIFT)])
    for status in (Status.BUILD, Status.ACTIVE, Status.DOWN):
        held = link(status=status, observed_generation=2, reported_status=Status.DOWN, reported_reason=Reason.DRIFT)
        assert digests.observed([held]) == expected


def test_never_reported_is_being_plugged() -> None:
    held = link(observed_generation=None, reported_status=None, reported_reason=None)
    assert digests.observed([held]) == model.observed_digest([(held.id, 3, Status.BUILD, Reason.PLUGGING)])


def test_a_link_that_goes_is_seen_by_an_agent_that_forgot_it() -> None:
    held = link(status=Status.PENDING_DELETE, reason=Reason.UNPLUGGING)
    assert digests.observed([held]) == model.observed_digest([(held.id, 3, Status.PENDING_DELETE, Reason.UNPLUGGING)])
    assert digests.observed([held]) != digests.observed([])
    assert digests.desired([held]) == digests.desired([])
