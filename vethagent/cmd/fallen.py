"""A thread that ends by an exception that nobody has expected: the process ends too, and whoever started it does again.

Without it something would not be done any more, and nobody would notice. A restart changes nothing that is right.
"""

import logging
import os
import sys
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

#: What Python says of a thread that had no memory to begin. Whoever starts one waits for its first word for ever.
_UNBEGUN = "in thread started by"


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

    usual = sys.unraisablehook

    def look_at_unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if _UNBEGUN not in (lost.err_msg or "") or supervisor.is_stopping:
            usual(lost)
            return
        try:
            LOG.critical("A thread could not begin, and this process ends", exc_info=lost.exc_value)
        finally:  # memory may be short for a line of the log, too
            os._exit(1)

    threading.excepthook = look
    sys.unraisablehook = look_at_unraisable


def _begun_in(trace: TracebackType | None) -> str:
    """Return the module of the function that a thread was started with."""
    names = (str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(trace))
    return next((name for name in names if name != threading.__name__), "")
