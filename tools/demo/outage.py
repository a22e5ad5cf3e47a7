"""For how long nothing passes between two guests."""

import itertools
import pathlib
import re
from types import TracebackType
from typing import Self

from tests.support import commands, daemons, namespaces

_ANSWER = re.compile(r"^\[(\d+\.\d+)\] .*icmp_seq=", re.MULTILINE)


class Watch:
    """Pings every 10 ms for as long as the block lasts, each answer with the time at which it came."""

    def __init__(self, source: namespaces.Namespace, address: str, *, log: pathlib.Path) -> None:
        command = ["ping", "-D", "-n", "-i", "0.01", address]
        self._ping = daemons.Daemon(command, name="ping", namespace=source, log=log)

    def __enter__(self) -> Self:
        self._ping.start()
        self.wait_for_answers(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ping.kill()

    def wait_for_answers(self, count: int) -> None:
        """Wait until ``count`` more pings are answered."""
        wanted = len(self._answers()) + count
        commands.wait_until(lambda: len(self._answers()) >= wanted, what=f"{count} more answers to pings")

    def longest_ms(self) -> float:
        """Return the longest time between two answers, in milliseconds."""
        return max(later - earlier for earlier, later in itertools.pairwise(self._answers())) * 1000

    def _answers(self) -> list[float]:
        return [float(seconds) for seconds in _ANSWER.findall(self._ping.log.read_text())]
