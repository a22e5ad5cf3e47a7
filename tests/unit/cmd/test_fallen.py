"""A thread that ends by an exception: its process does not go on without it."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

#: The first child can be forked, and no other.
CONTROLLER = """
import itertools, os
from vethagent.cmd import controller
calls, fork = itertools.count(), os.fork
def limited():
    if next(calls):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = limited
controller.main()
"""

#: Of two threads one is of a library, which may well do without it.
THREADS = """
import sys, threading, time
from vethagent.cmd import bootstrap
bootstrap.choose(sys.argv[1])
import logging, queue
from vethagent.cmd import fallen
from vethagent.cmd.supervisor import Supervisor
from vethagent.rpc.deadline import Deadline
logging.basicConfig(format="%(levelname)s %(message)s")
supervisor = Supervisor()
fallen.prepare(supervisor)
library = threading.Thread(target=queue.Queue().get, args=("never", "s"), name="library")
library.start()
library.join()
if sys.argv[2] == "stopping":
    supervisor.stopping()
deadline = Deadline()
deadline._rest = None
deadline._sender().send(lambda: None)
time.sleep(float(sys.argv[3]))
"""

#: What is asked of it is taken from a pipe, which cannot be read.
OVSDB = """
import sys, threading, time
from vethagent.cmd import bootstrap
bootstrap.choose(sys.argv[1])
import logging, os
from ovsdbapp.backend.ovs_idl import connection
from vethagent.cmd import fallen
from vethagent.cmd.supervisor import Supervisor
logging.basicConfig(format="%(levelname)s %(message)s")
fallen.prepare(Supervisor())
class Silent:
    def __getattr__(self, name):
        return lambda *arguments: None
speaking = connection.Connection(Silent(), timeout=1)
speaking.poller, speaking.is_running = Silent(), True
speaking.txns.put("question")
os.close(speaking.txns.alert_fileno)
threading.Thread(target=speaking.run, name="speaking").start()
threading.Event().wait(600)
"""

#: Its last line waits for a word of the new thread, which dies before it can give one.
UNBEGUN = """
import threading
from vethagent.cmd import bootstrap
bootstrap.choose("threading")
import logging
from vethagent.cmd import fallen
from vethagent.cmd.supervisor import Supervisor
logging.basicConfig(format="%(levelname)s %(message)s")
fallen.prepare(Supervisor())
class New(threading.Thread):
    def _set_ident(self):
        raise MemoryError
New(target=print).start()
"""

#: What cheroot does when one of the threads that answer has failed in a way of which it says "please report this".
API = """
import signal
from vethagent.cmd import bootstrap
bootstrap.choose("threading")
import logging
from vethagent.cmd import fallen
from vethagent.cmd.supervisor import Supervisor
from vethagent.controller.api.server import ApiServer
logging.basicConfig(format="%(levelname)s %(message)s")
fallen.prepare(Supervisor())
server = ApiServer(None, host="127.0.0.1", port=0, max_body=1)
server.start()
server._server.interrupt = MemoryError()
signal.pause()
"""


def ended(concurrency: str, state: str, seconds: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", THREADS, concurrency, state, str(seconds)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
def test_a_process_ends_with_its_own_thread(concurrency: str) -> None:
    done = ended(concurrency, "running", 600)
    assert done.returncode == 1
    assert "CRITICAL Thread library has ended\nTraceback" in done.stderr
    assert "CRITICAL Thread bus-send has ended, and so does this process\nTraceback" in done.stderr


@pytest.mark.parametrize("concurrency", ["eventlet", "threading"])
def test_a_process_ends_with_the_thread_that_speaks_with_ovsdb(concurrency: str) -> None:
    command = [sys.executable, "-c", OVSDB, concurrency]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "CRITICAL Thread speaking has ended, and so does this process\nTraceback" in done.stderr


def test_a_thread_that_has_no_memory_to_begin() -> None:
    """Whoever starts it would wait for it for ever."""
    command = [sys.executable, "-c", UNBEGUN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "CRITICAL A thread could not begin, and this process ends\nTraceback" in done.stderr


def test_one_that_is_to_end_ends_as_usual() -> None:
    done = ended("threading", "stopping", 1)
    assert done.returncode == 0
    assert "CRITICAL Thread bus-send has ended\nTraceback" in done.stderr


def test_an_api_that_would_answer_no_more() -> None:
    done = subprocess.run([sys.executable, "-c", API], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "CRITICAL Thread api has ended, and so does this process\nTraceback" in done.stderr


@pytest.mark.usefixtures("migrated")
def test_a_parent_that_cannot_fork_another_child(
    heard: socket.socket, config: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """It would live on without one, and nobody would notice: a controller has no watchdog."""
    command = [sys.executable, "-c", CONTROLLER, "--config-file", str(config)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        assert heard.recv(100).startswith(b"READY=1")
        os.kill(child_of(process.pid), signal.SIGKILL)
        assert process.wait(60) == 1
    finally:
        process.kill()
        process.wait()
    assert "has ended, and so does this process: BlockingIOError" in (tmp_path / "log").read_text()


def child_of(pid: int) -> int:
    """Return the only child of a process."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    (child,) = (int(word) for thread in threads for word in thread.read_text().split())
    return child
