"""``vethctl`` itself."""

import importlib
import os
import pathlib
import socket
import subprocess
import sys
import tomllib

import pytest

from tests.unit.cli.conftest import Vethctl
from tests.unit.cli.service import HOST, Service
from vethagent.cli import shell
from vethagent.cli.commands import COMMANDS

TOP = pathlib.Path(__file__).parents[3]
HEAVY = ("sqlalchemy", "oslo_messaging", "eventlet", "pyroute2", "ovs", "falcon", "openstack", "cmd2", "pydantic")


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
    )


def test_help_names_every_command(run: Vethctl) -> None:
    result = run("--help")
    assert result.status == 0
    lines = result.out.partition("\nCommands:\n")[2].splitlines()
    width = max(map(len, COMMANDS))
    described = {line[:width].rstrip(): line[width:] for line in (line.removeprefix("  ") for line in lines)}
    assert described.keys() == {*COMMANDS, "complete", "help"}
    assert all(text.startswith("  ") and text[2].isupper() for text in described.values())
    assert run("help").out == result.out
    assert "Could not" not in result.out


def test_help_tells_the_first_steps_and_fits_a_terminal(run: Vethctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run("--help").out
    assert [line for line in text.splitlines() if len(line) > 80] == []
    steps = text.partition("First steps:\n")[2].partition("\n\n")[0]
    named = {" ".join(line.split()[1:3]) for line in steps.splitlines()}
    assert named - {"help COMMAND"} <= COMMANDS.keys()
    assert {"link create", "link diagnose", "link delete"} <= named


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(run: Vethctl, name: str) -> None:
    long_way, short_way = run("help", *name.split()), run(*name.split(), "--help")
    assert long_way.status == short_way.status == 0
    assert long_way.out.startswith(f"usage: vethctl {name}")
    assert short_way.out == long_way.out


def test_help_of_what_is_no_command(run: Vethctl) -> None:
    result = run("help", "lnik", "list")
    assert (result.status, result.out) == (2, "")
    assert "'lnik list' is not a command; did you mean one of: link create" in result.err


def test_version(run: Vethctl) -> None:
    assert run("--version") == (0, f"vethctl {shell.version()}\n", "")


def test_completion_knows_the_commands(run: Vethctl) -> None:
    result = run("complete", "--shell", "bash")
    assert result.status == 0
    assert "cmds_link='create delete diagnose history list set show'" in result.out
    assert "--allow-loop" in result.out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vethctl li", "link"),
        ("vethctl link d", "delete diagnose"),
        ("vethctl rollout u", "undo"),
        ("vethctl link create --allow", "--allow-loop"),
    ],
)
def test_bash_completes_by_itself(run: Vethctl, typed: str, offered: str) -> None:
    words = " ".join(typed.split())
    asked = f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _vethctl; echo ${{COMPREPLY[*]}}"
    script = f"{run('complete').out}\n{asked}"
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (f"{offered}\n", "")


def test_a_group_alone_offers_its_commands(run: Vethctl) -> None:
    offered = run("rollout").err.partition("one of: ")[2].strip().split(", ")
    assert offered == [name for name in sorted(COMMANDS) if name.startswith("rollout ")]


def test_openstack_client_has_the_same_commands() -> None:
    groups = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["entry-points"]
    entries = {name.replace("_", " "): value for name, value in groups["openstack.vethagent.v1"].items()}
    assert entries == {f"bridge {name}": value for name, value in COMMANDS.items()}


@pytest.mark.parametrize("value", COMMANDS.values())
def test_command_is_there(value: str) -> None:
    module, _, name = value.partition(":")
    assert getattr(importlib.import_module(module), name).__doc__


def test_unreachable_api_says_what_to_do(run: Vethctl) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = run("--api-url", url, "link", "list")
    assert (result.status, result.out) == (1, "")
    assert f"Cannot reach the vethagent API at {url}: connection refused. Start vethagent-api" in result.err
    assert len(result.err.splitlines()) == 1


def test_address_from_the_environment(run: Vethctl, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VETHAGENT_API_URL", service.url + "/v1/")
    assert run("link", "list").status == 0
    assert service.requests == [("GET", "/v1/bridge-links")]


def test_proxy_is_not_asked_for_this_host(vethctl: Vethctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert vethctl("link", "list").status == 0


def test_missing_credentials(vethctl: Vethctl, service: Service) -> None:
    result = vethctl("--os-auth-type", "http_basic", "link", "list")
    assert result.status == 1
    assert "user name or password is missing" in result.err
    assert service.requests == []


def test_http_basic(vethctl: Vethctl) -> None:
    options = ("--os-auth-type", "http_basic", "--os-username", "u", "--os-password", "p")
    assert vethctl(*options, "link", "list").status == 0


def test_debug_shows_where_it_failed(run: Vethctl) -> None:
    result = run("--debug", "--api-url", "http://127.0.0.1:1", "link", "list")
    assert result.status == 1
    assert "Traceback" in result.err


def test_reader_that_goes_away(service: Service) -> None:
    script = "import sys; from vethagent.cli import shell; sys.exit(shell.main())"
    command = f'{sys.executable} -c "{script}" --api-url {service.url} link list --print-empty'
    done = start("-c", f"import subprocess; print(subprocess.run({['sh', '-c', command + ' | true']!r}).returncode)")
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
@pytest.mark.parametrize("arguments", ["link list", "help"])
def test_streams_that_are_closed(service: Service, arguments: str, closed: str) -> None:
    command = f"{sys.executable} -m vethagent.cli.shell --api-url {service.url} {arguments} {closed}"
    done = start("-c", f"import subprocess; print(subprocess.run({['sh', '-c', command]!r}).returncode)")
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_name_that_cannot_be_spelt_is_shown_all_the_same(vethctl: Vethctl, service: Service) -> None:
    assert vethctl("link", "create", "--host", HOST, "--name", "säd", "br1", "br2").status == 0
    command = ("-m", "vethagent.cli.shell", "--api-url", service.url, "link", "list", "-c", "Name", "-f", "value")
    done = start(*command, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "s\\xe4d\n", "")


def test_what_is_no_text_is_wrong_usage(vethctl: Vethctl) -> None:
    told = vethctl("link", "show", os.fsdecode(b"s\xe4d"))
    assert (told.status, told.out, told.err) == (2, "", "vethctl: 's\\udce4d' is not UTF-8\n")


@pytest.mark.parametrize("arguments", [("--version",), ("link", "list")])
def test_start_imports_nothing_heavy(service: Service, arguments: tuple[str, ...]) -> None:
    script = (
        "import sys; from vethagent.cli import shell\n"
        "try: shell.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = start("-c", script, *arguments, VETHAGENT_API_URL=service.url)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
