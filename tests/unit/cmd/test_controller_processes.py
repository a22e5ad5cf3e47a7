"""The entry points as processes of their own: what their threads are is chosen once a process."""

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
from collections.abc import Callable, Iterator

import pytest

from tests.support import certificates
from tests.unit.controller.api import accounts
from vethagent.controller.db import migration

NEWEST = migration.newest()

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "vethagent.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\ntransport_url = fake://\nhost = c1\n")
    return path


@pytest.fixture
def run(config: pathlib.Path) -> Run:
    def run(name: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", f"vethagent.cmd.{name}", "--config-file", str(config), *arguments]
        return subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
def start(config: pathlib.Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def start(name: str, **environment: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", f"vethagent.cmd.{name}", "--config-file", str(config)]
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_line(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return
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
    done = run("status", "upgrade", "check", OS_DEFAULT__TRANSPORT_URL="rubbish://")
    assert done.returncode == 2
    assert "transport_url" in done.stdout


@pytest.mark.parametrize(
    ("command", "text", "match"),
    [
        (["api"], "", "run 'vethagent-manage db upgrade'"),
        (["controller"], "", "run 'vethagent-manage db upgrade'"),
        (["api"], "[api]\nport = 99999\n", "port"),
        (["api"], "[api]\nprot = 1\n", "there is no option 'prot' in [api]"),
        (["api"], "[api]\nauth_strategy = nobody\n", "auth_strategy"),
        (["controller"], "[controller]\nagent_down_time = soon\n", "agent_down_time"),
        (["controller"], "[database]\nconnection = nonsense\n", "[database] connection"),
        (["manage", "db", "upgrade"], "[database]\nconnection = sqlite:////proc/none/c.sqlite\n", "/proc/none"),
        (["manage", "db", "upgrade"], "no section\n[\n", "vethagent.conf"),
        (["api", "--config-file", "/none.conf"], "", "/none.conf"),
        (["allinone"], "transport_url = rubbish://\n", "transport_url"),
        (["allinone"], "[api]\nhost = 0.0.0.0\n", "loopback only"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    run: Run, config: pathlib.Path, command: list[str], text: str, match: str
) -> None:
    with config.open("a") as file:
        file.write(text)
    done = run(*command)
    assert done.returncode == 1
    assert done.stderr.startswith(f"vethagent-{command[0]}: ")
    assert match in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[api]\nhost = 0.0.0.0\n", "loopback only"),
        ("[api]\nauth_strategy = http_basic\nhttp_basic_user_file = /none\n", "/none"),
        ("[api]\nauth_strategy = keystone\n", "[keystone_authtoken] auth_type"),
        ("transport_url = rubbish://\n", "transport_url"),
        ("[api]\ncertificate_file = /none.pem\n", "/none.pem"),
    ],
)
def test_what_is_wrong_with_the_api(run: Run, config: pathlib.Path, text: str, match: str) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
    with config.open("a") as file:
        file.write(text)
    done = run("api")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert match in done.stderr


@pytest.mark.parametrize("arguments", [[], ["db"], ["db", "drop"], ["db", "purge", "--days", "0"]])
def test_wrong_commands(run: Run, arguments: list[str]) -> None:
    assert run("manage", *arguments).returncode != 0


def test_api(run: Run, start: Start) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
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


def test_api_for_users_with_passwords(run: Run, start: Start, tmp_path: pathlib.Path) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
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


@pytest.mark.parametrize("transport_url", ["fake://", "rabbit://127.0.0.1:1/"])
def test_controller_ends_when_told(run: Run, start: Start, transport_url: str) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
    process = start("controller", OS_DEFAULT__TRANSPORT_URL=transport_url)
    wait_for_line(process, "listening" if transport_url == "fake://" else "refused")
    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("transport_url", "status"),
    [("fake://", "listening for agents"), ("rabbit://127.0.0.1:1/", "waits for the message broker")],
)
def test_a_supervisor_hears_when_the_controller_is_ready(
    run: Run, start: Start, heard: socket.socket, transport_url: str, status: str
) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
    process = start("controller", OS_DEFAULT__TRANSPORT_URL=transport_url, OS_CONTROLLER__METRICS_PORT="0")
    assert heard.recv(100).decode() == f"READY=1\nSTATUS={status}"
    process.terminate()
    assert heard.recv(100) == b"STOPPING=1"
    assert process.wait(30) == 0


def test_a_supervisor_hears_when_the_api_is_ready(run: Run, start: Start, heard: socket.socket) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
    port = free_port()
    process = start("api", OS_API__PORT=str(port))
    assert heard.recv(100).decode() == f"READY=1\nSTATUS=serving on 127.0.0.1 port {port}"
    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=60).close()
    process.terminate()
    assert heard.recv(100) == b"STOPPING=1"
    assert process.wait(30) == 0


def test_wsgi_application(run: Run, tmp_path: pathlib.Path) -> None:
    assert run("manage", "db", "upgrade").returncode == 0
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
