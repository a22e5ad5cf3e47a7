"""The first look at all links of an agent that has just begun."""

import threading
import time


class Early:
    """Holds links until OVSDB has told its rows for the first time: planned before, each would be planned twice."""

    def __init__(self, patience: float) -> None:
        """``patience`` is in seconds; after that rows are not waited for any more."""
        self._until = time.monotonic() + patience
        self._held: set[str] = set()
        #: Set once all links have been looked at.
        self.looked = threading.Event()

    def admit(self, dirty: set[str], *, unheard: bool) -> set[str]:
        """Return what of ``dirty`` and of those held is looked at now; ``unheard``: OVSDB may still tell its rows."""
        self._held |= dirty
        if unheard and time.monotonic() < self._until:
            return set()
        admitted, self._held = self._held, set()
        return admitted

    def due(self) -> list[float]:
        """Return until when (monotonic seconds) links are held, if there are any."""
        return [self._until] if self._held else []

    def done(self) -> None:
        """A round is over."""
        if not self._held:
            self.looked.set()
