"""Nobody reads what is logged: journald hangs, or whoever has the other end of the pipe is stopped."""

import contextlib
import os
import pathlib
import select
from collections.abc import Iterator

import pytest

from tests.support import commands, hosts, processes, rest


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
    for bridge in ("br1", "br2"):
        host.linux_bridge(bridge)
    allinone, api = processes.make_allinone(host, concurrency=concurrency), rest.Rest(host.namespace)
    allinone.log = pipe.path
    allinone.start()
    api.wait_until_served()
    api.wait_for_agent(host.name)
    link = api.create({"host": host.name, "ends": [{"bridge": "br1"}, {"bridge": "br2"}]})
    device = api.wait_for_status(link["id"], "ACTIVE")["observed"][0]["device"]
    commands.wait_until(lambda: _is_told(api, host), what="health that says so", timeout=60)
    host.ip("link", "delete", device)
    commands.wait_until(lambda: host.device(device), what="the repair")

    pipe.read()
    commands.wait_until(lambda: not _is_told(api, host), what="health without it", timeout=60)
    commands.wait_until(lambda: "lines were not written" in pipe.read(), what="what was lost")
    pipe.fill()
    assert allinone.stop() == 0


def _is_told(api: rest.Rest, host: hosts.Host) -> bool:
    return "log" in {reason["part"] for reason in api.get(f"/v1/agents/{host.name}")["health"]}
