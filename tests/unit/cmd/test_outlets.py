"""An outlet of the log that takes nothing is waited for once, and left alone until it takes something."""

import contextlib
import logging
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from oslo_log import handlers

from vethagent.cmd import bootstrap, outlets


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "_PATIENCE", 0.05)
    monkeypatch.setattr(outlets, "_outlets", {})


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The end to read from, and that to write to."""
    reading, writing = os.pipe()
    yield reading, writing
    for number in (reading, writing):
        os.close(number)


def fill(writing: int, piece: int) -> None:
    """Leave less room than ``piece`` bytes."""
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * piece)
    os.set_blocking(writing, True)


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("vethagent", logging.INFO, "", 0, text, None, None)


def test_lines_are_lost_and_counted_until_somebody_reads(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    with open(writing, "w", closefd=False) as stream:
        handler = logging.StreamHandler(stream)
        logger = logging.Logger("lines")
        logger.addHandler(handler)
        outlets._guard(handler, outlets._outlet_of(writing))
        fill(writing, 4096)
        for number in range(3):
            logger.handle(line(f"lost {number}"))
        assert outlets.trouble() == f"stream {writing} takes nothing, so lines of the log are lost"
        os.read(reading, 1 << 20)
        assert outlets.trouble() == ""
        logger.handle(line("heard"))
        said = os.read(reading, 1 << 20).decode()
    assert said == f"heard\n3 lines were not written, as stream {writing} took nothing\n"


def test_of_a_long_line_the_rest_is_lost(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = pipe
    fill(writing, 4096)
    os.read(reading, 4096)
    outlet = outlets._outlet_of(writing)
    stream = outlets._Stream(outlet, writing)
    assert stream.write(b"y" * 10_000) == 10_000
    assert outlet.lost == 1
    assert os.read(reading, 1 << 20).count(b"y") == 4096


def test_standard_error_takes_the_place_of_pythons_own_unless_it_is_a_file(
    pipe: tuple[int, int], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(pipe[1], "w", closefd=False) as stream, (tmp_path / "log").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        monkeypatch.setattr(sys, "__stderr__", file)
        outlets.open_stream()
        assert sys.stderr is file
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(sys, "__stderr__", stream)
        outlets.open_stream()
        assert sys.stderr is not stream
        print("said", file=sys.stderr)
        assert os.read(pipe[0], 100) == b"said\n"


def test_syslog_that_hangs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, heard = str(tmp_path / "log"), []
    monkeypatch.setattr(outlets, "_SYSLOG", path)
    monkeypatch.setattr("oslo_log.handlers.syslog.syslog", lambda _priority, message: heard.append(message))
    logger = logging.getLogger("vethagent.syslogged")
    handler = handlers.OSSysLogHandler()
    logger.addHandler(handler)
    try:
        outlets.guard()
        logger.handle(line("nobody listens, and that is told at once"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(path)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
                others.connect(path)
                others.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        others.send(b"x")
            logger.handle(line("lost"))
            assert heard == ["nobody listens, and that is told at once"]
            listening.recv(10)
            logger.handle(line("heard"))
    finally:
        logger.removeHandler(handler)
    assert heard[1:] == ["heard", f"1 lines were not written, as {path} took nothing"]


def test_syslog_that_takes_streams_and_hangs(tmp_path: pathlib.Path) -> None:
    path, descriptors = str(tmp_path / "log"), len(os.listdir("/proc/self/fd"))
    with contextlib.ExitStack() as opened:
        listening = opened.enter_context(socket.socket(socket.AF_UNIX))
        listening.bind(path)
        listening.listen(0)
        assert outlets._has_room(path)
        sending = opened.enter_context(socket.socket(socket.AF_UNIX))
        opened.enter_context(listening.accept()[0])
        sending.connect(path)
        assert outlets._has_room(path), "it has a stream, and needs no other"
        sending.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sending.send(b"x" * 4096)
        assert not outlets._has_room(path)
        sending.close()
        assert not outlets._has_room(path), "another one would wait"
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert outlets._has_room(path), "it is gone, which is told at once"


def test_one_that_has_nobody_at_its_other_end_says_so_at_once(pipe: tuple[int, int]) -> None:
    with socket.socket() as ended:
        assert bootstrap.takes(ended.fileno())


#: By itself eventlet waits for ever for somebody who could read what cannot be read any more.
GONE = """
import sys
from vethagent.cmd import bootstrap
bootstrap.choose(sys.argv[1])
import logging
from vethagent.cmd import outlets
outlets.open_stream()
logging.basicConfig()
logging.warning("nobody hears this")
print("nor this", file=sys.stderr)
print("goes on")
"""


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
def test_whoever_read_it_has_gone(concurrency: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-c", GONE, concurrency]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writing, text=True, timeout=60, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


#: As a service logs by itself. What was not written must not be tried once more at the end.
GONE_LOG = """
import sys
from vethagent.cmd import bootstrap
bootstrap.choose(sys.argv[1])
import logging
from vethagent.cmd import outlets
outlets.open_stream()
logging.basicConfig(stream=sys.stdout)
outlets.guard()
logging.warning("nobody hears this")
logging.warning("nor this")
print("goes on", file=sys.stderr)
"""


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
def test_whoever_read_the_log_has_gone_and_left_something(concurrency: str) -> None:
    reading, writing = socket.socketpair()
    with writing:
        writing.send(b"unread")
        reading.close()
        command = [sys.executable, "-c", GONE_LOG, concurrency]
        done = subprocess.run(
            command, stdout=writing.fileno(), stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, "goes on\n")
