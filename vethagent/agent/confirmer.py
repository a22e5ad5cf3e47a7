"""Commit-confirmed: a batch with which the host loses the way to the bus is taken back.

The consumer asks before a batch and goes on at once; probes are made by a thread, and only while they are needed.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from vethagent import logs, model
from vethagent.agent.desired import Desired
from vethagent.agent.health import Counters
from vethagent.agent.inbox import Inbox
from vethagent.agent.standing import Standing, is_watched
from vethagent.agent.trials import Probe, Trials, Verdict, Ways
from vethagent.plumbing.steps import LinkPlan
from vethagent.privileged.operations import AdoptPair

LOG = logging.getLogger(__name__)

#: Seconds for which a batch waits for a probe with its plans made; where nothing is wrong it takes about a millisecond.
_PATIENCE = 0.05
#: Seconds since the host was booted until its network has to be there: addresses are asked for, switches let ports in.
_BOOT_SECONDS = 120.0
#: Seconds for which a port of a bridge that spans a tree lets nothing pass: it listens and then learns, each for the
#: forward delay, of 15 s in Linux and in Open vSwitch.
_TREE_SECONDS = 2 * 15.0


class Way(Protocol):
    """A way out of the host."""

    @property
    def name(self) -> str:
        """Of what ``reached`` has found; another one of another name does not take its place."""

    @property
    def patience(self) -> float:
        """The seconds for which ``reached`` waits for answers."""

    def reached(self) -> bool | None:
        """Return whether its other end answers, None if this host could not ask; may take a second or two."""


class Confirmer:
    """All that is public, but for ``start`` and ``stop``, is for the consumer."""

    def __init__(
        self, *, ways: Sequence[Way], timeout: float, desired: Desired, inbox: Inbox, counters: Counters
    ) -> None:
        """``ways``: the one to the bus first; with none, or with a ``timeout`` of 0 s, everything is admitted."""
        self._ways = ways if timeout > 0 else ()
        self._timeout = timeout
        self._desired = desired
        self._inbox = inbox
        self._counters = counters
        self._trials = Trials(timeout, ways[0].name if ways else "")
        #: Links, by generation, that were on trial before the start: what was there before them is not known any more.
        self._taken_up = {
            link.id: link.generation
            for link in filter(None, map(desired.link, desired.ids()))
            if self._ways and desired.standing(link.id) is Standing.TRIAL
        }
        # Perhaps nobody will say that they carry: in mode paused links are not looked at, nor while OVSDB is away.
        self._begin_again(self._taken_up)
        #: Links that are to be taken back, until that was done once; perhaps an agent before this one began with it.
        self._condemned = {link_id for link_id in desired.ids() if desired.standing(link_id) is Standing.HELD}
        #: Links that take over a pair with the batch that is under way.
        self._adopted: set[str] = set()
        self._waiting: set[str] = set()
        self._asked = False
        self._condition = threading.Condition()
        self._closed = False

    def start(self) -> None:
        """Begin; without a way there is nothing to do."""
        if self._ways:
            threading.Thread(target=self._run, name="confirmer", daemon=True).start()

    def stop(self) -> None:
        """End; what is on trial stays so, and is taken up at the next start."""
        with self._condition:
            self._closed = True
            self._condition.notify()

    def admit(self, plans: Sequence[LinkPlan]) -> list[LinkPlan]:
        """Return the plans that may be carried out now; the links of the others are marked again when theirs may.

        The links of a plan that lets packets pass for the first time are on trial from now on.
        """
        self._take_over(plans)
        risky = {plan.state.link_id: plan.state.generation for plan in plans if self._is_risky(plan)}
        if not risky:
            return list(plans)
        with self._condition:
            taken_up = dict(risky.items() & self._taken_up.items())
            fresh = dict(risky.items() - taken_up.items())
            waiting = self._is_too_early(fresh)
            self._begin_again({key: number for key, number in taken_up.items() if key not in self._trials})
            self._condition.notify()
        return [plan for plan in plans if not (waiting and plan.state.link_id in fresh)]

    def _take_over(self, plans: Sequence[LinkPlan]) -> None:
        """What is adopted carries already, also if something else than the mark is still to be set after that."""
        self._adopted = {plan.state.link_id for plan in plans if _adopts(plan)}
        for link_id in set(self._adopted):
            link = self._desired.link(link_id)
            if link is None or self._desired.standing(link_id) is not Standing.NEW:
                self._adopted.discard(link_id)
            else:
                self._desired.set_standing(link_id, link.generation, Standing.PROVEN)

    def _is_too_early(self, links: Mapping[str, int]) -> bool:
        """Begin a trial of links; return whether they have to wait, as it is not known which ways are there."""
        if not links:
            return False
        needs = self._trials.baseline(time.monotonic())
        if needs is None and not self._trials.pending:
            needs = self._probe_now()
        if needs is None:
            self._waiting.update(links)
            return True
        for link_id, generation in links.items():
            self._trials.drop(link_id)
            self._desired.set_standing(link_id, generation, Standing.TRIAL if needs else Standing.NEW)
        if needs:
            self._trials.begin(links, needs, time.monotonic())
        else:
            LOG.warning("The bus was out of reach before, so %d links are not watched", len(links))
            self._trials.forget()  # more links may come as soon as it is back
        return False

    def _begin_again(self, links: Mapping[str, int]) -> None:
        """Have the bus reached with links that were on trial before the start, whether or not it is now."""
        if links:
            # The clock is that of the host and tells how long ago it was booted.
            now = time.monotonic()
            self._trials.begin(links, frozenset({self._ways[0].name}), now, timeout=_BOOT_SECONDS - now)

    def _probe_now(self) -> Ways | None:
        """Return the baseline as a probe finds it, None if that takes too long to be waited for."""
        self._asked = True
        self._condition.notify_all()
        self._condition.wait_for(lambda: not self._asked, _PATIENCE)
        return self._trials.baseline(time.monotonic())

    def failed(self, link_ids: Collection[str]) -> None:
        """These could not be plugged, and nothing of them is there."""
        with self._condition:
            for link_id in link_ids:
                link = self._desired.link(link_id)
                if link is not None and self._taken_up.get(link_id) == link.generation:
                    continue  # what there is of it may carry all the same
                self._trials.drop(link_id)
                if link is not None and (link_id in self._adopted or self._desired.standing(link_id) is Standing.TRIAL):
                    self._desired.set_standing(link_id, link.generation, Standing.NEW)

    def carries(self, state: model.LinkState) -> None:
        """A link is ACTIVE, or would be if it were not wanted down."""
        link_id, generation = state.link_id, state.generation
        quiet = _TREE_SECONDS if any(end.stp for end in state.ends) else 0.0
        standing = self._desired.standing(link_id)
        if standing is Standing.NEW or (standing is Standing.TRIAL and not self._ways):
            self._desired.set_standing(link_id, generation, Standing.PROVEN)
        elif standing is Standing.TRIAL:
            with self._condition:
                now = time.monotonic()
                if not self._trials.carries(link_id, generation, now, quiet=quiet):
                    # Plugged before a restart, or open only now.
                    self._begin_again({link_id: generation})
                    self._trials.carries(link_id, generation, now, quiet=quiet)
                self._condition.notify()

    def to_take_back(self, link_ids: Iterable[str]) -> set[str]:
        """Return those of the links that are to be taken back and have not been yet, which is done in every mode."""
        found = self._condemned.intersection(link_ids)
        return {link_id for link_id in found if self._desired.standing(link_id) is Standing.HELD}

    def taken_back(self, link_id: str) -> None:
        """A link was taken back: what happens to it from now on is as with all others."""
        self._condemned.discard(link_id)

    def _is_risky(self, plan: LinkPlan) -> bool:
        if plan.empty or not self._ways:
            return False
        link = self._desired.link(plan.state.link_id)
        if link is None or not is_watched(link):
            return False
        if _marks(plan):
            return False  # what is there has passed packets before
        return self._desired.standing(link.id) in (Standing.NEW, Standing.TRIAL)

    # -- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait():
            begun = time.monotonic()
            answers = _ask(self._ways)
            reached = frozenset(way.name for way, answer in answers if answer)
            unknown = frozenset(way.name for way, answer in answers if answer is None)
            patience = max(way.patience for way in self._ways)
            self._take(Probe(begun, time.monotonic(), reached, unknown, patience))

    def _wait(self) -> bool:
        """Wait until a probe is needed; return whether it is, False at the end."""
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                due = self._trials.next_probe(hurry=bool(self._waiting))
                if self._asked or (due is None and self._waiting):
                    due = now
                if due is not None and due <= now:
                    return True
                self._condition.wait(None if due is None else due - now)
            return False

    def _take(self, probe: Probe) -> None:
        with self._condition:
            self._trials.probed(probe)
            self._asked = False
            self._condition.notify_all()
            verdict = self._trials.verdict()
            woken: set[str] = set()
            if self._waiting and self._trials.baseline(time.monotonic()) is not None:
                woken, self._waiting = self._waiting, set()
        self._execute(verdict)
        self._inbox.mark(woken)

    def _execute(self, verdict: Verdict) -> None:
        for link_id, generation in verdict.confirmed.items():
            self._desired.set_standing(link_id, generation, Standing.PROVEN)
        if verdict.confirmed:
            self._counters.add("confirmed", len(verdict.confirmed))
            self._inbox.wake()  # a round writes it down, again and again if the store takes nothing
        held = {link_id for link_id, generation in verdict.condemned.items() if self._hold(link_id, generation)}
        if held:
            links = sorted(held)
            about = logs.about(links=links)
            what = " and ".join(sorted(verdict.lost))
            LOG.error("Not reached for %g s: %s; taking back %s", self._timeout, what, ", ".join(links), extra=about)
            self._counters.add("taken_back", len(held))
            self._condemned |= held
            self._inbox.mark(held)

    def _hold(self, link_id: str, generation: int) -> bool:
        """Keep a link back; return whether it is still wanted. What it was changed to meanwhile may wait its turn."""
        link = self._desired.link(link_id)
        if link is not None and self._desired.standing(link_id) in (Standing.NEW, Standing.TRIAL):
            generation = link.generation
        return self._desired.set_standing(link_id, generation, Standing.HELD)


def _marks(plan: LinkPlan) -> bool:
    """Return whether a pair that is there is marked, and nothing else of it changes."""
    return bool(plan.operations) and all(isinstance(operation, AdoptPair) for operation in plan.operations)


def _adopts(plan: LinkPlan) -> bool:
    """Return whether that pair was somebody else's: if it was the link's it has changed, and is not in BUILD."""
    return _marks(plan) and plan.state.status is model.Status.BUILD


def _ask(ways: Sequence[Way]) -> list[tuple[Way, bool | None]]:
    """Ask all side by side, so that one probe takes no longer where several are lost."""
    answers: dict[int, bool | None] = {}

    def ask(number: int) -> None:
        try:
            answers[number] = ways[number].reached()
        except Exception:  # nobody else would make the next probe
            LOG.exception("It could not be found out whether %s is reached", ways[number].name)
            answers[number] = None

    threads = [threading.Thread(target=ask, args=[number], name="way", daemon=True) for number in range(1, len(ways))]
    for number, thread in enumerate(threads, 1):
        try:
            thread.start()
        except RuntimeError:  # there are as many as there may be
            ask(number)
    ask(0)
    for thread in threads:
        if thread.ident is not None:
            thread.join()
    return [(way, answers[number]) for number, way in enumerate(ways)]
