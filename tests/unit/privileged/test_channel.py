"""The way to a helper that does not do what it should: each step ends in time."""

import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterator

import pytest
from oslo_privsep import comm, daemon

from tests.support import commands
from vethagent import exceptions, processes
from vethagent.privileged import channel

LONG = 60.0


@pytest.fixture
def sides() -> Iterator[tuple[channel.Channel, socket.socket]]:
    """A channel, and the helper's end of it."""
    ours, theirs = socket.socketpair()
    opened = channel.Channel.__new__(channel.Channel)
    opened._seconds, opened._pid, opened._left, opened._began = LONG, 0, False, 0.0
    opened._context = context()
    comm.ClientChannel.__init__(opened, ours)
    with ours, theirs:
        yield opened, theirs
        opened.leave()
        opened.reader_thread.join(LONG)


def context() -> channel.Context:
    return channel.Context("vethagent.privileged", pypath="x", capabilities=[], timeout=0.1)


def launch(monkeypatch: pytest.MonkeyPatch, program: str, seconds: float = LONG) -> None:
    monkeypatch.setattr(channel, "_START_SECONDS", seconds)
    launching = context()
    monkeypatch.setattr(launching, "helper_command", lambda path: [sys.executable, "-c", program, path])
    launching.start()


def test_a_batch_that_is_not_read_ends(sides: tuple[channel.Channel, socket.socket]) -> None:
    opened, _ = sides
    with pytest.raises(TimeoutError):
        opened.send_recv("x" * 10_000_000, 0.1)


def test_a_connection_that_is_reset_is_noticed_at_once(sides: tuple[channel.Channel, socket.socket]) -> None:
    opened, theirs = sides

    def reset() -> None:
        select.select([theirs], [], [], LONG)
        theirs.close()  # with what was sent unread

    threading.Thread(target=reset).start()
    with pytest.raises(OSError, match="Premature eof"):
        opened.send_recv("x", LONG)
    opened.reader_thread.join(LONG)
    assert not opened.running


def test_a_helper_that_does_not_start_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(exceptions.HelperUnavailable, match="no helper within"):
        launch(monkeypatch, "import signal; signal.pause()", 0.2)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is looked at has had the processor since the last time: others have nearly all of it."""
    ticks = itertools.count(1)
    monkeypatch.setattr(processes, "worked", lambda pid: next(ticks))


@pytest.mark.usefixtures("slow")
def test_a_helper_that_is_slow_to_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(exceptions.HelperUnavailable, match="ended with 3"):
        launch(monkeypatch, "import time; time.sleep(0.5); raise SystemExit(3)", 0.1)


@pytest.mark.usefixtures("slow")
def test_a_helper_that_never_comes_to_the_end_of_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_SLOW_START_SECONDS", 0.5)
    with pytest.raises(exceptions.HelperUnavailable, match="no helper within"):
        launch(monkeypatch, "import signal; signal.pause()", 0.1)


def test_a_helper_that_stands_still_in_its_start_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_LOOK_SECONDS", 0.1)
    with pytest.raises(exceptions.HelperUnavailable, match="stood still"):
        launch(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")


def test_a_helper_that_is_let_go_on_in_its_start_now_and_then_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by cpulimit: at each look it is seen to be stopped."""
    monkeypatch.setattr(channel, "_LOOK_SECONDS", 0.1)
    looks = itertools.count(1)

    def let_go(pid: int) -> int:
        if processes.standing(pid) is not None:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP if next(looks) < 5 else signal.SIGTERM)
        return 0

    monkeypatch.setattr(processes, "worked", let_go)
    program = (
        "import os, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); "
        "os.kill(os.getpid(), signal.SIGSTOP)\nwhile True: signal.pause()"
    )
    with pytest.raises(exceptions.HelperUnavailable, match="ended with 3"):
        launch(monkeypatch, program)


def test_a_helper_that_never_connects_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        launch(monkeypatch, "", 1)


def test_a_helper_that_connects_and_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be slow only; then it would go on waiting for what nobody asks, and a thread here for its answer."""
    silent = socket.socket(socket.AF_UNIX)

    def connect(_self: channel.Channel, command: list[str]) -> int:
        silent.connect(command[-1])
        return 0

    monkeypatch.setattr(channel.Channel, "_launch", connect)
    with silent:
        with pytest.raises(daemon.FailedToDropPrivileges):
            launch(monkeypatch, "", 0.1)
        silent.settimeout(LONG)
        while silent.recv(4096):
            pass


def test_a_helper_that_is_launched_in_the_moment_of_the_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    launching = context()

    def command(path: str) -> list[str]:
        return [sys.executable, "-c", "import signal; signal.pause()", path]

    class Launched(subprocess.Popen[bytes]):
        def __init__(self, command: list[str], *, stderr: int | None = None) -> None:
            super().__init__(command, stderr=stderr)
            launching.abandon()

    monkeypatch.setattr(subprocess, "Popen", Launched)
    monkeypatch.setattr(launching, "helper_command", command)
    with pytest.raises(exceptions.HelperUnavailable, match=f"ended with -{signal.SIGKILL:d}"):
        launching.start()


def test_a_helper_that_cannot_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(exceptions.HelperUnavailable, match="ended with 3"):
        launch(monkeypatch, "raise SystemExit(3)")


@pytest.mark.parametrize("user", [None, "nobody"])
def test_one_that_is_to_be_another_user_is_not_started_without_the_files_that_say_so(
    monkeypatch: pytest.MonkeyPatch, user: str | None
) -> None:
    launching = context()
    monkeypatch.setattr(channel.Context, "conf", types.SimpleNamespace(user=user, group=None))
    command = [
        sys.executable,
        "-c",
        "import sys; raise SystemExit(len(sys.argv))",
        "--config-file",
        "a",
        "--config-dir=b",
    ]
    monkeypatch.setattr(launching, "helper_command", lambda path: command)
    with pytest.raises(exceptions.HelperUnavailable, match="ended with 4" if user else "ended with 1"):
        launching.start()


def test_one_that_is_killed_in_its_start_has_no_mistake_in_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    launching = context()
    program = "import os, signal, sys; len(sys.argv) == 1 or os.kill(os.getpid(), signal.SIGKILL); raise SystemExit(3)"
    monkeypatch.setattr(launching, "helper_command", lambda path: [sys.executable, "-c", program, "--config-file", "a"])
    with pytest.raises(exceptions.HelperUnavailable, match=f"ended with -{signal.SIGKILL:d}"):
        launching.start()


def test_an_end_that_nobody_wanted_is_told(sides: tuple[channel.Channel, socket.socket]) -> None:
    opened, theirs = sides
    told: list[float] = []
    opened._context.ended, opened._pid = told.append, 10**9
    theirs.close()
    opened.reader_thread.join(LONG)
    assert len(told) == 1 and not opened.running


def test_a_helper_that_was_left_may_end(sides: tuple[channel.Channel, socket.socket]) -> None:
    opened, _ = sides
    told: list[float] = []
    opened._context.ended, opened._pid = told.append, 10**9
    opened.leave()
    opened.reader_thread.join(LONG)
    assert told == []


def test_whoever_has_the_number_of_a_helper_that_has_ended_goes_on(
    sides: tuple[channel.Channel, socket.socket],
) -> None:
    opened, theirs = sides
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        opened._pid, opened._left = process.pid, True
        theirs.close()
        opened.reader_thread.join(LONG)
        opened.leave()
        process.terminate()
        assert process.wait(LONG) == -signal.SIGTERM


def test_a_helper_that_stands_still_is_ended_and_another_one_started(
    monkeypatch: pytest.MonkeyPatch, sides: tuple[channel.Channel, socket.socket]
) -> None:
    opened, theirs = sides
    owner = opened._context
    owner.channel = opened
    another = channel.Channel.__new__(channel.Channel)

    def start() -> None:
        if owner.channel is None:
            owner.channel = another

    monkeypatch.setattr(owner, "start", start)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        opened._pid = process.pid
        assert owner.standing() is None
        assert not owner.ready() and owner.channel is opened, "it may well be at work"
        process.send_signal(signal.SIGSTOP)
        commands.wait_until(lambda: owner.standing() is not None, what="its stop")
        before = owner.standing()
        assert owner.standing() == before, "it has not gone on"
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGSTOP)
        commands.wait_until(lambda: owner.standing() not in (None, before), what="its next stop")
        assert owner.ready() and owner.channel is another
        assert theirs.recv(1) == b""
        assert process.wait(LONG) == -signal.SIGKILL
