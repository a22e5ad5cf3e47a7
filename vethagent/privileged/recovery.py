"""Calls of the helper that come back whatever happens to it.

Seen with oslo.privsep 3.12: a helper that is killed while idle is started again by the next call; one that is killed
in a call leaves its caller with OSError 'Premature eof'; one that is stopped never answers. In each case it helps to
drop the channel and to ask a new helper once more, which is right because every operation of a batch can be done twice.
One that was stopped and goes on when nobody waits for it any more does nothing: it knows until when somebody did.

A start takes half a second, on a busy machine many. So that no batch has to wait for it, another helper is started as
soon as one has ended, one that is seen to stand still is not waited for, and one that is idle is asked for a sign.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from vethagent import exceptions
from vethagent.privileged import default, operations
from vethagent.privileged.channel import Channel

LOG = logging.getLogger(__name__)

#: Seconds for which a helper has to have been there for another one to be started at once; else the next batch does, or
#: the next look that finds none.
_LASTED = 10.0
#: How often the pause between two looks that start one in vain is doubled.
_DOUBLED = 6


class Outcome(NamedTuple):
    """``error`` is '' or why an operation was not done; ``ifindex`` is that of a pair that was made, else 0."""

    error: str
    ifindex: int


class Helper:
    """The privileged helper as the agent sees it; ``restarts`` counts how often it had to be started again.

    ``trouble`` is why none could be started when nothing was to be done, '' if one could.
    """

    def __init__(self, *, timeout: float) -> None:
        """``timeout`` is in seconds and for one batch."""
        default.timeout = self._timeout = timeout
        self._lock = threading.Lock()
        self.restarts = 0
        self.trouble = ""
        self._in_vain = 0
        self._busy_since: float | None = None
        self._idle_since = time.monotonic()
        self._standing: tuple[Channel, int] | None = None
        default.abandoned = False
        default.ended = self._replace

    def start(self) -> None:
        """Have a helper running, so that the first batch need not wait half a second for one; raise as ``apply``."""
        self.apply([])

    def close(self) -> None:
        """Leave it at that when the helper ends from now on, until there is another batch."""
        default.ended = None

    def abandon(self) -> None:
        """Start no helper any more, for the process ends."""
        default.abandon()

    def look(self, idle: float) -> None:
        """End a helper that is seen to stand still since the last look: whoever waits for it then tries another one.

        If nothing has been asked of it for ``idle`` seconds have it give a sign, and start one if there is none, which
        is not waited for: if it hangs or cannot be started that is known before a batch needs it.
        """
        before, self._standing = self._standing, default.standing()
        if self._standing is not None and self._standing == before:
            self._standing[0].kill()
        elif self._busy_since is None and time.monotonic() - self._idle_since >= idle * 2**self._in_vain:
            with contextlib.suppress(RuntimeError):  # as many threads as there may be; the next look tries again
                threading.Thread(target=self._see_to, name="helper-sign", daemon=True).start()

    def apply(self, batch_operations: list[operations.Operation]) -> list[Outcome]:
        """Do a batch; return the outcome of each operation.

        Raise HelperRefused if a field is not acceptable, HelperUnavailable if no helper answers, not even a new one.
        """
        body = operations.dump(batch_operations)
        with self._lock, self._busy():
            try:
                return self._ask(body)
            except exceptions.HelperUnavailable as error:
                if default.abandoned:
                    raise
                LOG.warning("The privileged helper failed (%s), starting another", error)
                default.stop()
            self.restarts += 1
            try:
                return self._ask(body)
            except exceptions.HelperUnavailable:
                default.stop()
                raise

    def busy_for(self) -> float:
        """Return for how many seconds an answer has been due; 0 if none is."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def is_there(self) -> bool:
        """Return whether one runs that owes nothing."""
        return self._busy_since is None and default.present()

    def _ready(self) -> None:
        known = default.channel is not None
        if default.ready() and known:
            self.restarts += 1
            LOG.warning("The privileged helper had ended or stood still, there is another one now")
        self.trouble, self._in_vain = "", 0

    def _replace(self, lasted: float) -> None:
        """Start another helper in place of one that has ended after so many seconds."""
        if lasted < _LASTED:
            return
        with self._lock, self._busy():
            self._start_another()

    def _start_another(self) -> None:
        try:
            self._ready()
        except Exception as error:  # as with a batch, whatever comes back; the next one tries again, and tells
            self.trouble = f"no helper can be started: {exceptions.named(error)}"
            self._in_vain = min(self._in_vain + 1, _DOUBLED)
            LOG.warning("There is no other privileged helper: %s", exceptions.named(error))

    def _see_to(self) -> None:
        """Have a helper that answers."""
        with self._lock, self._busy():
            try:
                if default.present():
                    default.ask("pid")
            except Exception as error:
                LOG.warning("The idle privileged helper failed (%s), starting another", exceptions.named(error))
                default.stop()
                self.restarts += 1
            self._start_another()

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        self._busy_since = time.monotonic()
        try:
            yield
        finally:
            self._idle_since, self._busy_since = time.monotonic(), None

    def _ask(self, body: list[dict[str, Any]]) -> list[Outcome]:
        """Call the helper; but for its refusal, whatever comes back instead of an answer means that it is of no use.

        Among that is what it could not import, or what its own Python raised: no other helper is better, but all that
        is known of links stays known, and the agent says what is wrong.
        """
        try:
            self._ready()  # first: what a start takes is not time for the batch
            return [Outcome(*outcome) for outcome in default.ask("apply", body, time.monotonic() + self._timeout)]
        except exceptions.HelperRefused:
            raise
        except Exception as error:
            raise exceptions.HelperUnavailable(exceptions.named(error)) from error
