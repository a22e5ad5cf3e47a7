"""Commands whose failure tells what they said, and conditions that are waited for."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


class CommandFailed(AssertionError):
    """A command ended with another status than 0; the text has the command and all that it printed."""


def run(
    *command: str, check: bool = True, timeout: float = 60, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Return ``command`` after it ended, with its output as text; ``env`` adds to the environment."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        input=stdin,
        env={**os.environ, **(env or {})},
    )
    if check and done.returncode:
        raise CommandFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def wait_until(predicate: Callable[[], T], *, what: str, timeout: float = 30, interval: float = 0.02) -> T:
    """Return the first true value of ``predicate``; AssertionError with ``what`` after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:g} s: {what} (last seen: {value!r})")
        time.sleep(interval)
    return value
