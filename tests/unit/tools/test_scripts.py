"""What the scripts do when somebody mistypes something, or presses Ctrl-C."""

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


def _put(programs: pathlib.Path, *names: str, busy: str) -> None:
    """Put programs into a new folder that do nothing, but for the one that is busy."""
    programs.mkdir(parents=True)
    for name in names:
        (programs / name).write_text(BUSY if name == busy else IDLE)
        (programs / name).chmod(0o755)


def _interrupt(process: "subprocess.Popen[str]", programs: pathlib.Path) -> str:
    """Send SIGINT to a script and all that it has started once the busy one runs; return what it says."""
    begun = programs / "begun"
    commands.wait_until(lambda: begun.exists() and begun.read_text(), what="the busy one")
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)[1]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("soak.sh", "MINUTES is missing"),
        ("soak.sh 0", "MINUTES must be a number above 0"),
        ("soak.sh -1", "not '-1'"),
        ("soak.sh x", "not 'x'"),
        ("soak.sh 9999999", "99999 at most, not '9999999'"),
        ("soak.sh 2 3", "unknown argument: 3"),
        ("soak.sh 2 --foo", "unknown argument: --foo"),
        ("soak.sh 2 --seed", "--seed must be a number, not ''"),
        ("demo.sh --bus=x", "--bus must be embedded or rabbit, not 'x'"),
        ("simulate.sh --agents 0", "--agents must be a number from 1"),
        ("test.sh x", "unknown part: x"),
    ],
)
def test_the_last_line_says_what_is_wrong(command: str, told: str) -> None:
    script, *words = command.split()
    ended = subprocess.run([TOP / "tools" / script, *words], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert told in last


@pytest.mark.parametrize("busy", ["bindep", "tox"])
def test_ctrl_c_ends_the_tests_at_once(busy: str, tmp_path: pathlib.Path) -> None:
    shutil.copytree(TOP / "tools", tmp_path / "tools")
    programs = tmp_path / ".venv/bin"
    _put(programs, "bindep", "pip", "tox", "uv", busy=busy)
    with subprocess.Popen(
        [tmp_path / "tools/test.sh", "lint"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        said = _interrupt(process, programs)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert ("Traceback" in said) == (busy == "tox")
    assert len((programs / "begun").read_text().splitlines()) == 1


@pytest.mark.parametrize("busy", ["bindep", "uv"])
@pytest.mark.parametrize("script", ["demo.sh", "bench.sh one_link", "simulate.sh", "soak.sh 2"])
def test_ctrl_c_while_it_installs_leaves_nothing(script: str, busy: str, tmp_path: pathlib.Path) -> None:
    for folder in ("tools", "benchmarks"):
        shutil.copytree(TOP / folder, tmp_path / folder)
    for file in ("pyproject.toml", "requirements.txt", "setup.cfg"):
        shutil.copy(TOP / file, tmp_path)
    programs, temporary = tmp_path / ".venv/bin", tmp_path / "tmp"
    temporary.mkdir()
    _put(programs, "bindep", "pip", "tox", "uv", "sudo", busy=busy)
    name, *words = script.split()
    with subprocess.Popen(
        [tmp_path / "tools" / name, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as process:
        said = _interrupt(process, programs)
    assert (process.returncode, said) == (130, "interrupted\n")
    assert list(temporary.iterdir()) == []
