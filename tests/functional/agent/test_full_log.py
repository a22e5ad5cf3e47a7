"""Nobody reads what is logged: journald hangs, or whoever has the other end of the pipe is stopped."""

import contextlib
import os
import pathlib
import select
from collections.abc import Iterator

import pytest

from tests.functional.agent import unheard
from tests.support import hosts, processes


class Pipe:
    """Where a process writes to, full until it is read."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        self.path = pathlib.Path(f"/proc/self/fd/{self._writing}")
        self._found = b""
        self.fill()

    def fill(self) -> None:
        """Leave no room in it."""
        os.set_blocking(self._writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self._writing, b"x" * 4095 + b"\n")
        os.set_blocking(self._writing, True)

    def read(self) -> str:
        """Return all that was ever in it: a line may come in two pieces."""
        while select.select([self._reading], [], [], 0)[0]:
            self._found += os.read(self._reading, 1 << 16)
        return self._found.decode(errors="replace")

    def close(self) -> None:
        """Leave it."""
        os.close(self._reading)
        os.close(self._writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """It is full."""
    made = Pipe()
    yield made
    made.close()


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
def test_nobody_reads_what_is_logged(host: hosts.Host, pipe: Pipe, concurrency: str) -> None:
    allinone = processes.make_allinone(host, concurrency=concurrency)
    allinone.log = pipe.path
    unheard.plug_and_repair(host, allinone)

    pipe.read()
    unheard.wait_until_heard(host, pipe.read)
    pipe.fill()
    assert allinone.stop() == 0
