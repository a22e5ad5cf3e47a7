import concurrent.futures
import datetime
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.controller import fakes
from vethagent import model
from vethagent.controller import purging
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events, unseen
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports
from vethagent.controller.requests import EventQuery, LinkQuery
from vethagent.model import Reason, Status

LINK = str(uuid.UUID(int=5))
OTHER_STREAM = str(uuid.UUID(int=2))


def numbered(seqs: list[int], stream: str = fakes.STREAM) -> model.PortEvents:
    began = fakes.START + datetime.timedelta(minutes=uuid.UUID(stream).int % 1000)
    return fakes.batch([fakes.event(LINK, seq, observed_at=began) for seq in seqs], stream=stream)


@given(st.lists(st.lists(st.integers(0, 30), max_size=10), max_size=10))
def test_no_event_of_a_stream_is_taken_twice(batches: list[list[int]]) -> None:
    last, taken = -1, []
    for seqs in batches:
        fresh = unseen(numbered(seqs), last)
        taken += [event.seq for event in fresh]
        last = taken[-1] if fresh else last
    assert taken == sorted(set(taken))


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=15))
def test_everything_arrives_when_a_sender_repeats_what_was_not_acknowledged(steps: list[tuple[int, bool]]) -> None:
    first, end, last, taken = 0, 0, -1, []
    for more, acknowledged in steps:
        end += more
        for event in unseen(numbered(list(range(first, end))), last):
            taken.append(event.seq)
            last = event.seq
        if acknowledged:
            first = end
    assert taken == list(range(end))


def test_repeat_is_dropped(events: Events) -> None:
    assert len(events.store(numbered([1, 2]))) == 2
    assert len(events.store(numbered([1, 2]))) == 0
    assert len(events.store(numbered([2, 3]))) == 1
    assert len(events.store(numbered([1], OTHER_STREAM))) == 1
    assert [event.seq for event in events.list(EventQuery())] == [1, 2, 3, 1]


def test_what_an_agent_sent_last_is_taken_once_though_the_next_one_was_heard_before(events: Events) -> None:
    """A controller that stood still has taken the message, and so has another, by which it was sent again."""
    assert len(events.store(numbered([1, 2]))) == 2
    assert len(events.store(numbered([1], OTHER_STREAM))) == 1
    assert [event.seq for event in events.store(numbered([2, 3]))] == [3]
    assert [event.seq for event in events.store(numbered([1, 2], OTHER_STREAM))] == [2]
    assert [event.seq for event in events.store(numbered([1], str(uuid.UUID(int=3))))] == [1]
    assert [event.seq for event in events.store(numbered([2], OTHER_STREAM))] == []
    assert [event.seq for event in events.list(EventQuery())] == [1, 2, 1, 3, 2, 1]


def test_what_arrives_again_after_several_agents_is_known(events: Events) -> None:
    """An agent that is started again and again, and a controller that stood still with what an early one has said."""
    for number in range(1, 5):
        assert len(events.store(numbered([1, 2], str(uuid.UUID(int=number))))) == 2
    late = numbered([1, 2, 3], str(uuid.UUID(int=1)))
    assert [event.seq for event in events.store(late)] == [3]
    assert events.store(late) == []
    assert events.store(numbered([1, 2], str(uuid.UUID(int=2)))) == []
    assert events.store(numbered([1, 2], str(uuid.UUID(int=4)))) == []
    assert len(events.list(EventQuery())) == 9


def test_a_follower_misses_no_event_that_was_committed_late(events: Events, database: Database) -> None:
    seen: list[str] = []

    def follow(after: int) -> int:
        found = events.list(EventQuery(after=after))
        seen.extend(event.host for event in found)
        return found[-1].id if found else after

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with database.writer() as session:
            events._store(session, [numbered([1])])
            other = pool.submit(events.store, fakes.batch([fakes.event(LINK, 1)], host="h2"))
            concurrent.futures.wait([other], timeout=0.5)  # it cannot overtake; what can has the time to
            last = follow(0)
        assert len(other.result(30)) == 1
    follow(last)
    assert seen == ["h1", "h2"]


def test_state_is_taken_over(events: Events, links: Links, known: str, clock: fakes.Clock) -> None:
    link = links.create(fakes.CONTEXT, fakes.body(name="seed"))
    clock.advance(1)
    difference = {"code": "MTU", "device": "a", "wanted": "1500", "observed": "1400"}
    event = fakes.event(
        link.id, 1, status="DOWN", reason="DRIFT", message="so", differences=[difference], took_ms=1.5, kind="drifted"
    )
    events.store(fakes.batch([event]))
    shown = links.show(link.id)
    assert (shown.status, shown.reason, shown.message) == (Status.DOWN, Reason.DRIFT, "so")
    assert (shown.observed_generation, shown.status_changed_at) == (1, clock.now)
    assert [end.device for end in shown.observed] == ["a", "b"]
    assert [each.model_dump(exclude={"since"}) for each in shown.differences] == [difference]
    stored = events.list(EventQuery())[0]
    assert (stored.link_name, stored.kind, stored.took_ms, stored.received_at) == ("seed", "drifted", 1.5, clock.now)
    assert stored.observed_at == fakes.START
    assert shown.updated_at == link.updated_at


def test_words_of_a_newer_agent_are_shown_as_they_are(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    said = {"kind": "merged", "status": "DEGRADED", "reason": "LINK_FLAPS"}
    events.store(fakes.batch([fakes.event(link.id, 1, **said)]))
    stored = events.list(EventQuery())[0]
    assert (stored.kind, stored.status, stored.reason) == tuple(said.values())
    shown = links.show(link.id)
    assert (shown.status, shown.reason) == ("DEGRADED", "LINK_FLAPS")
    assert links.list(LinkQuery())[0] == [shown]


def test_the_last_of_a_batch_wins(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    events.store(fakes.batch([fakes.event(link.id, 2), fakes.event(link.id, 1, status="ERROR", reason="LOOP")]))
    assert links.show(link.id).status is Status.ACTIVE


def test_an_event_of_an_older_generation_does_not_change_the_status(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    links.update(fakes.CONTEXT, link.id, model.BridgeLinkUpdate(mtu=1400))
    events.store(fakes.batch([fakes.event(link.id, 1, generation=1)]))
    shown = links.show(link.id)
    assert (shown.status, shown.reason, shown.observed_generation) == (Status.BUILD, Reason.PLUGGING, 1)
    assert len(events.list(EventQuery())) == 1
    events.store(fakes.batch([fakes.event(link.id, 2, generation=2)]))
    assert links.show(link.id).status is Status.ACTIVE
    events.store(fakes.batch([fakes.event(link.id, 3, generation=1, status="ERROR", reason="LOOP")]))
    assert links.show(link.id).observed_generation == 2
    assert links.show(link.id).status is Status.ACTIVE


def test_what_was_told_before_an_older_copy_was_put_back_is_over(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    events.store(fakes.batch([fakes.event(link.id, 1, generation=5)]))
    events.store(fakes.batch([fakes.event(link.id, 2, generation=1, status="ERROR", reason="LOOP")]))
    shown = links.show(link.id)
    assert (shown.status, shown.reason, shown.observed_generation) == (Status.ERROR, Reason.LOOP, 1)


def test_unplugged_removes_what_is_to_go(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    gone = {"kind": "unplugged", "status": "DOWN", "reason": "UNPLUGGED"}
    events.store(fakes.batch([fakes.event(link.id, 1, **gone)]))
    assert links.show(link.id).reason is Reason.UNPLUGGED
    links.delete(fakes.CONTEXT, link.id)
    events.store(fakes.batch([fakes.event(link.id, 2, generation=1, **gone)]))
    assert links.show(link.id).status is Status.PENDING_DELETE
    events.store(fakes.batch([fakes.event(link.id, 3, generation=2, **gone), fakes.event(link.id, 4, generation=2)]))
    with pytest.raises(Exception, match="there is no link"):
        links.show(link.id)
    assert len(events.list(EventQuery(link_id=link.id))) == 4
    assert events.history(link.id)[-1].status == "DELETED"  # what came after is none of it
    assert links.create(fakes.CONTEXT, fakes.body()).status is Status.BUILD


def test_what_goes_stays_going_and_tells_why_it_cannot(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    links.delete(fakes.CONTEXT, link.id)
    events.store(fakes.batch([fakes.event(link.id, 1, generation=2, status="ERROR", reason="OVSDB_UNAVAILABLE")]))
    shown = links.show(link.id)
    assert (shown.status, shown.reason) == (Status.PENDING_DELETE, Reason.OVSDB_UNAVAILABLE)


def test_no_agent_speaks_of_another_hosts_link(events: Events, links: Links, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    events.store(fakes.batch([fakes.event(link.id, 1)], host="h2"))
    assert links.show(link.id).status is Status.BUILD
    assert events.list(EventQuery(host="h2"))[0].link_name is None


def test_the_largest_numbers_are_kept(events: Events) -> None:
    largest = (1 << 63) - 1
    events.store(fakes.batch([fakes.event(LINK, largest, generation=largest)]))
    assert [(event.seq, event.generation) for event in events.list(EventQuery())] == [(largest, largest)]


def test_odd_values_do_not_stop_the_stream(events: Events) -> None:
    odd = fakes.event(LINK, 1, message="a\0" + "x" * 100_000, took_ms=float("inf"))
    assert len(events.store(fakes.batch([odd]))) == 1
    stored = events.list(EventQuery())[0]
    assert stored.took_ms is None
    assert stored.message.startswith("ax")


def test_listing(events: Events) -> None:
    events.store(fakes.batch([fakes.event(LINK, seq, kind="failed" if seq == 3 else "changed") for seq in range(5)]))
    ids = [event.id for event in events.list(EventQuery())]
    assert ids == sorted(ids)
    assert [event.id for event in events.list(EventQuery(limit=2))] == ids[-2:]
    assert [event.id for event in events.list(EventQuery(limit=2, after=ids[0]))] == ids[1:3]
    assert [event.seq for event in events.list(EventQuery(kind="failed"))] == [3]
    assert events.list(EventQuery(host="h9")) == []


def test_purge_deletes_old_ones_and_their_ids_do_not_come_again(
    database: Database, liveness: Liveness, events: Events, clock: fakes.Clock
) -> None:
    events.store(numbered([1, 2]))
    last = events.list(EventQuery())[-1].id
    clock.advance(86400 * 3)
    assert purging.purge(database, liveness, 4).events == 0
    assert purging.purge(database, liveness, 2).events == 2
    events.store(numbered([3]))
    assert [event.id for event in events.list(EventQuery())] == [last + 1]


def test_batches_of_several_hosts_at_once(events: Events, links: Links, reports: Reports) -> None:
    made = {}
    for host in ("h1", "h2"):
        reports.take(fakes.report(host))
        made[host] = links.create(fakes.CONTEXT, fakes.body(host=host)).id
    batches = [
        fakes.batch([fakes.event(made["h1"], 0)]),
        fakes.batch([fakes.event(made["h2"], 0, status=Status.DOWN, reason=Reason.DRIFT)], host="h2"),
        fakes.batch([fakes.event(made["h1"], seq) for seq in (0, 1)]),  # sent again, with one that is new
        fakes.batch([fakes.event(made["h2"], 2)], host="h1"),  # of a link that is not on this host
    ]
    taken = events._take(batches)
    assert [[event.seq for event in each] for each, _ in taken] == [[0], [0], [1], [2]]
    assert links.show(made["h1"]).status is Status.ACTIVE
    assert links.show(made["h2"]).reason is Reason.DRIFT
    assert [(event.host, event.seq) for event in events.list(EventQuery())] == [
        ("h1", 0),
        ("h2", 0),
        ("h1", 1),
        ("h1", 2),
    ]
    assert [len(each) for each, _ in events._take(batches)] == [0] * 4


def test_since_when_a_link_differs(links: Links, events: Events, known: str) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    mtu = {"code": "MTU", "device": "phy-br1", "wanted": "1500", "observed": "1400"}
    loose = {"code": "NOT_ATTACHED", "device": "phy-br1", "wanted": "br1", "observed": "none"}
    told: list[list[dict[str, str]]] = [[mtu], [mtu | {"observed": "1300"}, loose], [loose], [mtu]]
    seconds = [[0], [0, 1], [1], [3]]
    for seq, (differences, since) in enumerate(zip(told, seconds, strict=True)):
        at = fakes.START + datetime.timedelta(seconds=seq)
        state = {"status": "DOWN", "reason": "DRIFT", "differences": differences}
        events.store(fakes.batch([fakes.event(link.id, seq, observed_at=at, **state)]))
        found = links.show(link.id).differences
        assert [each.since for each in found] == [fakes.START + datetime.timedelta(seconds=each) for each in since]
        assert [each.model_dump(exclude={"since"}) for each in found] == differences


@pytest.mark.parametrize("ahead", [-7200, 0, 7200])
def test_since_when_a_link_differs_whatever_the_agents_clock_says(
    links: Links, events: Events, known: str, ahead: int
) -> None:
    link = links.create(fakes.CONTEXT, fakes.body())
    sent_at = fakes.START + datetime.timedelta(seconds=ahead)
    mtu = {"code": "MTU", "device": "phy-br1", "wanted": "1500", "observed": "1400"}
    kept = sent_at - datetime.timedelta(seconds=20)
    event = fakes.event(link.id, 0, observed_at=kept, status="DOWN", reason="DRIFT", differences=[mtu])
    events.store(fakes.batch([event]).model_copy(update={"sent_at": sent_at}))
    [shown] = links.show(link.id).differences
    assert shown.since == fakes.START - datetime.timedelta(seconds=20)
