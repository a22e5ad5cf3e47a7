"""The one consumer: takes all that is dirty, plans it against what is observed, applies it as one batch."""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from vethagent import exceptions, faults, logs, model
from vethagent.agent.confirmer import Confirmer
from vethagent.agent.desired import Desired
from vethagent.agent.early import Early
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Batch, Inbox
from vethagent.agent.journal import Journal
from vethagent.agent.observer import Observer
from vethagent.agent.places import Places
from vethagent.agent.retries import SETTLE, Retries
from vethagent.agent.saver import Saver
from vethagent.agent.standing import Standing
from vethagent.agent.young_bridges import PATIENCE, YoungBridges
from vethagent.model import Mode, Reason, Status
from vethagent.plumbing.apply import Applier, Failure
from vethagent.plumbing.loops import Topology
from vethagent.plumbing.observed import Observed
from vethagent.plumbing.plan import plan_held, plan_link, plan_removal, plan_unread
from vethagent.plumbing.steps import LinkPlan

LOG = logging.getLogger(__name__)

#: Why nothing can be done about any link now.
_AWAY = (Reason.OVSDB_UNAVAILABLE, Reason.HELPER_UNAVAILABLE)


class Reconciler:
    """Owns what is observed. Everything else talks to it through the inbox."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        desired: Desired,
        observed: Observed,
        observer: Observer,
        applier: Applier,
        confirmer: Confirmer,
        drain: Callable[[], None],
        journal: Journal,
        health: HealthKeeper,
        counters: Counters,
        audit_interval: float,
        early: Early,
    ) -> None:
        """``drain`` brings into the inbox what the kernel has told so far; ``audit_interval`` in seconds, 0: never."""
        self._inbox = inbox
        self._desired = desired
        self._observed = observed
        self._observer = observer
        self._applier = applier
        self._confirmer = confirmer
        self._drain = drain
        self._journal = journal
        self._health = health
        self._counters = counters
        self._audit_interval = audit_interval
        self._audit_due = time.monotonic() + audit_interval
        self._early = early
        self._young_bridges = YoungBridges(desired, journal, observed)
        self._retries = Retries()
        self._saver = Saver(desired, health)
        self._loops: set[str] = set()
        self._refused: set[str] = set()
        #: Links of which OVSDB has refused a step: it may take none at all, as without room on its disk.
        self._unwritten: set[str] = set()
        self._places = Places(observed)
        #: Links with which no helper, or not the server of OVSDB, came to an end; they are tried again together.
        self._open: set[str] = set()
        #: Those of them that it was asked for: it may be done all the same.
        self._unsure: set[str] = set()
        #: By link, for which generation it was warned of what.
        self._warned: dict[str, tuple[int, Reason]] = {}
        #: Links with a batch under way.
        self._begun: set[str] = set()

    def start(self) -> threading.Thread:
        """Begin with all that is wanted; return the thread."""
        wanted = filter(None, map(self._desired.link, self._desired.ids()))
        self._journal.restored(wanted, self._desired.delivered())
        self._inbox.look_again()
        self._inbox.mark_all()
        thread = threading.Thread(target=self.run, name="reconciler", daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        """Reconcile until the inbox is closed."""
        while (batch := self._inbox.take(self._pause(), self._hear)) is not None:
            try:
                self._round(batch)
                self._early.done()
                self._health.good("reconciler")
            except Exception as error:
                # One round is lost, not the agent: everything is looked at again after a while.
                news = self._health.bad("reconciler", exceptions.named(error))
                LOG.log(logging.ERROR if news else logging.DEBUG, "A round of the reconciler failed", exc_info=True)
                self._counters.add("reconciler_failures")
                time.sleep(SETTLE)
                self._inbox.look_again()
                self._inbox.mark_all()
        try:
            self._finish()
        except Exception:
            LOG.exception("What was left half could not be finished")

    def unfinished(self) -> set[str]:
        """Return the ids of links with which a batch, or who was asked last, has not come to an end."""
        return self._begun | self._unsure

    def _hear(self) -> None:
        """Bring in what the kernel has told: a way that was there before a link was wanted has to be known before it.

        If that fails whoever listens notices by itself.
        """
        with contextlib.suppress(OSError):
            self._drain()

    def plan(self, links: Sequence[model.BridgeLink]) -> list[LinkPlan]:
        """Return what would be done for ``links``; asked through the inbox."""
        topology = Topology(self._observed)
        return [self._plan_wanted(link, topology) for link in sorted(links, key=lambda link: self._rank(link.id))]

    def look_at_unsettled(self) -> None:
        """Look again at all links that are not as wanted, or not yet; asked through the inbox."""
        self._inbox.mark(self._retries)

    # -- one round -----------------------------------------------------------------------------------------------

    def _round(self, batch: Batch) -> None:
        self._audit(batch)
        self._observed.ovs_away = self._health.is_bad("ovsdb")
        try:
            dirty = self._observer.absorb(batch)
        finally:
            for question in batch.questions:  # whoever asked waits, also if this round is lost
                question()
        dirty = self._early.admit(dirty, unheard=self._observed.ovs_unheard)
        late = self._retries.due(self._open)  # no answer for one is none for all
        mode = self._desired.mode  # it may change while this round is under way
        if mode is not Mode.ENFORCE and (held := self._confirmer.to_take_back(dirty | late)):
            # They are of a batch that was begun in another mode.
            self._reconcile(held, held & late, enforce=True)
            dirty, late = dirty - held, late - held
        if mode is Mode.PAUSED:
            self._saver.save()
            return
        if self._observer.unjoined:
            self._observer.unjoined = False
            dirty |= self._loops
            self._retries.soon(self._refused)  # something has gone, so there may be a place for what had none
        for link_id in dirty:
            self._journal.notice(link_id)
        if dirty or late:
            self._reconcile(dirty | late, late, enforce=mode is Mode.ENFORCE)
        elif self._saver.is_due():
            self._saver.save()

    def _rank(self, link_id: str) -> tuple[bool, str]:
        """Return the order of planning, which decides between links that would close a loop: those that were there."""
        return not self._desired.standing(link_id).plugged, link_id

    def _reconcile(self, link_ids: set[str], late: set[str], *, enforce: bool) -> None:
        plans = self._places.planned(link_ids, self._rank, self._plan_alone)
        if enforce:
            plans = self._admitted(plans)
        self._saver.save()
        faults.point("agent-saved")
        for plan in plans:
            self._journal.found(plan.state)
        failures: dict[str, Failure] = {}
        if enforce and (todo := [plan for plan in plans if not plan.empty]):
            self._observed.remaking.update(_id(plan) for plan in todo if plan.detach and plan.makes)
            self._journal.stopwatch.passed("planned_at", map(_id, todo))
            self._begun = set(map(_id, todo))
            failures, left = self._applier.apply(
                todo, stopping=lambda: self._inbox.closed, passed=self._journal.stopwatch.passed
            )
            self._begun = set()
            if any(self._observed.hears_nothing_of(operation) for plan in todo for operation in plan.operations):
                self._inbox.look_again()
            if any(plan.needs_ovs and _id(plan) not in failures for plan in todo):
                self._retries.soon(self._unwritten)
            unanswered = {key for key, failure in failures.items() if failure.reason is Reason.HELPER_UNAVAILABLE}
            self._confirmer.failed({*failures, *left} - unanswered)
            plans = [plan for plan in plans if _id(plan) not in left]  # the next start does them
            self._counters.add("batches")
            self._judge_helper(todo, failures)
            silent = {key for key, failure in failures.items() if failure.silent}
            self._unsure |= silent
            self._open |= unanswered | silent
            self._unwritten |= {key for key, failure in failures.items() if failure.reason is Reason.OVSDB_REFUSED}
            self._drain()
        for plan in plans:
            if failure := failures.get(plan.state.link_id):
                self._failed(plan.state, failure)
            else:
                self._conclude(plan, late, acted=enforce and not plan.empty)
        if any(failure.reason not in _AWAY for failure in failures.values()):
            # Now and not with the next one that has gone: it may have had to stand back for one that cannot be made.
            self._inbox.mark(self._loops)
        if not enforce:
            self._places.keep_all()
        time.sleep(0)  # let the events go before what follows: greenlets do not do so by themselves
        faults.point("agent-concluded")
        self._saver.save()

    def _admitted(self, plans: list[LinkPlan]) -> list[LinkPlan]:
        """Return what may be done now; the others are marked again when their time has come."""
        finished = self._young_bridges.admit(plans)
        admitted = self._confirmer.admit(finished)
        waiting = set(map(_id, plans)).difference(map(_id, admitted))
        for link_id in waiting:
            self._retries.again(link_id)
        # Something else may have had these tried seldom by now.
        self._retries.soon(waiting.difference(map(_id, finished)), PATIENCE)
        self._places.keep(waiting)
        return admitted

    def _plan_alone(self, link_id: str, topology: Topology) -> LinkPlan | None:
        """Plan one link; a mistake of ours with it holds up no other."""
        try:
            return self._plan(link_id, topology)
        except Exception:
            LOG.exception("Link %s cannot be planned", link_id, extra=logs.about(links=[link_id]))
            self._counters.add("reconciler_failures")
            self._retries.again(link_id)
            return None

    def _plan(self, link_id: str, topology: Topology) -> LinkPlan | None:
        if unread := self._desired.unread(link_id):
            return plan_unread(unread)
        if link := self._desired.link(link_id):
            return self._plan_wanted(link, topology)
        if removal := self._desired.removal(link_id):
            return plan_removal(removal.ref, self._observed, removal.link)
        self._retries.forget(link_id)
        self._journal.forget(link_id)
        self._warned.pop(link_id, None)
        self._places.leave(link_id)
        return None

    def _plan_wanted(self, link: model.BridgeLink, topology: Topology) -> LinkPlan:
        """Plan a link; one that is not wanted so yet as it would be then."""
        if self._desired.link(link.id) == link and self._desired.standing(link.id) is Standing.HELD:
            earlier, first = self._desired.earlier(link.id), bool(self._confirmer.to_take_back([link.id]))
            return plan_held(link, earlier, self._observed, topology, first=first)
        return plan_link(link, self._observed, topology, settled_mtu=self._desired.settled_mtu(link.id))

    def _request_id(self, link_id: str) -> str | None:
        if link := self._desired.unread(link_id) or self._desired.link(link_id):
            return link.request_id
        removal = self._desired.removal(link_id)
        return removal.ref.request_id if removal else None

    def _conclude(self, plan: LinkPlan, late: set[str], *, acted: bool) -> None:
        """Say what has become of one link, and see to it that it is looked at again if this was not the end."""
        state, link_id = plan.state, plan.state.link_id
        request_id = self._request_id(link_id)
        if self._places.leave(link_id):
            self._inbox.mark(self._loops)  # nothing else tells that the place is free of one that was not made
        for book in (self._loops, self._refused, self._open, self._unsure, self._unwritten):
            book.discard(link_id)
        self._warned.pop(link_id, None)
        if state.reason is Reason.LOOP:
            self._loops.add(link_id)
        self._know_rival(link_id, plan.rival)
        if not acted and not plan.empty and state.reason in (Reason.DRIFT, Reason.PLUGGING):
            self._journal.tell_late(state, request_id=request_id)  # observed only, so it stays
            self._retries.forget(link_id)
        elif self._journal.tell(state, request_id=request_id, moving=acted):
            unseen = self._observed.ovs_unheard and state.reason is Reason.OVSDB_UNAVAILABLE
            if link_id in late and not acted and not unseen:
                self._journal.tell_late(state, request_id=request_id)
            self._retries.again(link_id)
        else:
            self._retries.forget(link_id)
        if state.status is Status.ACTIVE or state.reason in (Reason.ADMIN_DOWN, Reason.UNPLUGGED):
            self._observed.remaking.discard(link_id)
        if state.status is Status.ACTIVE or state.reason is Reason.ADMIN_DOWN:
            self._confirmer.carries(state)
            if plan.mtu is not None:
                # Not before: a plan that was not carried out, or not by this process, has changed no device.
                self._desired.settle_mtu(link_id, plan.mtu)
        if state.reason is Reason.CONNECTIVITY_LOST and plan.empty and self._observed.ovs_known:
            self._confirmer.taken_back(link_id)
        if state.reason is Reason.UNPLUGGED:
            self._desired.gone(model.LinkRef(link_id=link_id, generation=state.generation))
            self._journal.forget(link_id)
            self._counters.add("unplugged")

    def _know_rival(self, link_id: str, rival: str | None) -> None:
        """Have a link that another one is in the way of looked at once more: that one may wait for this one."""
        rivals = self._observed.rivals
        if rival is None:
            rivals.pop(link_id, None)
        elif rivals.get(link_id) != rival:
            rivals[link_id] = rival
            self._inbox.mark([link_id])

    def _failed(self, state: model.LinkState, failure: Failure) -> None:
        status = Status.DOWN if failure.reason in _AWAY else Status.ERROR
        if state.status is Status.PENDING_DELETE:
            status = state.status  # it is to go all the same
        request_id = self._request_id(state.link_id)
        self._counters.add("failures")
        about = logs.about(request_id=request_id, links=[state.link_id])
        refused = failure.reason in (Reason.NETLINK_ERROR, Reason.NAME_CONFLICT)
        # The kernel deletes a device in steps, so the plan may have been for one that was just going; the event that
        # says so brings the next round. If nothing does, the retry tells.
        passing = refused and state.reason is Reason.DRIFT and state.link_id not in self._retries
        level, why = logging.DEBUG, (state.generation, failure.reason)
        news = self._warned.get(state.link_id) != why
        if refused and news:
            self._inbox.look_again()  # of a device that is down the kernel does not tell that it has lost its mark
        if news and not passing:
            level, self._warned[state.link_id] = logging.WARNING, why
        LOG.log(level, "Link %s: %s: %s", state.link_id, failure.reason, failure.message, extra=about)
        told = state.model_copy(update={"status": status, "reason": failure.reason, "message": failure.message})
        self._retries.again(state.link_id)
        if failure.vanished:
            # Whoever deletes its devices again and again now and then hits a batch that is making them, and no event
            # tells of these: nothing had been seen of them before.
            self._retries.soon([state.link_id])
        self._loops.discard(state.link_id)  # or it would wake itself for ever
        if passing or failure.reason in _AWAY:
            self._places.keep([state.link_id])
        else:
            self._places.leave(state.link_id)
        if refused:
            self._refused.add(state.link_id)
        if not passing and self._journal.tell(told, request_id=request_id):
            self._journal.tell_late(told, request_id=request_id)

    def _judge_helper(self, plans: Sequence[LinkPlan], failures: dict[str, Failure]) -> None:
        away = [failure for failure in failures.values() if failure.reason is Reason.HELPER_UNAVAILABLE]
        if away:
            self._health.bad("privsep", away[0].message)
            self._inbox.look_again()  # of a device that is down the kernel does not tell that it has got its mark
        elif any(plan.operations for plan in plans):
            self._health.good("privsep")

    def _finish(self) -> None:
        """At the end: make whole what a helper, or a server of OVSDB, that never answered may have left half.

        The pairs that it made can be put into Open vSwitch without one. Whatever needs a helper is tried once more.
        """
        if not self._unsure or self._desired.mode is not Mode.ENFORCE:
            return
        self._hear()
        rest = self._inbox.rest()
        rest.look_again = True
        self._observer.absorb(rest)
        topology = Topology(self._observed)
        plans = filter(None, (self._plan_alone(link_id, topology) for link_id in sorted(self._unsure)))
        todo = [plan for plan in plans if not plan.empty]
        for part in ([plan for plan in todo if not plan.operations], [plan for plan in todo if plan.operations]):
            for link_id, failure in self._applier.apply(part).failures.items():
                LOG.error("Link %s may be left half until the next start: %s", link_id, failure.message)

    # -- timers --------------------------------------------------------------------------------------------------

    def _pause(self) -> float | None:
        paused = self._desired.mode is Mode.PAUSED
        waits = self._retries.times(self._confirmer.to_take_back(self._retries) if paused else None)
        waits += [self._audit_due] if self._audit_interval else []
        waits += [self._saver.due] if self._saver.due is not None else []
        waits += self._early.due()
        return max(0.0, min(waits) - time.monotonic()) if waits else None

    def _audit(self, batch: Batch) -> None:
        if self._audit_interval and time.monotonic() >= self._audit_due:
            self._audit_due = time.monotonic() + self._audit_interval * random.uniform(0.9, 1.1)
            batch.look_again = batch.all_dirty = True


def _id(plan: LinkPlan) -> str:
    return plan.state.link_id
