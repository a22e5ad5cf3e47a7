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

    Not by a lock of fcntl(2), as the libraries at hand do: a child does not inherit that one. The folder is held too,
    for somebody may think that the file was left behind, and delete it.
    """
    if store == ":memory:":
        return
    path = f"{store}.lock"
    try:
        folder = pathlib.Path(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        around = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise common.StartError(f"{path} cannot be opened: {error.strerror}") from error
    until = time.monotonic() + _PATIENCE
    while not (_taken(descriptor) and _folder_taken(around)):
        if time.monotonic() >= until:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            os.close(around)
            who = f"process {holder}: it holds {path}" if holder else f"somebody has deleted {path}, which it held"
            raise common.StartError(f"another agent runs on this host, {who}")
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


def _folder_taken(descriptor: int) -> bool:
    try:
        return _taken(descriptor)
    except OSError:  # NFS has no such lock for a folder
        return True
