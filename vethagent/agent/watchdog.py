"""Who looks whether the parts still answer, so that none is silent for long without being told of."""

import logging
import threading
from typing import Protocol

from vethagent.agent.health import HealthKeeper

LOG = logging.getLogger(__name__)

#: How often in one timeout it looks.
_LOOKS = 6


class Switch(Protocol):
    """What the watchdog needs to know of ovs-vswitchd."""

    def switch_silent_for(self) -> float:
        """Return for how many seconds an answer has been due; 0 if none is."""

    def ask_switch(self, idle: float) -> None:
        """Ask it for a sign if it has given none for ``idle`` seconds."""


class Watchdog:
    """Looks now and then, on a thread of its own that waits for nothing."""

    def __init__(self, switch: Switch, health: HealthKeeper, *, timeout: float) -> None:
        """A part that does not answer is told of within ``timeout`` seconds: half of it to ask, half to answer."""
        self._switch = switch
        self._health = health
        self._timeout = timeout
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()

    def look(self) -> None:
        """Look once."""
        silent, patience = self._switch.switch_silent_for(), self._timeout / 3
        if silent >= patience:
            self._health.bad("vswitchd", f"ovs-vswitchd has not acted on a change for {silent:.0f} s")
        elif not silent:
            self._health.good("vswitchd")
            self._switch.ask_switch(patience)

    def _run(self) -> None:
        while not self._stopping.wait(self._timeout / _LOOKS):
            try:
                self.look()
            except Exception:
                LOG.exception("The watchdog stumbled")
