import pathlib
import signal
import subprocess
import sys

import pytest

from tests.support import commands
from vethagent.plumbing import running

LONG = 60.0
#: A script named as the process is.
RESTING, RESTLESS = "import time\nwhile True: time.sleep(0.01)", "while True: pass"


class Looker:
    """Looks at what a pid file names, with a clock that is set by hand."""

    def __init__(self, file: pathlib.Path) -> None:
        self.now = 1000.0
        self._pulse = running.Pulse(file, lambda: self.now)

    def look(self, after: float = 0) -> float | None:
        self.now += after
        return self._pulse.still_for()


def test_the_pid_is_beside_the_socket() -> None:
    assert running.pidfile("unix:/run/openvswitch/db.sock") == pathlib.Path("/run/openvswitch/ovs-vswitchd.pid")
    assert running.pidfile("tcp:127.0.0.1:6640") is None


@pytest.mark.parametrize("content", [None, "", "no number", "999999999", "1"])
def test_what_is_not_there_is_not_seen(tmp_path: pathlib.Path, content: str | None) -> None:
    file = tmp_path / "ovs-vswitchd.pid"
    if content is not None:
        file.write_text(content)
    assert Looker(file).look() is None


def _start(folder: pathlib.Path, program: str) -> "subprocess.Popen[bytes]":
    """Start a Python program under the name of ovs-vswitchd, with its pid file."""
    named = f"open('/proc/self/comm', 'w').write('ovs-vswitchd')\n{program}"
    process = subprocess.Popen([sys.executable, "-c", named])
    (folder / "ovs-vswitchd.pid").write_text(f"{process.pid}\n")
    return process


def test_one_that_goes_on_is_seen_and_one_that_is_stopped_is_not(tmp_path: pathlib.Path) -> None:
    looker = Looker(tmp_path / "ovs-vswitchd.pid")
    with _start(tmp_path, RESTING) as process:
        try:
            commands.wait_until(lambda: looker.look() is not None, what="the process", timeout=LONG)
            commands.wait_until(lambda: looker.look(10) == 0, what="that it has slept", timeout=LONG)
            process.send_signal(signal.SIGSTOP)
            commands.wait_until(lambda: looker.look() is None, what="its stop", timeout=LONG)
        finally:
            process.kill()
    assert looker.look() is None


def test_one_that_goes_round_without_an_end_is_not_seen_to_go_on(tmp_path: pathlib.Path) -> None:
    looker = Looker(tmp_path / "ovs-vswitchd.pid")
    with _start(tmp_path, RESTLESS) as process:
        try:
            commands.wait_until(lambda: looker.look() is not None, what="the process", timeout=LONG)
            commands.wait_until(lambda: (looker.look(10) or 0) >= 100, what="no sign of it", timeout=LONG)
        finally:
            process.kill()
