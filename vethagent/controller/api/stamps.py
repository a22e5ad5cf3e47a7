"""Whether a file is as it was when it was read."""

import os

#: Time of the last change, also of its owner or mode, in ns, inode, size in bytes.
Stamp = tuple[int, int, int]


def stamp(found: os.stat_result) -> Stamp:
    """Return what is another one after a file was changed, or another was put in its place."""
    return found.st_ctime_ns, found.st_ino, found.st_size
