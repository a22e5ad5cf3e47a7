"""Who looks whether the parts still answer, so that none is silent for long without being told of."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent import futures
from typing import Protocol

from vethagent.agent.health import HealthKeeper
from vethagent.agent.inbox import Inbox

LOG = logging.getLogger(__name__)

#: How often in one timeout it looks, and after what share of it an answer is overdue.
_LOOKS, _OVERDUE = 6, 1 / 3


class Switch(Protocol):
    """What the watchdog needs to know of ovs-vswitchd."""

    def switch_silent_for(self) -> float:
        """Return for how many seconds an answer has been due; 0 if none is."""

    def ask_switch(self, idle: float) -> None:
        """Ask it for a sign if it has given none for ``idle`` seconds."""


class Helper(Protocol):
    """What the watchdog needs to know of the helper; ``trouble`` is why there is none, or ''."""

    trouble: str

    def busy_for(self) -> float:
        """Return for how many seconds an answer has been due; 0 if none is."""

    def is_there(self) -> bool:
        """Return whether one runs that owes nothing."""

    def look(self, idle: float) -> None:
        """End a helper that is seen to stand still for the second time, see to one that is ``idle`` seconds."""


class Watchdog:
    """Looks now and then, on a thread of its own that waits for nothing.

    A part is given up by those who use it: each call of the helper and each transaction has a time-out. A reconciler
    that never comes back can only be ended with its process, so the supervisor (systemd) gets no sign of life while it
    owes an answer.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        absent: Callable[[], Collection[str]],
        helper: Helper,
        switch: Switch,
        call_stuck_for: Callable[[], float],
        health: HealthKeeper,
        log_trouble: Callable[[], str],
        stay_alone: Callable[[], None],
        timeout: float,
        tell: Callable[[str], None],
        supervised: float | None,
    ) -> None:
        """A part that does not answer is told of within ``timeout`` seconds.

        ``absent`` returns Open vSwitch bridges that lack their device, and is asked through the inbox, by its consumer.
        ``call_stuck_for`` returns for how many seconds a call of the controller waits for the broker; 0 if none does.
        ``log_trouble`` returns a sentence if lines of the log are lost, else ''.
        ``stay_alone`` sees to it that no other agent can start on this host.
        ``tell`` is how the supervisor hears assignments of sd_notify(3); ``supervised`` in seconds is how long it waits
        for a sign of life, None: for ever.
        """
        self._inbox = inbox
        self._absent = absent
        self._helper = helper
        self._switch = switch
        self._call_stuck_for = call_stuck_for
        self._health = health
        self._log_trouble = log_trouble
        self._stay_alone = stay_alone
        self._overdue = timeout * _OVERDUE
        self._tell = tell
        self._pause = min(timeout / _LOOKS, supervised / 2 if supervised else timeout)
        self._supervised = supervised is not None
        self._answer: futures.Future[Collection[str]] | None = None
        self._seen_absent: Collection[str] = ()
        self._without_device: set[str] = set()
        self._asked_at = 0.0
        self._aside: threading.Thread | None = None
        self._ready = False
        self._status = ""
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()

    def look(self) -> None:
        """Look once."""
        goes_round = self._goes_round()
        self._look_at_switch()
        self._look_at_helper()
        self._look_at_log()
        self._look_at_calls()
        self._look_aside()
        if not goes_round and (busy := time.monotonic() - self._asked_at) >= self._overdue:
            self._health.bad("reconciler", f"it has been busy with one round for {busy:.0f} s")
        self._tell_supervisor(alive=goes_round)

    def _look_at_switch(self) -> None:
        if self._health.is_bad("ovsdb"):
            return  # what was known of it last is all that is known
        silent = self._switch.switch_silent_for()
        if silent >= self._overdue:
            self._health.bad("vswitchd", f"ovs-vswitchd has not acted on a change for {silent:.0f} s")
        elif not silent:
            if self._without_device:
                names = ", ".join(sorted(self._without_device))
                self._health.bad(
                    "vswitchd", f"{names} without a device: ovs-vswitchd may have no datapath of that type"
                )
            else:
                self._health.good("vswitchd")
            self._switch.ask_switch(self._overdue)

    def _look_at_helper(self) -> None:
        self._helper.look(self._overdue)
        if (busy := self._helper.busy_for()) >= self._overdue:
            self._health.bad("privsep", f"the helper has not answered for {busy:.0f} s")
        elif self._helper.is_there():
            self._health.good("privsep")  # it may be long until there is a batch that shows it
        elif trouble := self._helper.trouble:
            self._health.bad("privsep", trouble)

    def _look_at_log(self) -> None:
        if trouble := self._log_trouble():
            self._health.bad("log", trouble)
        else:
            self._health.good("log")

    def _look_at_calls(self) -> None:
        """That the bus is good again is told by the next report that arrives."""
        if stuck := self._call_stuck_for():
            self._health.bad("bus", f"the message broker has not been reached for {stuck:.0f} s")

    def _look_aside(self) -> None:
        """See to it that no other agent can start. The folder may hang, which nothing else here is to wait for."""
        if self._aside is None or not self._aside.is_alive():
            self._aside = threading.Thread(target=_carefully, args=[self._stay_alone], name="stay-alone", daemon=True)
            with contextlib.suppress(RuntimeError):  # as many threads as there may be; the next look tries again
                self._aside.start()

    def _goes_round(self) -> bool:
        """Return whether the reconciler has answered what it was asked the last time, and ask again."""
        if self._answer is not None and not self._answer.done():
            return False
        answered = self._answer is not None and not self._answer.cancelled()
        if answered and self._answer is not None:
            # Twice: the row of a bridge that somebody makes is there some milliseconds before the device.
            absent = self._answer.result()
            self._without_device, self._seen_absent = set(absent).intersection(self._seen_absent), absent
        self._answer, self._asked_at = self._inbox.ask(self._absent), time.monotonic()
        return answered

    def _tell_supervisor(self, *, alive: bool) -> None:
        """A sign of life if it is ``alive``, and in any case what does not work: an administrator asks systemd too."""
        lines = []
        if alive and not self._ready:
            self._ready = True
            lines.append("READY=1")
        if alive and self._supervised:
            lines.append("WATCHDOG=1")
        parts = ", ".join(reason.part for reason in self._health.state().reasons)
        status = f"does not work: {parts}" if parts else "all parts work"
        if status != self._status and (parts or self._ready):
            self._status = status
            lines.append(f"STATUS={status}")
        if lines:
            self._tell("\n".join(lines))

    def _run(self) -> None:
        _carefully(self.look)
        # The first answer is not waited for any longer than it takes: until then nobody knows that this is ready.
        if self._answer is not None:
            futures.wait([self._answer], self._pause)
            _carefully(self.look)
        while not self._stopping.wait(self._pause):
            _carefully(self.look)


def _carefully(look: Callable[[], None]) -> None:
    try:
        look()
    except Exception:
        LOG.exception("The watchdog stumbled")
