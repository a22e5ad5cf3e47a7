"""On eventlet names are looked up by the system, and nothing but who asked waits for it."""

import subprocess
import sys

#: A resolver that is silent until it is told to answer.
SILENT = """
import os, socket
told, tell = os.pipe()
read = os.read

def silent(host, port, family=0, type=0, proto=0, flags=0):
    if flags & socket.AI_NUMERICHOST:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    read(told, 1)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

socket.getaddrinfo = silent
from vethagent.cmd import bootstrap
bootstrap.choose("eventlet")
import threading, time

def answer():
    time.sleep(0)
    os.write(tell, b"x")

"""


def run(script: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_name_server_that_is_silent_holds_nothing_else_up() -> None:
    script = """
threading.Thread(target=answer).start()
print(socket.getaddrinfo("broker", 1)[0][4])
threading.Thread(target=answer).start()
try:
    socket.create_connection(("broker", 1), 1)
except OSError:
    print("no connection")
"""
    assert run(SILENT + script) == "('127.0.0.1', 1)\nno connection\n"


def test_nor_the_end() -> None:
    script = """
asking = threading.Thread(target=socket.getaddrinfo, args=("broker", 5672), daemon=True)
asking.start()
time.sleep(0)
print("end")
"""
    assert run(SILENT + script) == "end\n"


def test_an_address_is_no_name_and_nobody_is_asked() -> None:
    script = """
from vethagent.cmd import bootstrap
bootstrap.choose("eventlet")
import os, socket, sys
print(socket.getaddrinfo("192.0.2.7", 5672, type=socket.SOCK_STREAM)[0][4])
print(socket.getaddrinfo("2001:db8::1", "5672", type=socket.SOCK_STREAM)[0][4][0])
print(len(os.listdir("/proc/self/task")), "dns" in sys.modules)
"""
    assert run(script) == "('192.0.2.7', 5672)\n2001:db8::1\n1 False\n"


def test_a_name_that_nobody_knows_is_an_error_as_ever() -> None:
    script = """
from vethagent.cmd import bootstrap
bootstrap.choose("eventlet")
import socket
try:
    socket.getaddrinfo("nobody.invalid", 5672)
except socket.gaierror as error:
    print(error.errno == socket.EAI_NONAME or error.errno == socket.EAI_AGAIN)
"""
    assert run(script) == "True\n"
