"""Notifications for other systems: what history has of links and agents, once it is committed.

Whoever commits a change sends it, so it is sent once however many controllers and APIs there are. A thread of its own
sends it: nobody who asks for something waits for the broker, or hears that it is away.
"""

import collections
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import Field

from vethagent import model
from vethagent.controller.db.database import Committed

LOG = logging.getLogger(__name__)

#: Of the payloads: a new field is a new minor version, anything else a new major one.
PAYLOAD_VERSION = "1.0"

#: Notifications that wait while the broker is away; then the oldest ones go.
ROOM = 10_000

_STOP_SECONDS = 2.0

#: What is sent with priority ERROR; all else is INFO.
_ERRORS = {"bridge_link.error", "agent.down"}


class LinkPayload(model.Model):
    """Of ``bridge_link.*``: a row of a link's history."""

    payload_version: str = PAYLOAD_VERSION
    link_id: str
    host: str
    link_name: str | None
    generation: int
    status: str
    reason: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: model.Utc = Field(description="RFC 3339")


class AgentPayload(model.Model):
    """Of ``agent.*``: a row of an agent's history."""

    payload_version: str = PAYLOAD_VERSION
    host: str
    kind: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: model.Utc = Field(description="RFC 3339")


class Notification(NamedTuple):
    """One notification as it goes to the bus."""

    priority: str
    event_type: str
    request_id: str | None
    payload: dict[str, Any]


def notification_of(change: Committed) -> Notification:
    """Return what is sent of ``change``; pure."""
    row: Mapping[str, Any] = change.row
    kind: type[LinkPayload] | type[AgentPayload] = LinkPayload if change.what == "bridge_link" else AgentPayload
    word = row["status"] if change.what == "bridge_link" else row["kind"]
    event_type = f"{change.what}.{str(word).lower()}"
    priority = "error" if event_type in _ERRORS else "info"
    return Notification(priority, event_type, row["request_id"], kind.model_validate(row).model_dump(mode="json"))


class Notifications:
    """Sends in the background, in the order of the commits of this process."""

    def __init__(self, send: Callable[[Notification], None], *, room: int = ROOM) -> None:
        """``send`` may take as long as it likes, and may raise."""
        self._send = send
        self._room = room
        self._waiting: collections.deque[Committed] = collections.deque()
        self._lost = 0
        self._condition = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._process: int | None = None

    def take(self, changes: Sequence[Committed]) -> None:
        """Have ``changes`` sent; return at once."""
        with self._condition:
            self._waiting.extend(changes)
            while len(self._waiting) > self._room:
                self._waiting.popleft()
                if not self._lost:
                    LOG.warning("notifications cannot be sent; more than %d wait, the oldest are lost", self._room)
                self._lost += 1
            try:
                self._start()
            except RuntimeError as error:  # as many threads as there may be; the next change tries again
                LOG.warning("notifications wait: %s", error)
            self._condition.notify_all()

    def stop(self) -> None:
        """Send what waits, but wait no longer than a second or two for it."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _start(self) -> None:
        # Not before the first change: a WSGI server may have forked since this was made, without its threads.
        if self._process != os.getpid():
            thread = threading.Thread(target=self._run, name="notifications", daemon=True)
            thread.start()
            self._thread, self._process = thread, os.getpid()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                change = self._waiting.popleft()
            try:
                self._send(notification_of(change))
            except Exception as error:  # whatever a driver comes up with, the next one may go
                LOG.warning("a notification of %s %s was not sent: %s", change.what, change.row["host"], error)
            with self._condition:
                if self._lost and not self._waiting:
                    LOG.warning("notifications are sent again; %d were lost", self._lost)
                    self._lost = 0
