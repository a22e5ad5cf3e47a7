"""The thread of a controller that takes the steps: woken by events, and by the clock."""

import logging
import threading
from collections.abc import Iterable

from vethagent import exceptions
from vethagent.controller.fleet.fleet import Fleet

LOG = logging.getLogger(__name__)

_STOP_TIMEOUT = 1.5


class FleetWorker:
    """Many events of one template cost one look: they only mark it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._marked: set[str] = set()
        self._left: set[str] = set()
        self._wake = threading.Condition()
        self._ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is being taken; what is marked is found by another controller."""
        with self._wake:
            self._ending = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT)

    def mark(self, template_ids: Iterable[str]) -> None:
        """Have these templates looked at soon."""
        with self._wake:
            self._marked.update(template_ids)
            self._wake.notify()

    def _run(self) -> None:
        pause = 0.0
        while (marked := self._next(pause)) is not None:
            pause = self._look(marked)

    def _next(self, pause: float) -> set[str] | None:
        """Return what is marked, after ``pause`` seconds at the latest; None at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._ending or self._marked, pause)
            marked, self._marked = self._marked, set()
            return None if self._ending else marked

    def _look(self, marked: set[str]) -> float:
        """Take the steps of what is marked and what is due; return seconds until something is due again."""
        self._left |= marked
        try:
            due, _ = self._fleet.due()
            for template_id in dict.fromkeys([*sorted(self._left), *due]):
                self._fleet.advance(template_id)
                self._left.discard(template_id)
            return self._fleet.due()[1]
        except exceptions.DatabaseUnavailable as error:  # which the log says once
            LOG.debug("link templates were not looked at, and will be in a few seconds: %s", error)
        except Exception:
            LOG.exception("link templates could not be looked at")
        return 5.0
