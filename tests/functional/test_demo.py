"""The first command of the README, but for what it installs: the demo is kept, looked at as it says, and ended."""

import pathlib
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support import commands

TOP = pathlib.Path(__file__).parents[2]
#: What would go on for ever -> the same once; a ping as soon as one is answered, for the link has just been damaged.
ONCE = {" --follow": "", "tail -f ": "tail ", " ping ": " ping -c 1 -w 60 "}


class Place:
    """Where nobody sees anything of a demo that runs on this machine besides: it has a /run of its own."""

    def __init__(self, pid: int) -> None:
        self._enter = ("nsenter", f"--mount=/proc/{pid}/ns/mnt", f"--wd={TOP}")

    def run(self, *command: str) -> str:
        """Return what a command prints."""
        return commands.run(*self._enter, *command, env={"PYTHONPATH": str(TOP)}, timeout=120).stdout

    def demo(self, *options: str) -> str:
        """Return what the demo prints, started as tools/demo.sh starts it."""
        return self.run(sys.executable, "-m", "tools.demo", *options)


@pytest.fixture
def place() -> Iterator[Place]:
    script = "mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec sleep infinity"
    command = ["unshare", "--mount", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            made = Place(holder.pid)
            try:
                yield made
            finally:
                made.demo("--end")
        finally:
            holder.kill()


def look(place: Place, line: str) -> str:
    for endless, once in ONCE.items():
        line = line.replace(endless, once)
    return place.run("sh", "-c", line)


def test_it_is_kept_looked_at_and_ended(place: Place) -> None:
    told = place.demo("--keep", "--slow")
    lines = told.partition("Look at it, as root:")[2].partition("The page")[0].strip().splitlines()
    seen = {line.strip().removeprefix("sudo "): look(place, line.strip()) for line in lines}
    shown = next(text for line, text in seen.items() if line.endswith("link show seed"))
    assert "ACTIVE" in shown
    assert len(seen) == 7
    assert all(text for line, text in seen.items() if "link delete" not in line)

    [page] = re.findall(r"http://127\.0\.0\.1:\d+/ui", told)
    for _ in range(2):
        with urllib.request.urlopen(page, timeout=30) as answer:
            assert "<title>vethagent" in answer.read().decode()

    assert "ended, nothing is left" in place.demo("--end")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(page, timeout=30)
