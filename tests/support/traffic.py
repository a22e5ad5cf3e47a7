"""Traffic between guests: does it pass, does it arrive whole, is any of it lost."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Self

from tests.support import commands, hosts, icmp, namespaces, tcp


def can_ping(source: namespaces.Namespace, address: str, *, timeout: float = 1) -> bool:
    """Return whether one ping is answered within ``timeout`` seconds."""
    command = source.command("ping", "-q", "-n", "-c", "1", "-W", str(timeout), address)
    return commands.run(*command, check=False).returncode == 0


def wait_for_ping(source: namespaces.Namespace, address: str, *, timeout: float = 10) -> None:
    """Wait until a ping is answered."""
    what = f"an answer from {address} to {source.role}"
    commands.wait_until(lambda: can_ping(source, address, timeout=0.2), what=what, timeout=timeout)


def transfer(source: namespaces.Namespace, target: hosts.Guest, *, size: int = 4_000_000, timeout: float = 15) -> bool:
    """Send ``size`` random bytes over TCP; return whether all of them arrived, and as they were sent."""
    python = [sys.executable, "-I", str(tcp.__file__)]
    receiver = subprocess.Popen(
        target.command(*python, "receive", target.address), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    with receiver:
        try:
            assert receiver.stdout is not None
            port = receiver.stdout.readline().strip()
            sent = source.run(*python, "send", target.address, port, str(size), check=False, timeout=timeout)
            return bool(sent) and receiver.communicate(timeout=timeout)[0] == sent
        except subprocess.TimeoutExpired:
            return False
        finally:
            receiver.kill()


class Stream:
    """A TCP stream of a kilobyte each 2 ms for as long as the block lasts; ``whole`` if all of it arrived as sent."""

    def __init__(self, source: namespaces.Namespace, target: hosts.Guest) -> None:
        self._source = source
        self._target = target
        self.whole = False

    def __enter__(self) -> Self:
        python = [sys.executable, "-I", str(tcp.__file__)]
        with contextlib.ExitStack() as undo:
            command = self._target.command(*python, "receive", self._target.address)
            self._receiver = _start(command, undo)
            assert self._receiver.stdout is not None
            port = self._receiver.stdout.readline().strip()
            self._sender = _start(self._source.command(*python, "pour", self._target.address, port), undo)
            self._end = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._end:
            sent = self._sender.communicate(timeout=30)[0]
            self.whole = bool(sent) and self._receiver.communicate(timeout=30)[0] == sent


def _start(command: list[str], undo: contextlib.ExitStack) -> "subprocess.Popen[str]":
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    undo.enter_context(process)
    undo.callback(process.kill)
    return process


class Pings:
    """Pings that go on for as long as the block lasts.

    ``lost`` are those that were not answered though an earlier and a later one was.
    """

    def __init__(self, source: namespaces.Namespace, address: str, *, interval: float = 0.02) -> None:
        self._command = source.command(sys.executable, "-I", str(icmp.__file__), address, str(interval))
        self._answered: list[int] = []

    def __enter__(self) -> Self:
        # A file and not a pipe: one that nobody reads from would make it wait.
        self._output = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=self._output)
        self.wait_for_answers(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process, self._output:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(10)
            self._answered = self.answered()

    def wait_for_answers(self, count: int, *, timeout: float = 10) -> None:
        """Wait until ``count`` more pings are answered."""
        wanted = len(self.answered()) + count
        commands.wait_until(lambda: len(self.answered()) >= wanted, what=f"{count} more answers", timeout=timeout)

    def answered(self) -> list[int]:
        """Return the numbers of the pings that are answered so far."""
        if self._answered:
            return self._answered
        # Read without moving: the position is shared with the program that writes there.
        descriptor = self._output.fileno()
        whole, _, _ = os.pread(descriptor, os.fstat(descriptor).st_size, 0).rpartition(b"\n")
        return sorted(set(map(int, whole.split())))

    def lost(self) -> list[int]:
        """Return the numbers of the pings that were not answered."""
        answered = self.answered()
        return sorted(set(range(answered[0], answered[-1])) - set(answered))
