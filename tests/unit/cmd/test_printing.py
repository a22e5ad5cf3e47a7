"""Commands that print, to somebody who does not read it."""

import os
import pathlib
import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", [("manage", "db", "version"), ("status", "upgrade", "check")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads(config: pathlib.Path, command: tuple[str, ...], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", f"vethagent.cmd.{command[0]}", "--config-file", str(config), *command[1:]],
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert (done.returncode, done.stderr) == (141, "")
