"""What proc(5) tells of another process, without asking it and without a privilege."""

import pathlib

#: State of a process that goes on only when it is told to (SIGSTOP).
STOPPED = "T"


def look(pid: int) -> tuple[str, str] | None:
    """Return name and state of a process, None if it is not seen, as in a container or with hidepid."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return name, rest.split()[0]


def worked(pid: int) -> int:
    """Return for how many clock ticks a process had a processor, -1 if it is not seen."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return -1
    return sum(map(int, stat.rpartition(")")[2].split()[11:13]))


def times_slept(pid: int) -> int:
    """Return how often the main thread of a process has waited for something, -1 if it is not seen."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return -1
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
