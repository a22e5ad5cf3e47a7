"""One agent a host: of two each would undo what the other has not heard of yet."""

import contextlib
import fcntl
import os
import pathlib
import time

from vethagent.cmd import common

#: Seconds for another one to end: on native threads a child may live on for a moment after its parent was killed.
_PATIENCE, _PAUSE = 5.0, 0.1


def stay_alone(store: str) -> None:
    """Hold ``STORE.lock`` for as long as this process or a child of it lives; raise StartError if another one does.

    Not by a lock of fcntl(2), as the libraries at hand do: a child does not inherit that one.
    """
    if store == ":memory:":
        return
    path = f"{store}.lock"
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise common.StartError(f"{path} cannot be opened: {error.strerror}") from error
    until = time.monotonic() + _PATIENCE
    while not _taken(descriptor):
        if time.monotonic() >= until:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise common.StartError(f"another agent runs on this host, process {holder}: it holds {path}")
        time.sleep(_PAUSE)
    with contextlib.suppress(OSError):  # on a full disk nobody is told the number
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
