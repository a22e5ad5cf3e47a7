"""What systemd, or whoever else starts a process with NOTIFY_SOCKET, is told of it: sd_notify(3)."""

import os

import sdnotify

_SOCKET, _INTERVAL = "NOTIFY_SOCKET", "WATCHDOG_USEC"
#: Seconds for which one that takes nothing is waited for, as a systemd that has frozen.
_PATIENCE = 1.0


class Supervisor:
    """Made before oslo.service runs: that would say READY=1 by itself, before anything is ready, and only on eventlet.

    On native threads a child does the work, so systemd has to be told to listen to it: ``NotifyAccess=all``.
    """

    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier() if _SOCKET in os.environ else None
        if self._notifier is not None and self._notifier.socket is not None:
            self._notifier.socket.settimeout(_PATIENCE)
        os.environ.pop(_SOCKET, None)
        self._pid = os.getpid()
        #: Whether this process is to end.
        self.is_stopping = False
        interval = os.environ.pop(_INTERVAL, "")
        #: Seconds within which the supervisor wants to hear WATCHDOG=1, None if it does not want to.
        self.watchdog = int(interval) / 1e6 if interval.isdecimal() and int(interval) else None

    def stopping(self) -> None:
        """Say STOPPING=1, once, and not from a child: on SIGHUP one ends and another follows."""
        was_stopping, self.is_stopping = self.is_stopping, True
        if not was_stopping and os.getpid() == self._pid:
            self.tell("STOPPING=1")

    def tell(self, text: str) -> None:
        """Send assignments, one a line; nothing happens if nobody listens, or takes them."""
        if self._notifier is not None:
            self._notifier.notify(text)
