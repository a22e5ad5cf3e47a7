"""A disk without room."""

import contextlib
import errno
import pathlib


def fill(file: pathlib.Path) -> None:
    """Write to a new file until there is room for nothing more."""
    with contextlib.closing(file.open("wb", buffering=0)) as writer:
        for size in (4096, 1):
            try:
                while True:
                    writer.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
