"""Network namespaces whose names tell whose they are, so that those of a crashed run can be found."""

import contextlib
import itertools
import os
import re
import signal
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from pyroute2 import netns

from tests.support import commands

#: Names are PREFIX, the pid of the run, a number and the role.
PREFIX = "va"
_OURS = re.compile(rf"{PREFIX}(\d+)-\d+-")
_numbers = itertools.count(1)


class Namespace:
    """A network namespace; ``close`` ends what runs in it and removes it.

    IPv6 is off in it, so that nothing is on the wires but what a test sends.
    """

    def __init__(self, role: str, *, name: str | None = None) -> None:
        self.role = role
        self.name = name or f"{PREFIX}{os.getpid()}-{next(_numbers)}-{role}"
        commands.run("ip", "netns", "add", self.name)
        try:
            self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6", check=False)
            self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6", check=False)
            self.ip("link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def command(self, *command: str) -> list[str]:
        """Return ``command`` as one that runs in here."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, check: bool = True, timeout: float = 60) -> str:
        """Run ``command`` in here and return what it printed to its standard output."""
        return commands.run(*self.command(*command), check=check, timeout=timeout).stdout

    def ip(self, *arguments: str) -> str:
        """Run ip(8) on this namespace and return what it printed."""
        return commands.run("ip", "-n", self.name, *arguments).stdout

    def as_usual(self) -> None:
        """Have IPv6, and everybody send pings, as on a host of which nobody has changed that."""
        for name in "all", "default":
            self.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6")
        self.run("sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range")

    def has_device(self, device: str) -> bool:
        """Return whether there is a device of this name."""
        return commands.run("ip", "-n", self.name, "link", "show", "dev", device, check=False).returncode == 0

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Make sockets that are opened by this thread sockets of this namespace; they stay so afterwards."""
        with open("/proc/thread-self/ns/net") as home:
            netns.setns(self.name, flags=0)
            try:
                yield
            finally:
                netns.setns(home.fileno())

    def close(self) -> None:
        """End what runs in here, then remove it."""
        remove(self.name)


def remove(name: str) -> None:
    """Kill the processes in the namespace ``name``, wait for their end and delete it; nothing if it is not there."""
    if name not in existing():
        return
    commands.wait_until(lambda: not _killed(name), what=f"the end of the processes in {name}")
    done = commands.run("ip", "netns", "delete", name, check=False)
    assert name not in existing(), done.stderr  # another run may have been faster with what a crashed one has left


def existing() -> list[str]:
    """Return the names of all network namespaces."""
    lines = commands.run("ip", "netns", "list").stdout.splitlines()
    return [line.split()[0] for line in lines if line.strip()]


def remove_leftovers() -> list[str]:
    """Remove the namespaces of runs that have ended without doing so; return their names."""
    found = [name for name in existing() if (ours := _OURS.match(name)) and not os.path.exists(f"/proc/{ours[1]}")]
    for name in found:
        remove(name)
    return found


def _killed(name: str) -> list[int]:
    pids = [int(pid) for pid in commands.run("ip", "netns", "pids", name, check=False).stdout.split()]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids
