"""Writes down what is wanted on a host. Going on without is better than not, so what was not taken is tried again."""

import time

from vethagent import exceptions
from vethagent.agent.desired import Desired
from vethagent.agent.health import HealthKeeper

#: Seconds after which a store that did not take something is tried again.
_AGAIN = 2.0


class Saver:
    """The consumer has it save, and asks when it wants to be asked again."""

    def __init__(self, desired: Desired, health: HealthKeeper) -> None:
        self._desired = desired
        self._health = health
        #: When it is to be tried again, by time.monotonic; None: not before something has changed.
        self.due: float | None = None
        self._mend_due: float | None = None

    def is_due(self) -> bool:
        """Return whether there is something to save and it is time, or a loss was found that was not told of yet."""
        if self.due is None:
            return self._desired.unsaved or self._desired.mendable
        return time.monotonic() >= self.due

    def save(self) -> None:
        """Write what has changed, and all of it if the store was lost; tell by health what does not go."""
        self.due = None
        try:
            self._desired.flush()
            if self._desired.mendable and self._mend_due is not None and time.monotonic() >= self._mend_due:
                self._desired.mend()
        except exceptions.StoreUnusable as error:
            self.due = time.monotonic() + _AGAIN
            self._health.bad("store", str(error))
        else:
            if damage := self._desired.damage:
                self._health.bad("store", damage)
                if self._desired.mendable:
                    # Not at once, so that it is reported.
                    self._mend_due = self._mend_due or time.monotonic() + _AGAIN
                    self.due = self._mend_due
            else:
                self._mend_due = None
                self._health.good("store")
