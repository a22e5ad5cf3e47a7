"""What proc(5) tells of another process, without asking it and without a privilege."""

import pathlib

#: State of a process that goes on only when it is told to (SIGSTOP).
STOPPED = "T"


def look(pid: int) -> tuple[str, str] | None:
    """Return name and state of a process, None if it is not seen, as in a container or with hidepid."""
    stat = _stat(pid)
    return None if stat is None else (stat[0], stat[1][0])


def standing(pid: int) -> int | None:
    """Return how often a process that is seen to be stopped has been so or has waited, None if it is not seen to be.

    The number grows with each time that it is let go on, if only for a moment, as one is that may use a share of a
    processor only (cpulimit).
    """
    seen = look(pid)
    return times_slept(pid) if seen is not None and seen[1] == STOPPED else None


def worked(pid: int) -> int:
    """Return for how many clock ticks a process had a processor, -1 if it is not seen."""
    stat = _stat(pid)
    return -1 if stat is None else sum(map(int, stat[1][11:13]))


def times_slept(pid: int) -> int:
    """Return how often the main thread of a process has waited for something, -1 if it is not seen."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return -1
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def _stat(pid: int) -> tuple[str, list[str]] | None:
    """Return the name of a process and the fields after it, the first of them its state; None if it is not seen."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return name, rest.split()
