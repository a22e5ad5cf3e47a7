import contextlib
import os
import socket
import threading

import pytest

from vethagent.cmd import supervisor as module
from vethagent.cmd.supervisor import Supervisor


def test_what_is_told_arrives(heard: socket.socket) -> None:
    Supervisor().tell("READY=1\nSTATUS=fine")
    assert heard.recv(100) == b"READY=1\nSTATUS=fine"


@pytest.mark.usefixtures("heard")
def test_nobody_else_in_the_process_or_below_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    assert Supervisor().watchdog == 3
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & os.environ.keys()


def test_the_end_is_told_once_and_by_no_child(heard: socket.socket) -> None:
    supervisor = Supervisor()
    child = os.fork()
    if not child:
        supervisor.stopping()
        os._exit(0)
    os.waitpid(child, 0)
    supervisor.tell("STATUS=fine")
    supervisor.stopping()
    supervisor.stopping()
    supervisor.tell("STATUS=gone")
    assert [heard.recv(100) for _ in range(3)] == [b"STATUS=fine", b"STOPPING=1", b"STATUS=gone"]


@pytest.mark.parametrize("interval", ["", "0", "soon", "-1"])
def test_without_a_supervisor_nothing_happens(monkeypatch: pytest.MonkeyPatch, interval: str) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", interval)
    supervisor = Supervisor()
    supervisor.tell("READY=1")
    assert supervisor.watchdog is None


def test_one_that_takes_nothing_is_not_waited_for(heard: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    supervisor = Supervisor()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.connect(heard.getsockname())
        with contextlib.suppress(BlockingIOError):
            while True:
                other.send(b"STATUS=full")
    telling = threading.Thread(target=supervisor.tell, args=["STATUS=fine"], daemon=True)
    telling.start()
    telling.join(30)
    assert not telling.is_alive()
