"""One agent a host: of two each would undo what the other has not heard of yet."""

import contextlib
import errno
import fcntl
import logging
import os
import pathlib
import signal
import time

from vethagent.cmd import common

LOG = logging.getLogger(__name__)

#: Seconds for another one to end: on native threads a child may live on for a moment after its parent was killed.
_PATIENCE, _PAUSE = 5.0, 0.1


class _Hold:
    """``STORE.lock`` and its folder, open; locked for as long as a process lives that has inherited them."""

    def __init__(self, path: str, before: "_Hold | None" = None) -> None:
        """Open both, or make them; OSError if that cannot be. The folder may be the one that is held ``before``."""
        self._path = path
        folder = pathlib.Path(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        self._file = _open(path)
        try:
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if before is not None and os.path.samestat(os.fstat(self._folder), os.fstat(before._folder)):
                # A parent may hold it too, and would be another one for whoever opens it again.
                os.dup2(before._folder, self._folder, inheritable=False)
        except OSError:
            os.close(self._file)
            raise

    def take(self) -> bool:
        """Lock both and write down who does, or return that another one has locked either.

        First the folder: who waits for that must not have the file, or its holder would take it for another agent's.
        """
        if not self._lock():
            return False
        with contextlib.suppress(OSError):  # on a full disk nobody is told the number
            os.truncate(self._file, 0)
            os.write(self._file, f"{os.getpid()}\n".encode())
        return True

    def holder(self) -> str:
        """Return which process has written down itself, '' if none has."""
        return os.pread(self._file, 20, 0).decode(errors="replace").strip()

    def lasts(self) -> bool:
        """Return whether it is locked, and what another agent would open; a child may inherit what another let go."""
        pairs = (self._file, self._path), (self._folder, pathlib.Path(self._path).parent)
        try:
            there = all(os.path.samestat(os.fstat(number), os.stat(path)) for number, path in pairs)
        except OSError:
            return False
        return there and self._lock()

    def leave_for(self, after: "_Hold") -> None:
        """Let go of what is not held by the one ``after`` it. A parent that has it open too does not hold it either."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        if not os.path.samestat(os.fstat(self._folder), os.fstat(after._folder)):
            with contextlib.suppress(OSError):  # see _folder_taken
                fcntl.flock(self._folder, fcntl.LOCK_UN)
        self.close()

    def close(self) -> None:
        """Let go."""
        os.close(self._file)
        os.close(self._folder)

    def _lock(self) -> bool:
        return _folder_taken(self._folder) and _taken(self._file)


class Alone:
    """What keeps others from this host, as long as somebody looks now and then that it is still there."""

    def __init__(self, path: str, hold: _Hold | None) -> None:
        self._path, self._hold = path, hold
        #: On native threads a child of it looks.
        self._process = os.getpid()

    def look(self) -> None:
        """Take anew what somebody has deleted; if another agent was quicker have this one end."""
        if self._hold is None or self._hold.lasts():
            return
        try:
            again = _Hold(self._path, self._hold)
        except OSError:
            return  # another agent could not open it either
        before, self._hold = self._hold, again
        if again.take():
            before.leave_for(again)
            LOG.warning("Somebody has deleted %s, it is made anew", self._path)
            return
        self._hold = None
        text = "Somebody has deleted %s, and process %s has it now: this agent ends, as there has to be one a host"
        LOG.error(text, self._path, again.holder())
        os.kill(self._process, signal.SIGTERM)


def stay_alone(store: str) -> Alone:
    """Hold ``STORE.lock`` for as long as this process or a child of it lives; raise StartError if another one does.

    Not by a lock of fcntl(2), as the libraries at hand do: a child does not inherit that one. The folder is held too,
    for somebody may think that the file was left behind, and delete it.
    """
    path = f"{store}.lock"
    if store == ":memory:":
        return Alone(path, None)
    try:
        hold = _Hold(path)
    except OSError as error:
        raise common.StartError(f"[agent] store: {path} cannot be opened: {error.strerror}") from error
    until = time.monotonic() + _PATIENCE
    while not hold.take():
        if time.monotonic() >= until:
            holder = hold.holder()
            hold.close()
            who = f"process {holder}: it holds {path}" if holder else f"somebody has deleted {path}, which it held"
            raise common.StartError(f"another agent runs on this host, {who}")
        time.sleep(_PAUSE)
    return Alone(path, hold)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS or not os.path.exists(path):
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # to lock it is no change


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
