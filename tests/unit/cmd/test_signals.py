"""Signals that come at any moment and on any thread."""

import subprocess
import sys

SCRIPT = """
import os, signal, sys, threading
from vethagent.cmd.signals import Signals
signals = Signals(signal.SIGTERM, signal.SIGHUP)
others = []
signal.signal(signal.SIGUSR2, lambda *_: others.append(1))
def send():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2})
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGTERM):
        signal.pthread_kill(threading.get_ident(), number)
thread = threading.Thread(target=send)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGTERM, signal.SIGUSR2})
thread.start()
print(signals.wait().name, signals.wait().name, len(others))
"""


def test_none_is_lost_that_another_thread_gets() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "SIGHUP SIGTERM 1\n"
