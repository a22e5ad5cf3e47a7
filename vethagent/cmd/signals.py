"""Signals to a process that has no master which hears them for it."""

import os
import signal
import socket
import threading


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


def end_new_children_by_sigterm() -> None:
    """Have SIGTERM end a child that is forked from now on, until it has a handler of its own.

    On native threads oslo.service forks the child that does the work, and tells it to end with SIGTERM, once. Until
    then the child has its parent's handler, which does nothing by itself: the signal would be lost, the child would
    begin its work, and the parent would wait for its end for ever.
    """
    kept = threading.local()

    def before() -> None:
        # What comes to the child before it can run waits for it.
        kept.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def after() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept.mask)

    def in_child() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        after()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=in_child)
