"""The agent's state reports, and what their answers lead to.

They leave on a thread of their own: a call that waits for an absent broker, which oslo.messaging lets it do for ever,
holds up nothing but itself.
"""

import dataclasses
import datetime
import logging
import threading
import time
from collections.abc import Callable, Set
from typing import TypeVar

from vethagent import exceptions, faults, model
from vethagent.agent import account
from vethagent.agent.closed_loops import ClosedLoops
from vethagent.agent.delays import next_delay, next_report
from vethagent.agent.desired import Desired
from vethagent.agent.health import Counters, HealthKeeper
from vethagent.agent.inbox import Inbox
from vethagent.agent.journal import Journal
from vethagent.agent.outbox import Outbox
from vethagent.agent.outlook import Outlook
from vethagent.plumbing.observed import Observed
from vethagent.rpc.controller_api import ControllerAPI

LOG = logging.getLogger(__name__)
T = TypeVar("T")

#: Share of the report interval after which a link that the controller does not know may go.
_CONFIRM_AFTER = 0.8
#: Seconds that the reconciler may be busy with one batch before a report goes without an answer from it.
_PATIENCE = 10.0
#: Seconds after a change of links in which a report tells the new digests and counts; many changes, one report.
_SOON_AFTER_CHANGE, _AT_MOST_EVERY = 0.5, 5.0
#: Reports in a row that find what no cast has told, before the queue of casts is declared anew: who deletes an exchange
#: cuts it off, and whoever listens to the queue is not told.
_UNHEARD = 2
#: Of so many reports one asks whether what has its mark here is still wanted on another host.
_ELSEWHERE_EACH = 10


class Heartbeat:
    """Reports the state of the agent and keeps it in step: a digest that differs makes it pull."""

    def __init__(
        self,
        *,
        controller: ControllerAPI,
        host: str,
        version: str,
        interval: float,
        desired: Desired,
        journal: Journal,
        outbox: Outbox,
        inbox: Inbox,
        observed: Observed,
        look: Callable[[], model.HostInventory | None],
        health: HealthKeeper,
        counters: Counters,
    ) -> None:
        """``interval`` in seconds; ``look`` is asked through the inbox, by its consumer."""
        self._look = look
        self._inventory: model.HostInventory | None = None
        self._controller = controller
        self._host, self._version = host, version
        self._interval = interval
        self._desired = desired
        self._journal = journal
        self._outbox = outbox
        self._inbox = inbox
        self._observed = observed
        self._closed_loops = ClosedLoops(observed, desired)
        self._health = health
        self._counters = counters
        self._started_at = datetime.datetime.now(datetime.UTC)
        self._condition = threading.Condition()
        self._report_now = self._stopping = False
        self._report_by: float | None = None
        self._reported_at = 0.0
        self._arrived_at: float | None = None
        self._pull_now = desired.damage is not None  # else the first answer tells whether anything is new
        self._suspected_at = 0.0
        self._strangers, self._elsewhere, self._doubted, self._unasked = set[str](), set[str](), set[str](), 0
        self._account = account.render(Outlook({}, {}), (), whole=False)
        self._seen = self._shown = self._backing_off = self._recognised = self._unanswered = False
        #: Waited for before the first report that tells how links are.
        self.looked: Callable[[], object] = lambda: None
        self.reached: Callable[[], None] = lambda: None
        #: Called when casts seem to go to nobody, and what is to be told of it is logged.
        self.deaf: Callable[[], None] = lambda: None
        self._unheard = 0
        self._repeated: tuple[str, str] | None = None
        self._patience = min(_PATIENCE, interval / 2)
        health.changed = self.soon

    def start(self) -> None:
        """Begin with a report that tells what is wanted, and nothing yet of how it is."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """End; a call under way is not waited for."""
        with self._condition:
            self._stopping = True
            self._condition.notify()

    def soon(self) -> None:
        """Report at once."""
        with self._condition:
            self._report_now = True
            self._condition.notify()

    def age(self) -> float | None:
        """Return the seconds since the last report that arrived, None if none has."""
        return None if self._arrived_at is None else time.monotonic() - self._arrived_at

    def links_changed(self) -> None:
        """Report soon, so that what is shown of the agent is true again, but not for each of many changes."""
        with self._condition:
            if self._report_by is None:
                self._report_by = max(time.monotonic() + _SOON_AFTER_CHANGE, self._reported_at + _AT_MOST_EVERY)
                self._condition.notify()

    def heard(self) -> None:
        """A cast has come over the bus: whoever waits for the bus need not wait on."""
        self._unheard = 0
        if self._backing_off:
            self.links_changed()

    def pull(self) -> None:
        """Pull at once, then report."""
        with self._condition:
            self._pull_now = self._report_now = True
            self._condition.notify()

    def _run(self) -> None:
        delay, refused, alone = 0.0, "", False
        while not self._stopping:
            try:
                self._beat()
            except Exception as error:
                # The bus is away, or the controller has trouble of its own; both are over some day.
                delay, told = next_delay(delay, self._interval), str(error).partition("\n")[0]
                if told != refused and not isinstance(error, exceptions.BusUnavailable):
                    LOG.warning("The controller refused a report: %s", told)
                    refused = told
                self._health.bad("bus", told)
                self._backing_off, alone = True, False
                self._wait(delay, hurry=False)
            else:
                delay, refused, self._backing_off = 0.0, "", False
                self._health.good("bus")
                self.reached()
                alone |= self._wait(next_report(self._interval, alone=alone), hurry=True)

    def _wait(self, seconds: float, *, hurry: bool) -> bool:
        """Wait; return whether it was for the whole time, as nothing has happened."""
        until = time.monotonic() + seconds
        with self._condition:
            while not self._stopping:
                by = min(until, self._report_by) if self._report_by is not None else until
                left = by - time.monotonic()
                if left <= 0 or (hurry and (self._report_now or self._pull_now)):
                    break
                self._condition.wait(left)
        return time.monotonic() >= until

    def _beat(self) -> None:
        with self._condition:
            pull, self._pull_now, self._report_now, self._report_by = self._pull_now, False, False, None
            self._reported_at = time.monotonic()
        begins, pull_first = self._arrived_at is None, pull or bool(self._desired.suspects)
        try:
            if pull_first:
                self._sync()
            before = self._outbox.position()
            report = self._report()
            answer = self._controller.report_state({}, report)
            self._arrived_at = time.monotonic()
        except BaseException:
            self._pull_now |= pull
            raise
        if self._desired.mode is not report.mode:
            self.links_changed()  # a cast was quicker than this answer, which may be older; the next one tells
        else:
            self._take_mode(answer.mode)
        self._recognise(answer)
        self._shown = not answer.wants_inventory
        if answer.wants_inventory and self._inventory is not None:
            self._tell_inventory(self._inventory)
        if self._unanswered or answer.desired_digest != self._desired.digest():
            changed = self._sync()
            if not begins:
                self._wonder(changed)
        elif not pull_first and self._is_to_ask():
            self._sync()
        elif self._desired.mode is model.Mode.PAUSED:
            LOG.debug("Nothing is looked at, so what the controller remembers of links may well differ")
        elif report.desired_digest != answer.desired_digest or not self._account.whole:
            self.links_changed()  # other links are wanted since, or not all could be told of: the next one can tell
        elif answer.observed_digest != report.observed_digest and before[1] and self._outbox.position() == before:
            self._repeat(answer.observed_digest, report.observed_digest)
        faults.point("agent-answered")
        if not self._pull_now:
            self._health.ready()

    def _is_to_ask(self) -> bool:
        """Return whether a mark may be nobody's. What is wanted on another host stays so for long, as a rule."""
        self._unasked += 1
        return bool(self._strangers - self._elsewhere or (self._strangers and self._unasked >= _ELSEWHERE_EACH))

    def _tell_inventory(self, inventory: model.HostInventory) -> None:
        try:
            self._controller.report_inventory({}, inventory)
            self._shown = True
        except Exception as error:  # an older controller may have been asked; the next report tries again
            LOG.info("The inventory of this host was not taken: %s", error)

    def _recognise(self, answer: model.ReportAnswer) -> None:
        self._recognised = self._desired.recognise(answer.incarnation)
        if not self._recognised and answer.desired_digest == self._desired.digest():
            self._desired.accept(answer.incarnation)
            self._recognised = True
        if self._recognised:
            self._health.good("controller")
        else:
            self._health.bad(
                "controller", "its database is not the one that knew this host; links that it does not know are kept"
            )
        self._doubt()

    def _repeat(self, theirs: str, ours: str) -> None:
        """Tell all states again, but not for ever: what did not help once does not help the second time."""
        if self._repeated == (theirs, ours):
            return
        self._repeated = (theirs, ours)
        LOG.info("The controller remembers other states: telling all of them again")
        self._sync()
        self._inbox.ask(self._journal.repeat)

    def _wonder(self, changed: set[str]) -> None:
        """A report has found ``changed`` links of which a cast should have told. One may just have been too late."""
        if not changed:
            return
        self._unheard += 1
        if self._unheard >= _UNHEARD:
            self._unheard = 0
            LOG.warning("Links change and no cast tells of it: listening to casts anew")
            self.deaf()

    def _sync(self) -> set[str]:
        """Pull; return the ids of links that are not as they were known here."""
        LOG.info("Pulling what is wanted on this host")
        token, mode = self._desired.begin_sync(), self._desired.mode
        # Also if casts have told all of it by then: what they change is kept for the answer for as long. But a report
        # goes first: a controller that answers these alone would take this agent for a dead one.
        self._unanswered = True
        state = self._controller.get_bridge_links({}, self._host)
        self._unanswered = False
        try:
            owners = self._ask(self._observed.owners)
        except TimeoutError:  # a report need not wait for that; the watchdog tells of a reconciler that stays so
            LOG.warning("The reconciler is busy, so what is wanted is pulled again later")
            self._pull_now = True
            return set()
        # One beat after the other may come at once; a controller that forgot needs time to remember, from when it is
        # the one that knew this host. One that was not shown the inventory of this host cannot tell which of the marks
        # here are wanted on another one.
        waited = time.monotonic() - self._suspected_at >= self._interval * _CONFIRM_AFTER
        confirm = self._recognised and self._shown and waited
        if confirm or not self._desired.suspects or not self._recognised:
            self._suspected_at = time.monotonic()
        dirty = self._desired.sync(state, token, owners, confirm=confirm)
        self._doubt()
        self._elsewhere, self._unasked = set(state.elsewhere), 0
        if self._desired.mode is not mode:
            self.links_changed()  # a cast was quicker than this answer, which may be older; the next report tells
        else:
            self._take_mode(state.mode)
        LOG.info("%d links are wanted, %d have changed", len(state.links) + len(state.unread), len(dirty))
        self._counters.add("syncs")
        self._inbox.mark(dirty)
        return dirty

    def _doubt(self) -> None:
        """Tell of links that are to go because nobody wants them, before they do: an older database, say."""
        doubted = set(self._desired.suspects) if self._recognised else set()
        if news := doubted - self._doubted:
            LOG.warning("Nobody wants these links, which go if the next report finds the same: %s", _some(news))
        self._doubted = doubted

    def _ask(self, question: Callable[[], T]) -> T:
        """Ask the consumer; raise TimeoutError if a batch takes long, or CancelledError at the end."""
        return self._inbox.ask(question).result(self._patience)

    def _take_mode(self, mode: model.Mode | str) -> None:
        if not isinstance(mode, model.Mode):
            held = self._desired.mode
            self._health.bad("mode", f"this agent does not know the mode {mode}, so it stays in {held}; upgrade it")
            return
        self._health.good("mode")
        if self._desired.set_mode(mode):
            LOG.warning("The mode is %s now", mode)
            self._inbox.mark_all()
            self.links_changed()  # who set it waits to see that it is so

    def _report(self) -> model.StateReport:
        try:
            self._account = self._first_account() if self._arrived_at is None else self._whole_account()
        except TimeoutError:  # a late report is worse than one with the states of the last
            self._account = dataclasses.replace(self._account, whole=False)
        return model.StateReport(
            host=self._host,
            agent_version=self._version,
            started_at=self._started_at,
            report_interval=self._interval,
            mode=self._desired.mode,
            health=self._health.state(),
            desired_digest=self._account.desired_digest,
            observed_digest=self._account.observed_digest,
            inventory_digest=self._inventory.digest if self._inventory is not None else None,
            links=self._account.links,
            counters=self._counters.all(),
        )

    def _first_account(self) -> account.Account:
        """Return what can be said at once: what is wanted is compared while devices and rows are looked at."""
        return dataclasses.replace(self._account, desired_digest=self._desired.digest())

    def _whole_account(self) -> account.Account:
        if not self._seen:
            self.looked()
            self._seen = True
        return self._ask(self._render)

    def _render(self) -> account.Account:
        self._inventory = self._look()
        outlook = self._desired.outlook()
        # A mark that nobody knows: an older copy of a database was put back, say, and no digest tells of that.
        self._strangers, returned = self._desired.marks(self._observed.owners())
        self._judge(returned, self._strangers & self._elsewhere)
        self._judge_loops()
        return account.render(outlook, self._journal.states(), whole=self._journal.looked(outlook.wanted))

    def _judge(self, returned: Set[str], elsewhere: Set[str]) -> None:
        """Tell of what carries a mark, is not wanted here and is left alone all the same, until it is gone."""
        told = [f"removed as nobody's and there again: {_some(returned)}"] if returned else []
        told += [f"wanted on another host: {_some(elsewhere)}"] if elsewhere else []
        if told:
            self._health.bad("marks", f"links are left alone; {', '.join(told)}; another agent, or another name?")
        else:
            self._health.good("marks")

    def _judge_loops(self) -> None:
        found, other_way = self._closed_loops.find()
        if found:
            self._health.bad("loops", f"links close a loop: {_some(set(found))}; {other_way}")
        else:
            self._health.good("loops")


def _some(link_ids: Set[str]) -> str:
    more = f" and {len(link_ids) - 1} more" if len(link_ids) > 1 else ""
    return f"{min(link_ids)}{more}"
