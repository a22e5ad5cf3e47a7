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
