import pathlib
import signal
import subprocess
import sys

from tests.support import points
from vethagent import faults

PASS = "from vethagent import faults; faults.point('here'); print('passed')"


def run(folder: pathlib.Path | None) -> subprocess.CompletedProcess[str]:
    environment = {} if folder is None else {faults.VARIABLE: str(folder)}
    command = [sys.executable, "-c", PASS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_a_point_is_nothing_unless_armed(tmp_path: pathlib.Path) -> None:
    assert run(None).stdout == "passed\n"
    assert run(tmp_path).stdout == "passed\n"


def test_an_armed_point_kills_once(tmp_path: pathlib.Path) -> None:
    (tmp_path / "here").write_text("kill\n")
    assert run(tmp_path).returncode == -signal.SIGKILL
    assert run(tmp_path).stdout == "passed\n"


def test_an_armed_point_fails_once(tmp_path: pathlib.Path) -> None:
    (tmp_path / "here").write_text("fail\n")
    assert "a fault was armed at here" in run(tmp_path).stderr
    assert run(tmp_path).stdout == "passed\n"


def test_a_fault_for_another_point_stays_armed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "there").write_text("kill")
    assert run(tmp_path).stdout == "passed\n"
    assert (tmp_path / "there").exists()


def test_each_point_is_walked() -> None:
    walked = (
        *points.AGENT,
        *points.AGENT_LATER,
        points.AGENT_START,
        *points.TAKING_BACK,
        *points.HELPER,
        *points.HELPER_MAKING,
    )
    assert sorted(set(walked)) == points.names(), "each has to be walked by tests of what is half done"
