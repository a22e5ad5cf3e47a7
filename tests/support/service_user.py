"""The user that the agent is documented to run as: not root, CAP_NET_ADMIN for its helper and nothing else.

Where systemd is, the unit does this; here setpriv(1) does the same.
"""

import os
import pathlib
import shlex
import sys
from collections.abc import Collection

#: nobody: every machine has it, and no machine has to be changed for it.
UID = GID = 65534

_TOP = pathlib.Path(__file__).resolve().parents[2]


def command(*arguments: str) -> list[str]:
    """Return ``arguments`` as a command that runs as the service user, to be run in a namespace."""
    setpriv = [
        "setpriv",
        f"--reuid={UID}",
        f"--regid={GID}",
        "--clear-groups",
        "--bounding-set=-all,+net_admin",
        "--inh-caps=-all,+net_admin",
        "--ambient-caps=-all,+net_admin",
        *arguments,
    ]
    needed = {path: _blocked(path) for path in (_TOP, pathlib.Path(sys.prefix), pathlib.Path(sys.base_prefix))}
    kept = {path for path, blocked in needed.items() if blocked}
    if not kept:
        return setpriv
    return ["sh", "-c", _unblock(kept, covered=set().union(*needed.values())), "sh", *setpriv]


def give(path: pathlib.Path) -> None:
    """Make the service user the owner of a file or folder."""
    os.chown(path, UID, GID)


def _blocked(path: pathlib.Path) -> set[pathlib.Path]:
    """Return the folders on the way to ``path`` that only their owner may go through."""
    assert path.stat().st_mode & 0o001, f"{path} keeps the service user out"
    return {way for way in path.parents if not way.stat().st_mode & 0o001}


def _unblock(kept: Collection[pathlib.Path], *, covered: Collection[pathlib.Path]) -> str:
    """Return a shell script that opens the way to ``kept`` and then runs its arguments.

    In the mount namespace that ``ip netns exec`` makes, each of ``covered`` is hidden by an empty folder that everybody
    may go through, and what is kept is put back below it; from the outside in, as one may be within the other.
    """
    stages = {path: f'"$stage"/{number}' for number, path in enumerate(kept)}
    lines = ["set -e", "umask 022", "stage=$(mktemp -d)"]
    for path, stage in stages.items():
        lines += [f"mkdir {stage}", f"mount --bind {shlex.quote(str(path))} {stage}"]
    for path in sorted({*kept, *covered}):
        place = shlex.quote(str(path))
        lines.append(f"mkdir -p {place}")
        if path in stages:
            lines += [f"mount --move {stages[path]} {place}", f"rmdir {stages[path]}"]
        else:
            lines.append(f"mount -t tmpfs -o mode=755 tmpfs {place}")
    return "\n".join([*lines, 'rmdir "$stage"', 'exec "$@"'])
