"""Hears casts, and goes on trying until it does."""

import logging
import threading
from collections.abc import Callable

import oslo_messaging

from vethagent import exceptions
from vethagent.agent.delays import next_delay
from vethagent.agent.health import HealthKeeper
from vethagent.rpc import transport as bus

LOG = logging.getLogger(__name__)


class Listener:
    """The server of casts; another one takes its place if nothing comes to it."""

    def __init__(
        self, make: Callable[[], oslo_messaging.MessageHandlingServer], *, health: HealthKeeper, interval: float
    ) -> None:
        """``interval`` as in Heartbeat."""
        self._make = make
        self._health = health
        self._interval = interval
        self._server: oslo_messaging.MessageHandlingServer | None = None
        self._stopping = threading.Event()

    def listen(self) -> None:
        """Declare the queues and listen; this waits for the broker, and for one that takes them.

        It does not as long as there are queues of the same names and of another kind.
        """
        delay = 0.0
        while not self._stopping.is_set():
            server = self._make()
            try:
                server.start()
            except Exception as error:
                self._health.bad("casts", f"casts are not heard: {exceptions.one_line(error)}")
                delay = next_delay(delay, self._interval)
                self._stopping.wait(delay)
            else:
                old, self._server = self._server, server
                self._health.good("casts")
                LOG.info("Listening to casts")
                if old is not None:
                    bus.end(old)
                return

    def listen_again(self) -> None:
        """Declare the queues anew; this waits for nothing."""
        threading.Thread(target=self.listen, name="rpc-server", daemon=True).start()

    def stop(self) -> None:
        """End; this waits for the broker."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()
