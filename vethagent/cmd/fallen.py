"""A thread that ends by an exception that nobody has expected: the process ends too, and whoever started it does again.

Without it something would not be done any more, and nobody would notice. A restart changes nothing that is right.
"""

import logging
import os
import threading
import traceback
from types import TracebackType

from vethagent.cmd.bootstrap import PROJECT
from vethagent.cmd.supervisor import Supervisor

LOG = logging.getLogger(__name__)

#: Whose threads nobody can do without: our own, the one in which oslo.service forks a child in place of one that has
#: ended, which may not be possible at that moment, and the only one that speaks with OVSDB: each transaction would wait
#: for it in vain. Other libraries start theirs again, or tell who waits for them.
_NEEDED = (f"{PROJECT}.", "cotyledon.", "ovsdbapp.")


def prepare(supervisor: Supervisor) -> None:
    """Look at each thread that ends so; ``supervisor`` knows whether the process is to end anyway."""

    def look(fallen: threading.ExceptHookArgs) -> None:
        if not isinstance(fallen.exc_value, Exception):
            return  # it was told to end
        name = fallen.thread.name if fallen.thread is not None else "?"
        ends = not supervisor.is_stopping and _begun_in(fallen.exc_traceback).startswith(_NEEDED)
        LOG.critical("Thread %s has ended%s", name, ", and so does this process" * ends, exc_info=fallen.exc_value)
        if ends:
            os._exit(1)

    threading.excepthook = look


def _begun_in(trace: TracebackType | None) -> str:
    """Return the module of the function that a thread was started with."""
    names = (str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(trace))
    return next((name for name in names if name != threading.__name__), "")
