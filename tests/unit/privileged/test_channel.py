"""The way to a helper that does not do what it should: each step ends in time."""

import select
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from oslo_privsep import comm

from vethagent import exceptions
from vethagent.privileged import channel

LONG = 60.0


@pytest.fixture
def sides() -> Iterator[tuple[channel.Channel, socket.socket]]:
    """A channel, and the helper's end of it."""
    ours, theirs = socket.socketpair()
    opened = channel.Channel.__new__(channel.Channel)
    opened._seconds, opened._pid = LONG, 0
    comm.ClientChannel.__init__(opened, ours)
    with ours, theirs:
        yield opened, theirs
        opened.leave()
        opened.reader_thread.join(LONG)


def launch(monkeypatch: pytest.MonkeyPatch, program: str, seconds: float = LONG) -> None:
    monkeypatch.setattr(channel, "_START_SECONDS", seconds)
    context = channel.Context("vethagent.privileged", pypath="x", capabilities=[], timeout=0.1)
    monkeypatch.setattr(context, "helper_command", lambda path: [sys.executable, "-c", program, path])
    context.start()


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


def test_a_helper_that_never_connects_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimeoutError):
        launch(monkeypatch, "", 1)


def test_a_helper_that_cannot_start_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(exceptions.HelperUnavailable, match="ended with 3"):
        launch(monkeypatch, "raise SystemExit(3)")
