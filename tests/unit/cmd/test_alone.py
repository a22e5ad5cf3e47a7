import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from tests.support import commands
from vethagent.cmd import alone
from vethagent.cmd.common import StartError

#: Holds the lock, starts a child as native threads have one, says that it is there, and dies.
PARENT = """
import os, signal, sys
from vethagent.cmd import alone
alone.stay_alone(sys.argv[1])
child = os.fork()
if not child:
    signal.pause()
print(child, flush=True)
os._exit(0)
"""

#: As above, but the child finds that the lock was deleted, and both go on.
MENDER = """
import os, signal, sys
from vethagent.cmd import alone
held = alone.stay_alone(sys.argv[1])
os.unlink(sys.argv[1] + ".lock")
if not os.fork():
    held.look()
    print(os.getpid(), flush=True)
signal.pause()
"""

#: As above, but the folder is moved away, and back into its place after the child has made another one.
MOVER = """
import os, shutil, signal, sys
from vethagent.cmd import alone
held = alone.stay_alone(sys.argv[1])
folder = os.path.dirname(sys.argv[1])
os.rename(folder, folder + ".away")
if not os.fork():
    held.look()
    shutil.rmtree(folder)
    os.rename(folder + ".away", folder)
    held.look()
    print(os.getpid(), flush=True)
signal.pause()
"""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> str:
    monkeypatch.setattr(alone, "_PATIENCE", 0.0)
    return str(tmp_path / "state" / "agent.sqlite")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that were to end."""
    found: list[int] = []
    monkeypatch.setattr("vethagent.cmd.alone.os.kill", lambda pid, _: found.append(pid))
    return found


def test_a_second_one_is_told_who_is_there(store: str) -> None:
    alone.stay_alone(store)
    with pytest.raises(StartError, match=rf"another agent .* process {os.getpid()}: it holds {store}.lock"):
        alone.stay_alone(store)


def test_a_second_one_does_not_start_if_the_lock_was_deleted(store: str) -> None:
    alone.stay_alone(store)
    os.unlink(f"{store}.lock")
    with pytest.raises(StartError, match=rf"another agent .* somebody has deleted {store}.lock"):
        alone.stay_alone(store)


def test_a_second_one_does_not_start_if_the_folder_was_deleted(store: str) -> None:
    first = alone.stay_alone(store)
    shutil.rmtree(os.path.dirname(store))
    first.look()
    with pytest.raises(StartError, match=rf"another agent .* process {os.getpid()}: it holds {store}.lock"):
        alone.stay_alone(store)


@pytest.mark.parametrize("script", [MENDER, MOVER])
def test_a_lock_that_was_taken_away_is_taken_anew_by_a_child(store: str, script: str) -> None:
    """Its parent has what was locked before open as well, and is nobody else."""
    with subprocess.Popen([sys.executable, "-c", script, store], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            assert parent.poll() is None
            with pytest.raises(StartError, match=rf"process {child}: it holds {store}.lock"):
                alone.stay_alone(store)
        finally:
            parent.kill()
            os.kill(child, signal.SIGKILL)


def test_what_an_earlier_child_let_go_is_taken_again(store: str) -> None:
    """As the parent has it, which starts another child."""
    parent = alone.stay_alone(store)
    assert parent._hold is not None
    for descriptor in (parent._hold._file, parent._hold._folder):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    parent.look()
    with pytest.raises(StartError, match=f"process {os.getpid()}: it holds"):
        alone.stay_alone(store)


def test_of_two_the_one_ends_whose_folder_was_deleted(
    store: str, ended: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    first = alone.stay_alone(store)
    shutil.rmtree(os.path.dirname(store))
    second = alone.stay_alone(store)
    second.look()
    assert ended == []
    first.look()
    first.look()
    assert ended == [os.getpid()]
    assert f"process {os.getpid()} has it now: this agent ends" in caplog.text


def test_one_that_waits_for_the_folder_does_not_hold_the_lock(store: str, ended: list[int]) -> None:
    """Else the first one would take it for another agent, and end."""
    first = alone.stay_alone(store)
    os.unlink(f"{store}.lock")
    waiting = alone._Hold(f"{store}.lock")
    assert not waiting.take()
    first.look()
    assert ended == []
    assert not waiting.take()


def test_a_folder_that_cannot_be_made_again(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = alone.stay_alone(store)
    folder = pathlib.Path(store).parent
    shutil.rmtree(folder)
    folder.touch()
    first.look()
    folder.unlink()
    first.look()
    assert os.path.exists(f"{store}.lock")


def test_the_lock_lasts_as_long_as_a_child(store: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, store], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert parent.wait(30) == 0
    with pytest.raises(StartError):
        alone.stay_alone(store)
    os.kill(child, signal.SIGKILL)
    commands.wait_until(lambda: _is_free(store), what="the lock")


def test_a_store_in_memory_is_nobody_elses() -> None:
    alone.stay_alone(":memory:")
    alone.stay_alone(":memory:")


def test_a_folder_that_cannot_be_used() -> None:
    with pytest.raises(StartError, match="/proc/none"):
        alone.stay_alone("/proc/none/agent.sqlite")


def _is_free(store: str) -> bool:
    try:
        alone.stay_alone(store)
    except StartError:
        return False
    return True
