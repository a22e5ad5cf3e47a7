import os
import pathlib
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


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> str:
    monkeypatch.setattr(alone, "_PATIENCE", 0.0)
    return str(tmp_path / "state" / "agent.sqlite")


def test_a_second_one_is_told_who_is_there(store: str) -> None:
    alone.stay_alone(store)
    with pytest.raises(StartError, match=rf"another agent .* process {os.getpid()}: it holds {store}.lock"):
        alone.stay_alone(store)


def test_a_second_one_does_not_start_if_the_lock_was_deleted(store: str) -> None:
    alone.stay_alone(store)
    os.unlink(f"{store}.lock")
    with pytest.raises(StartError, match=rf"another agent .* somebody has deleted {store}.lock"):
        alone.stay_alone(store)


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
