"""Listens to messages, and goes on trying until it does."""

import logging
import threading
from collections.abc import Callable

import oslo_messaging

from vethagent import exceptions
from vethagent.rpc import transport as bus

LOG = logging.getLogger(__name__)


class Listener:
    """The server of messages; another one takes its place if nothing comes to it."""

    def __init__(
        self,
        make: Callable[[], oslo_messaging.MessageHandlingServer],
        *,
        pause: Callable[[float], float],
        refused: Callable[[str], None],
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """``make`` returns a server as ``transport.get_server`` does, a new one for each attempt.

        ``pause`` returns the seconds until the next attempt, given those of the last pause, 0 for none. ``refused`` is
        told in one line what each attempt in vain failed by, ``heard`` that one has not.
        """
        self._make = make
        self._pause = pause
        self._refused = refused
        self._heard = heard
        self._server: oslo_messaging.MessageHandlingServer | None = None
        self._stopping = threading.Event()
        self._trying = threading.Lock()

    def listen(self) -> None:
        """Declare the queues and listen; this waits for the broker, and for one that takes them.

        It does not as long as there are queues of the same names and of another kind.
        """
        with self._trying:
            pause = 0.0
            while not self._stopping.is_set() and not self._attempt():
                pause = self._pause(pause)
                self._stopping.wait(pause)

    def listen_again(self) -> None:
        """Declare the queues anew, unless that is being tried; this waits for nothing."""
        if not self._trying.locked():
            threading.Thread(target=self.listen, name="rpc-listen", daemon=True).start()

    def stop(self) -> None:
        """End, after what is under way; this waits for the broker, but not for one that never took the queues."""
        self._stopping.set()
        if self._server is not None:
            bus.end(self._server)

    def _attempt(self) -> bool:
        """Return whether it listens now."""
        server = self._make()
        try:
            server.start()
        except Exception as error:
            self._refused(exceptions.one_line(error))
            return False
        old, self._server = self._server, server
        self._heard()
        if old is not None:
            _leave(old)
        return True


def _leave(server: oslo_messaging.MessageHandlingServer) -> None:
    """End a server in whose place there is another one: that it cannot be ended well changes nothing."""
    try:
        bus.end(server)
    except Exception as error:
        LOG.warning("What has listened before could not be ended: %s", exceptions.one_line(error))
