import pathlib
import shutil
import signal
import subprocess

import pytest

from tests.support import commands
from vethagent.plumbing import running


def test_the_pid_is_beside_the_socket() -> None:
    assert running.pidfile("unix:/run/openvswitch/db.sock") == pathlib.Path("/run/openvswitch/ovs-vswitchd.pid")
    assert running.pidfile("tcp:127.0.0.1:6640") is None


@pytest.mark.parametrize("content", [None, "", "no number", "999999999", "1"])
def test_what_is_not_there_is_not_seen(tmp_path: pathlib.Path, content: str | None) -> None:
    file = tmp_path / "ovs-vswitchd.pid"
    if content is not None:
        file.write_text(content)
    assert not running.is_seen_running(file)


def test_one_that_sleeps_is_seen_and_one_that_is_stopped_is_not(tmp_path: pathlib.Path) -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    program = shutil.copy(sleep, tmp_path / "ovs-vswitchd")
    file = tmp_path / "ovs-vswitchd.pid"
    with subprocess.Popen([program, "60"]) as process:
        try:
            file.write_text(f"{process.pid}\n")
            commands.wait_until(lambda: running.is_seen_running(file), what="the process")
            process.send_signal(signal.SIGSTOP)
            commands.wait_until(lambda: not running.is_seen_running(file), what="its stop")
        finally:
            process.kill()
    assert not running.is_seen_running(file)
