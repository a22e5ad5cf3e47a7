"""Whether ovs-vswitchd runs, as far as that can be seen from outside without asking it. Needs no privilege."""

import pathlib

from vethagent import processes

_NAME = "ovs-vswitchd"
#: Of the states of proc(5) those of a process that goes on when there is something to do.
_ALIVE = ("R", "S", "D", "I")


def pidfile(remote: str) -> pathlib.Path | None:
    """Return where it leaves its pid if OVSDB is reached at ``remote``, None if that is not on this host."""
    kind, _, path = remote.partition(":")
    return pathlib.Path(path).parent / f"{_NAME}.pid" if kind == "unix" else None


def is_seen_running(pid_file: pathlib.Path) -> bool:
    """Return whether the process of ``pid_file`` is there and not stopped.

    False says nothing: in a container other processes may not be seen.
    """
    try:
        seen = processes.look(int(pid_file.read_text()))
    except (OSError, ValueError):
        return False
    return seen is not None and seen[0] == _NAME and seen[1] in _ALIVE
