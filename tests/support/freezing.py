"""Processes that stand still, and are seen to or not: one that hangs sleeps for all that anybody can tell."""

import contextlib
import ctypes
import os
import pathlib
import signal
from collections.abc import Iterator

from tests.support import commands

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long
#: Of <linux/ptrace.h> and <linux/wait.h>.
_DETACH, _SEIZE, _INTERRUPT, _WALL = 17, 0x4206, 0x4207, 0x40000000


@contextlib.contextmanager
def stopped(group: int) -> Iterator[None]:
    """Have a process and all of its group stand still by SIGSTOP.

    One thread takes it, when it has its turn, and stops the others then: meanwhile these go on.
    """
    os.killpg(group, signal.SIGSTOP)
    try:
        commands.wait_until(lambda: all(state in "TtZX" for state in _states(group)), what="a group that stands still")
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def go_on(group: int) -> None:
    """Let a process that stops itself go on with all of its group, once it has done so."""
    commands.wait_until(lambda: _is_stopped(group), what="a process that stands still")
    os.killpg(group, signal.SIGCONT)


def _is_stopped(group: int) -> bool:
    """Return whether a process of a group stands still by SIGSTOP."""
    return "T" in _states(group)


def _states(group: int) -> list[str]:
    """Return the states of all threads of a group, as /proc has them."""
    states = []
    for path in pathlib.Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, _, its_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(its_group) == group:
                states.append(state)
    return states


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Have a process stand still, unless somebody ends it; /proc says t and not T, which is that of SIGSTOP."""
    threads = [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    for thread in threads:
        _ptrace(_SEIZE, thread)
        _ptrace(_INTERRUPT, thread)
        os.waitpid(thread, _WALL)
    try:
        yield
    finally:
        for thread in reversed(threads):  # the first one last: it ends when all others have
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                try:
                    _ptrace(_DETACH, thread)
                except ProcessLookupError:
                    os.waitpid(thread, _WALL)


def _ptrace(request: int, thread: int) -> None:
    """Do ``request`` of ptrace(2) to a thread; raise OSError."""
    if _LIBC.ptrace(request, thread, None, None):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
