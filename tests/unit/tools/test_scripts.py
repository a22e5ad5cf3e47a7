"""What the scripts do when somebody presses Ctrl-C."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from tests.support import commands

TOP = pathlib.Path(__file__).parents[3]
#: Programs of the tools' environment that have nothing to do, and one that goes on until it is interrupted. As tox
#: does, and bindep, it ends with a status and not by the signal.
IDLE = "#!/bin/sh\n"
BUSY = """#!/bin/sh
trap 'kill $!; echo Traceback >&2; exit 1' INT
echo "$*" >> "$(dirname "$0")/begun"
sleep 60 &
wait
"""


@pytest.mark.parametrize("busy", ["bindep", "tox"])
def test_ctrl_c_ends_the_tests_at_once(busy: str, tmp_path: pathlib.Path) -> None:
    shutil.copytree(TOP / "tools", tmp_path / "tools")
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("bindep", "pip", "tox", "uv"):
        (programs / name).write_text(BUSY if name == busy else IDLE)
        (programs / name).chmod(0o755)
    with subprocess.Popen(
        [tmp_path / "tools/test.sh", "lint"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        begun = programs / "begun"
        commands.wait_until(lambda: begun.exists() and begun.read_text(), what=f"{busy} that runs")
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert ("Traceback" in said) == (busy == "tox")
    assert len(begun.read_text().splitlines()) == 1


@pytest.mark.parametrize("busy", ["bindep", "uv"])
@pytest.mark.parametrize("script", ["demo.sh", "bench.sh one_link", "simulate.sh", "soak.sh 2"])
def test_ctrl_c_while_it_installs_leaves_nothing(script: str, busy: str, tmp_path: pathlib.Path) -> None:
    for folder in ("tools", "benchmarks"):
        shutil.copytree(TOP / folder, tmp_path / folder)
    for file in ("pyproject.toml", "requirements.txt", "setup.cfg"):
        shutil.copy(TOP / file, tmp_path)
    programs, temporary = tmp_path / ".venv/bin", tmp_path / "tmp"
    programs.mkdir(parents=True)
    temporary.mkdir()
    for name in ("bindep", "pip", "tox", "uv", "sudo"):
        (programs / name).write_text(BUSY if name == busy else IDLE)
        (programs / name).chmod(0o755)
    name, *words = script.split()
    with subprocess.Popen(
        [tmp_path / "tools" / name, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as process:
        begun = programs / "begun"
        commands.wait_until(lambda: begun.exists() and begun.read_text(), what=f"{busy} that runs")
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "interrupted\n")
    assert list(temporary.iterdir()) == []
