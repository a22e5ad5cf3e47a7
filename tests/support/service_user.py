"""The user that the agent is documented to run as: not root, CAP_NET_ADMIN for its helper and nothing else.

Where systemd is, the unit does this; here setpriv(1) does the same.
"""

import os
import pathlib
import sys

#: nobody: every machine has it, and no machine has to be changed for it.
UID = GID = 65534

_TOP = pathlib.Path(__file__).resolve().parents[2]

# In the mount namespace that `ip netns exec` makes: BLOCKED is covered and only what is needed is put back below it.
_UNBLOCK = """
set -e
blocked=$1
stage=$(mktemp -d)
shift
number=0
for path in "$@"; do
    [ "$path" != -- ] || break
    number=$((number + 1))
    mkdir "$stage/$number"
    mount --bind "$path" "$stage/$number"
done
mount -t tmpfs -o mode=755 tmpfs "$blocked"
number=0
while [ "$1" != -- ]; do
    number=$((number + 1))
    mkdir -p "$1"
    mount --move "$stage/$number" "$1"
    rmdir "$stage/$number"
    shift
done
shift
rmdir "$stage"
exec "$@"
"""


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
    paths = {str(path) for path in (_TOP, pathlib.Path(sys.prefix), pathlib.Path(sys.base_prefix)) if _blocked(path)}
    blocked = {str(_blocked(pathlib.Path(path))) for path in paths}
    if not paths:
        return setpriv
    assert len(blocked) == 1, f"more than one folder keeps the service user out: {blocked}"
    outermost = sorted(path for path in paths if not any(path.startswith(f"{other}/") for other in paths))
    return ["sh", "-c", _UNBLOCK, "sh", *blocked, *outermost, "--", *setpriv]


def give(path: pathlib.Path) -> None:
    """Make the service user the owner of a file or folder."""
    os.chown(path, UID, GID)


def _blocked(path: pathlib.Path) -> pathlib.Path | None:
    """Return the outermost folder on the way to ``path`` that only its owner may go through, None if there is none."""
    ways = [path, *path.parents]
    return next((way for way in reversed(ways) if not way.stat().st_mode & 0o001), None)
