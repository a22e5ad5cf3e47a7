"""A process that runs until it is told to end, in a namespace, with its output in a file."""

import os
import pathlib
import signal
import subprocess
from collections.abc import Mapping, Sequence

from tests.support import namespaces


class Daemon:
    """A process with its own session, so that a Ctrl-C at the terminal is not for it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        namespace: namespaces.Namespace,
        log: pathlib.Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.log = log
        self._command = list(command)
        #: What the environment has beside that of the tests, from the next start on.
        self.env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process itself, running or ended."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; what it prints is added to ``log``."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.namespace.command(*self._command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **self.env},
                cwd="/",
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def stop(self, timeout: float = 30) -> int:
        """Ask it to end with SIGTERM and return its status; AssertionError if it has not ended in ``timeout`` s."""
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {timeout:g} s of SIGTERM:\n{self.tail()}") from None

    def kill(self) -> None:
        """End it and its children, those that have made no session of their own, without asking."""
        if self._process is None:
            return
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        # The kernel closes the packet sockets of an ovs-vswitchd one by one: 13 ms for each of 1000 ports.
        self.process.wait(60)

    def tail(self, lines: int = 60) -> str:
        """Return the last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
