"""Signals to a process that has no master which hears them for it."""

import signal
import socket


class Signals:
    """Hears the signals ``numbers`` from now on, whichever thread the kernel gives them to.

    Nothing is done in a handler: it may have interrupted anything, the writing of a line of the log for instance, which
    cannot be begun a second time.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = frozenset(numbers)
        self._heard, self._told = socket.socketpair()
        self._told.setblocking(False)
        # Python calls handlers on the main thread, and wakes it for them only if it got the signal itself.
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda *_: None)

    def wait(self) -> signal.Signals:
        """Wait for the next one."""
        while (number := self._heard.recv(1)[0]) not in self._numbers:
            pass  # it has a handler of its own
        return signal.Signals(number)
