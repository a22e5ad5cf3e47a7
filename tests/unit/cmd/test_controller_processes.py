"""The entry points as processes of their own: what their threads are is chosen once a process."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import sqlalchemy

from tests.support import certificates
from tests.unit.cmd.conftest import Run, Start
from tests.unit.controller import fakes
from tests.unit.controller.api import accounts
from vethagent.controller.db import migration, models
from vethagent.controller.db.database import Database
from vethagent.controller.liveness import Liveness
from vethagent.controller.reports import Reports

NEWEST = migration.newest()

#: Its child gets no time before SIGTERM has come.
SLOW_CHILD = """
import os, signal, time
from vethagent.cmd import controller
def slowly():
    print("forked", flush=True)
    while signal.SIGTERM not in signal.sigpending():
        time.sleep(0.01)
os.register_at_fork(after_in_child=slowly)
controller.main()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_line(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError("".join(seen))


def wait_until_served(url: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except urllib.error.URLError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_database_commands(run: Run) -> None:
    assert run("manage", "db", "version").stdout == f"no tables (newest: {NEWEST})\n"
    for _ in range(2):
        done = run("manage", "db", "upgrade")
        assert (done.returncode, done.stdout) == (0, f"the tables have revision {NEWEST}\n"), done.stderr
    assert run("manage", "db", "version").stdout == f"{NEWEST} (newest: {NEWEST})\n"
    assert run("manage", "db", "downgrade", "0001").stdout == f"0001 (newest: {NEWEST})\n"
    assert "there is no revision 0815" in run("manage", "db", "downgrade", "0815").stderr
    assert run("manage", "db", "upgrade").returncode == 0
    purged = "0 port events, 0 changes of deleted links, 0 of agents, 0 roll-outs and 0 revisions"
    assert run("manage", "db", "purge").stdout == f"{purged} older than 30 days are deleted\n"
    assert run("manage", "db", "purge", "--days", "3").stdout == f"{purged} older than 3 days are deleted\n"


def test_upgrade_check(run: Run) -> None:
    done = run("status", "upgrade", "check", "--json")
    assert done.returncode == 2, done.stderr
    found = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert {name: check["result"] for name, check in found.items()} == {"Database": 2, "Message bus": 0, "Agents": 0}
    assert "run 'vethagent-manage db upgrade'" in found["Database"]["details"]
    assert run("manage", "db", "upgrade").returncode == 0
    done = run("status", "upgrade", "check")
    assert (done.returncode, done.stdout.count("Success")) == (0, 3), done.stdout


@pytest.mark.usefixtures("migrated")
def test_upgrade_check_of_an_agent_that_was_deleted(run: Run, tmp_path: pathlib.Path) -> None:
    """It is not there to be upgraded."""
    database = Database(f"sqlite:///{tmp_path}/state/controller.sqlite")
    Reports(database, Liveness(75)).take(fakes.report(version="0.9"))
    assert run("status", "upgrade", "check").returncode == 2
    with database.writer() as session:
        session.execute(sqlalchemy.update(models.Agent).values(deleted_at=fakes.START))
    database.close()
    done = run("status", "upgrade", "check")
    assert (done.returncode, done.stdout.count("Success")) == (0, 3), done.stdout
    assert run("manage", "db", "downgrade", "0004").returncode == 0
    done = run("status", "upgrade", "check")
    assert "another major version than" in done.stdout, done.stdout
    done = run("status", "upgrade", "check", OS_DEFAULT__TRANSPORT_URL="rubbish://")
    assert done.returncode == 2
    assert "transport_url" in done.stdout


@pytest.mark.usefixtures("migrated")
def test_api(run: Run, start: Start) -> None:
    port = free_port()
    process = start("api", OS_API__PORT=str(port))
    wait_until_served(f"http://127.0.0.1:{port}/healthcheck", process)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/agents", timeout=30) as answer:
        assert json.load(answer) == {"agents": [], "links": []}
    other = run("api", OS_API__PORT=str(port))
    assert (other.returncode, str(port) in other.stderr) == (1, True)
    process.send_signal(signal.SIGHUP)
    wait_until_served(f"http://127.0.0.1:{port}/healthcheck", process)
    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.usefixtures("migrated")
def test_api_for_users_with_passwords(start: Start, tmp_path: pathlib.Path) -> None:
    certificate, key = certificates.make(tmp_path)
    users = accounts.write(tmp_path / "htpasswd", {"alice": "right"})
    port = str(free_port())
    options = {"PORT": port, "AUTH_STRATEGY": "http_basic", "HTTP_BASIC_USER_FILE": str(users)}
    options |= {"CERTIFICATE_FILE": str(certificate), "KEY_FILE": str(key)}
    process = start("api", **{f"OS_API__{name}": value for name, value in options.items()})
    wait_for_line(process, "serving")

    url = f"https://127.0.0.1:{port}"
    found = vethctl("link", "list", OS_CACERT=str(certificate), VETHAGENT_API_URL=url, **as_alice("right"))
    assert found.returncode == 0, found.stderr
    change = ("agent", "set", "h1", "--mode", "paused")
    found = vethctl(*change, OS_CACERT=str(certificate), VETHAGENT_API_URL=url, **as_alice("right"))
    assert (found.returncode, "takes the role admin" in found.stderr) == (1, True), found.stderr
    found = vethctl("link", "list", OS_CACERT=str(certificate), VETHAGENT_API_URL=url, **as_alice("wrong"))
    assert (found.returncode, "password is another" in found.stderr) == (1, True), found.stderr
    found = vethctl("link", "list", OS_CACERT=str(certificate), VETHAGENT_API_URL=url)
    assert (found.returncode, "user name and a password are needed" in found.stderr) == (1, True), found.stderr
    assert found.stderr.count("\n") == 1


def as_alice(password: str) -> dict[str, str]:
    return {"OS_AUTH_TYPE": "http_basic", "OS_USERNAME": "alice", "OS_PASSWORD": password}


def vethctl(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "vethagent.cli.shell", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("transport_url", "status"),
    [("fake://", "listening for agents"), ("rabbit://127.0.0.1:1/", "waits for the message broker")],
)
@pytest.mark.usefixtures("migrated")
def test_controller_is_ready_and_ends_when_told(
    start: Start, heard: socket.socket, transport_url: str, status: str
) -> None:
    process = start("controller", OS_DEFAULT__TRANSPORT_URL=transport_url, OS_CONTROLLER__METRICS_PORT="0")
    assert heard.recv(100).decode() == f"READY=1\nSTATUS={status}"
    process.terminate()
    assert heard.recv(100) == b"STOPPING=1"
    assert process.wait(30) == 0


@pytest.mark.usefixtures("migrated")
def test_controller_ends_while_its_child_has_only_been_forked(config: pathlib.Path) -> None:
    command = [sys.executable, "-c", SLOW_CHILD, "--config-file", str(config)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        wait_for_line(process, "forked")
        process.terminate()
        assert process.wait(30) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.usefixtures("migrated")
def test_a_supervisor_hears_when_the_api_is_ready(start: Start, heard: socket.socket) -> None:
    port = free_port()
    process = start("api", OS_API__PORT=str(port))
    assert heard.recv(100).decode() == f"READY=1\nSTATUS=serving on 127.0.0.1 port {port}"
    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=60).close()
    process.terminate()
    assert heard.recv(100) == b"STOPPING=1"
    assert process.wait(30) == 0


@pytest.mark.usefixtures("migrated")
def test_wsgi_application(tmp_path: pathlib.Path) -> None:
    program = (
        "from wsgiref import util\n"
        "from vethagent.wsgi.api import application\n"
        "environ = {'REMOTE_ADDR': '127.0.0.1', 'PATH_INFO': '/v1/agents'}\n"
        "util.setup_testing_defaults(environ)\n"
        "print(b''.join(application(environ, lambda status, *_: print(status))).decode())\n"
    )
    environment = {
        "OS_DATABASE__CONNECTION": f"sqlite:///{tmp_path}/state/controller.sqlite",
        "OS_DEFAULT__TRANSPORT_URL": "fake://",
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == '200 OK\n{"agents": [], "links": []}\n', done.stderr
