"""Places where a test can have a process killed, stopped, hang or fail: between two steps, where nothing gets at it.

Off unless the environment names a folder when the process starts. A fault is armed by a file there that has the name
of the point and the fault for its text, so also while the process runs; it strikes once.
"""

import os
import pathlib
import signal
import time

#: Name of the variable with the folder.
VARIABLE = "VETHAGENT_FAULTS"

_FOLDER = os.environ.get(VARIABLE)
_LONG = 3600.0
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def point(name: str) -> None:
    """Be killed or stopped here, wait for ever, or raise RuntimeError, if a file ``name`` in the folder says so.

    What it says is kill, stop, hang or fail. To hang is to wait for something: nobody sees that it will never come.
    """
    if _FOLDER is not None:
        _strike(pathlib.Path(_FOLDER, name))


def _strike(armed: pathlib.Path) -> None:
    if not armed.exists():  # which needs no file descriptor, for there may be none left
        return
    try:
        fault = armed.read_text().strip()
        armed.unlink()  # whoever comes here next, the same process or one started after it, goes on
    except FileNotFoundError:
        return
    if fault == "fail":
        raise RuntimeError(f"a fault was armed at {armed.name}")
    while fault == "hang":
        time.sleep(_LONG)
    # To this very thread: any other may take a while until it has stopped them all, and this one would go on.
    signal.raise_signal(_SIGNALS[fault])
