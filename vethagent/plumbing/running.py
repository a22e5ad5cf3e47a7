"""Whether ovs-vswitchd runs, as far as that can be seen from outside without asking it. Needs no privilege."""

import pathlib

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
        stat = pathlib.Path(f"/proc/{int(pid_file.read_text())}/stat").read_text()
    except (OSError, ValueError):
        return False
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return name == _NAME and rest.split()[0] in _ALIVE
