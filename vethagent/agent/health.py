"""Which part of the agent does not work, and what it has counted."""

import collections
import logging
import threading
from collections.abc import Callable

from vethagent import model

LOG = logging.getLogger(__name__)


class HealthKeeper:
    """Thread-safe; ``changed`` is called after each change of what is wrong, so that it is reported at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: dict[str, str] = {}
        self._ready = False
        self.changed: Callable[[], None] = lambda: None

    def good(self, part: str) -> None:
        """A part works."""
        with self._lock:
            if self._wrong.pop(part, None) is None:
                return
        LOG.info("%s works again", part)
        self.changed()

    def bad(self, part: str, message: str) -> bool:
        """A part does not work; ``message`` is told as far as its first line goes. Return whether it is another one."""
        message = message.partition("\n")[0]  # what a controller did not expect comes with its traceback there
        with self._lock:
            known = self._wrong.get(part)
            self._wrong[part] = message
        if known is None:
            LOG.warning("%s does not work: %s", part, message)
            self.changed()
        return message != known

    def is_bad(self, part: str) -> bool:
        """Return whether a part is known not to work."""
        with self._lock:
            return part in self._wrong

    def ready(self) -> None:
        """The agent is in step with the controller for the first time since its start."""
        with self._lock:
            if self._ready:
                return
            self._ready = True
        LOG.info("in step with the controller")
        self.changed()

    def state(self) -> model.Health:
        """Return what is reported."""
        with self._lock:
            reasons = tuple(model.HealthReason(part=part, message=text) for part, text in sorted(self._wrong.items()))
            return model.Health(ready=self._ready, reasons=reasons)


class Counters:
    """Thread-safe counts by name, rising since the start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[str] = collections.Counter()
        self._others: dict[str, Callable[[], int]] = {}

    def add(self, name: str, count: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[name] += count

    def include(self, name: str, read: Callable[[], int]) -> None:
        """Show what somebody else counts, too."""
        with self._lock:
            self._others[name] = read

    def all(self) -> dict[str, int]:
        """Return all counts."""
        with self._lock:
            return {**self._counts, **{name: read() for name, read in self._others.items()}}
