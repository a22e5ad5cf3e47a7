"""What has been said of each link, and what to say next: from states to port events."""

import dataclasses
import datetime
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping

from vethagent import model
from vethagent.agent.stopwatch import Stopwatch
from vethagent.model import Difference, EventKind, LinkState, Reason, Status

#: What passes by itself; a veth has carrier a moment after its other end has come up.
_MOVING = (Reason.PLUGGING, Reason.DRIFT, Reason.NO_CARRIER, Reason.UNPLUGGING, Reason.OVSDB_UNAVAILABLE)


@dataclasses.dataclass(slots=True)
class _Notice:
    """Since when (monotonic seconds) a link is not as wanted, and what was wrong that was right before."""

    since: float
    generation: int | None = None
    drift: dict[tuple[str, str], Difference] = dataclasses.field(default_factory=dict)


class Journal:
    """Turns the states that the reconciler finds into port events; one thread owns it.

    A state that is on its way to another within milliseconds is not told. It is told if it lasts: ``settling`` names
    the links that have to be looked at again.
    """

    def __init__(
        self,
        publish: Callable[[model.PortEvent], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        drifted: Callable[[Difference], None] = lambda _: None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """``drifted`` is called once for each thing that was right and is found wrong.

        What ``stopwatch`` has of a link goes with its next event.
        """
        self.stopwatch = stopwatch or Stopwatch()
        self._publish = publish
        self._drifted = drifted
        self._clock = clock
        self._told: dict[str, LinkState] = {}
        self._notices: dict[str, _Notice] = {}
        self._carried: dict[str, int] = {}
        self._restored: set[str] = set()
        self._delivered: Mapping[str, str] = {}

    def restored(self, links: Iterable[model.BridgeLink], delivered: Mapping[str, str]) -> None:
        """These were wanted before the start: what is wrong with them is drift.

        ``delivered`` has by link id the fingerprints of the states that the controller has heard of them.
        """
        self._carried.update((link.id, link.generation) for link in links)
        self._restored.update(self._carried)
        self._delivered = delivered

    def notice(self, link_id: str) -> None:
        """Something happened to the link."""
        self._notices.setdefault(link_id, _Notice(self._clock()))

    def found(self, state: LinkState) -> None:
        """The link was found so, before anything is done about it."""
        notice = self._notices.setdefault(state.link_id, _Notice(self._clock()))
        if notice.generation not in (None, state.generation):
            # Another request: how long the one before was not as wanted is no part of it.
            notice = self._notices[state.link_id] = _Notice(self._clock())
        notice.generation = state.generation
        if state.differences and self._carried.get(state.link_id) == state.generation:
            for difference in state.differences:
                if (difference.code, difference.device) not in notice.drift:
                    self._drifted(difference)
                notice.drift[difference.code, difference.device] = difference

    def tell(self, state: LinkState, *, request_id: str | None = None, moving: bool = False) -> bool:
        """The link is so now; return whether that is not its last word.

        With ``moving`` the caller has just acted on it, so that what it knows is old.
        """
        if moving or self._is_moving(state):
            return True
        self._say(state, request_id)
        return False

    def tell_late(self, state: LinkState, *, request_id: str | None = None) -> None:
        """The link has been on its way for too long: say how it is."""
        if self._told.get(state.link_id) != state:
            drifted = state.reason is Reason.DRIFT
            self._emit(state, EventKind.DRIFTED if drifted else EventKind.CHANGED, request_id)

    def forget(self, link_id: str) -> None:
        """The link is gone."""
        for book in (self._told, self._notices, self._carried):
            book.pop(link_id, None)
        self.stopwatch.read(link_id)

    def states(self) -> list[LinkState]:
        """Return the state of each link as it was told last."""
        return list(self._told.values())

    def reason(self, link_id: str) -> object:
        """Return the reason that was told last of a link, None if nothing was."""
        state = self._told.get(link_id)
        return state.reason if state is not None else None

    def looked(self, link_ids: Iterable[str]) -> bool:
        """Return whether each of the links that were wanted before the start has been looked at since."""
        return all(link_id in self._told for link_id in self._restored.intersection(link_ids))

    def repeat(self) -> None:
        """Tell everything again: the controller remembers something else."""
        for state in self.states():
            self._emit(state, EventKind.CHANGED, None)

    def _is_moving(self, state: LinkState) -> bool:
        return state.reason in _MOVING and state.status in (Status.BUILD, Status.DOWN, Status.PENDING_DELETE)

    def _say(self, state: LinkState, request_id: str | None) -> None:
        settled = state.status is Status.ACTIVE or state.reason is Reason.ADMIN_DOWN
        # Until it is as wanted, what was wrong is not forgotten.
        notice = self._notices.pop(state.link_id, None) if settled else self._notices.get(state.link_id)
        timing = self.stopwatch.read(state.link_id)
        before = self._told.get(state.link_id)
        kind = _kind(state, before, drifted=bool(notice and notice.drift))
        carried = self._carried.get(state.link_id) == state.generation
        if carried and kind is EventKind.PLUGGED:
            kind = EventKind.CHANGED  # it only could not be said, as without OVSDB, that it was there
        if settled:
            self._carried[state.link_id] = state.generation
        first_look = before is None and carried and kind not in (EventKind.REPAIRED, EventKind.UNPLUGGED)
        if first_look and self._delivered.get(state.link_id) in (None, fingerprint(state)):
            # That is how it was before the start; if the controller remembers otherwise the digests say so.
            self._told[state.link_id] = state
            return
        if state == before and kind is not EventKind.REPAIRED:
            return
        repaired = tuple(notice.drift.values()) if notice and kind is EventKind.REPAIRED else ()
        self._emit(state, kind, request_id, since=notice.since if notice else None, repaired=repaired, timing=timing)

    def _emit(
        self,
        state: LinkState,
        kind: EventKind,
        request_id: str | None,
        *,
        since: float | None = None,
        repaired: tuple[Difference, ...] = (),
        timing: model.Timing | None = None,
    ) -> None:
        self._told[state.link_id] = state
        self._publish(
            model.PortEvent(
                seq=0,
                kind=kind,
                state=state,
                repaired=repaired,
                took_ms=round((self._clock() - since) * 1000, 3) if since is not None else None,
                observed_at=datetime.datetime.now(datetime.UTC),
                request_id=request_id,
                timing=timing,
            )
        )


def fingerprint(state: LinkState) -> str:
    """Return a hash, 32 hex digits, over all that is said of a link.

    A field that another version does not know makes no difference as long as it has its default.
    """
    return hashlib.blake2b(state.model_dump_json(exclude_defaults=True).encode(), digest_size=16).hexdigest()


def _kind(state: LinkState, before: LinkState | None, *, drifted: bool) -> EventKind:
    if state.reason is Reason.UNPLUGGED:
        return EventKind.UNPLUGGED
    if state.status is Status.ERROR:
        return EventKind.CHANGED if before is not None and _failure(before) == _failure(state) else EventKind.FAILED
    if state.status is Status.ACTIVE or state.reason is Reason.ADMIN_DOWN:
        if drifted:
            return EventKind.REPAIRED
        if before is None or before.status is not state.status or before.generation != state.generation:
            return EventKind.PLUGGED
    return EventKind.CHANGED


def _failure(state: LinkState) -> tuple[object, ...]:
    """Return what makes a failure another one; ends may still change, as a port that was made anew gets its number."""
    return state.generation, state.status, state.reason, state.message
