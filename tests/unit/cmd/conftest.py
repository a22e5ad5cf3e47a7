import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def heard(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What a supervisor such as systemd would hear, of this process and of those that it starts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(60)
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "vethagent.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\ntransport_url = fake://\nhost = c1\n")
    return path


@pytest.fixture
def run(config: pathlib.Path) -> Run:
    def run(name: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", f"vethagent.cmd.{name}", "--config-file", str(config), *arguments]
        return subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
def start(config: pathlib.Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def start(name: str, **environment: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", f"vethagent.cmd.{name}", "--config-file", str(config)]
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def migrated(template: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Give the processes what ``vethagent-manage db upgrade`` would make."""
    state = tmp_path / "state"
    state.mkdir(0o700)
    (state / "controller.sqlite").write_bytes(template.read_bytes())
