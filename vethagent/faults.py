"""Places where a test can have a process killed, stopped, or fail: between two steps, where nothing else gets at it.

Off unless the environment names a folder when the process starts. A fault is armed by a file there that has the name
of the point and the fault for its text, so also while the process runs; it strikes once.
"""

import os
import pathlib
import signal

#: Name of the variable with the folder.
VARIABLE = "VETHAGENT_FAULTS"

_FOLDER = os.environ.get(VARIABLE)
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def point(name: str) -> None:
    """Be killed or stopped here, or raise RuntimeError, if a file ``name`` in the folder says kill, stop or fail."""
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
    # To this very thread: any other may take a while until it has stopped them all, and this one would go on.
    signal.raise_signal(_SIGNALS[fault])
