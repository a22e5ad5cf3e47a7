"""Whether agents are heard: found out by being one of those who call.

That a broker takes connections says little: one that hangs has a kernel which does so, one without memory reads nothing
of what is sent, and a queue that somebody has cut off from its exchange is silent like one with nothing in it.
"""

import logging
import threading
from collections.abc import Callable

import oslo_messaging

from vethagent import constants, exceptions
from vethagent.rpc.deadline import Deadline

LOG = logging.getLogger(__name__)

#: Seconds for an answer, and between two questions as long as all is well, and while it is not.
_ANSWER, _EACH, _EACH_IN_TROUBLE = 5.0, 10.0, 2.0
#: After so many questions that the broker took, and nobody was asked, this controller listens anew.
_IN_VAIN = 2


class Ear:
    """Calls the method ``hear`` of its own controller, over the bus, on a thread of its own."""

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        server: str,
        *,
        idle: Callable[[], bool],
        listen_again: Callable[[], None],
        changed: Callable[[str], None],
    ) -> None:
        """``idle`` tells whether no call is under way; ``changed`` is told in a few words what is so now."""
        target = oslo_messaging.Target(topic=constants.CONTROLLER_TOPIC, version="1.0", server=server)
        self._client = oslo_messaging.get_rpc_client(transport, target, timeout=_ANSWER, retry=0)
        self._deadline = Deadline()
        self._idle = idle
        self._listen_again = listen_again
        self._changed = changed
        self._in_vain = 0
        self._ended = threading.Event()
        #: Whether the last question was answered.
        self.hears = True

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="ear", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._ended.set()

    def ask(self) -> None:
        """Ask once."""
        try:
            self._deadline.within(_ANSWER + 1, lambda: self._client.call({}, "hear"))
        except exceptions.BusUnavailable as error:
            self._not_heard(error)
        else:
            self._in_vain = 0
            if not self.hears:
                LOG.info("agents are heard again")
                self._changed("listening for agents")
            self.hears = True

    def _not_heard(self, error: exceptions.BusUnavailable) -> None:
        if self.hears and not self._ended.is_set():
            LOG.warning("agents are not heard: %s", error)
            self._changed(f"agents are not heard: {exceptions.one_line(error)}")
        self.hears = False
        taken = isinstance(error.__cause__, oslo_messaging.MessagingTimeout)
        self._in_vain = self._in_vain + 1 if taken and self._idle() else 0
        if self._in_vain >= _IN_VAIN:
            self._in_vain = 0
            LOG.warning("the broker takes calls and nothing comes here: listening anew")
            self._listen_again()

    def _run(self) -> None:
        while not self._ended.wait(_EACH if self.hears else _EACH_IN_TROUBLE):
            try:
                self.ask()
            except Exception:  # such as an answer of another version; the next question is asked all the same
                LOG.exception("it could not be found out whether agents are heard")
