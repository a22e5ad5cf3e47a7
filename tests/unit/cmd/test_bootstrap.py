"""What is read by hand before everything else is what oslo.config reads later."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from vethagent.cmd import bootstrap
from vethagent.conf import agent as agent_options

PROG = "vethagent-agent"
OPTION = next(option for option in agent_options.OPTIONS if option.name == "concurrency")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A home without files, and no word of it in the environment."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("OS_AGENT__CONCURRENCY", raising=False)
    return home


def by_oslo(arguments: list[str]) -> str:
    conf = cfg.ConfigOpts()
    conf.register_opts([OPTION], group="agent")
    conf(arguments, project=bootstrap.PROJECT, prog=PROG)
    return str(conf.agent.concurrency)


def both(arguments: list[str]) -> str:
    """Return what oslo.config says, after a look that the other says the same."""
    said = by_oslo(arguments)
    assert bootstrap.configured_concurrency(PROG, arguments) == said
    return said


def write(folder: pathlib.Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def section(value: str) -> str:
    return f"[DEFAULT]\ndebug = true\n[agent]\nconcurrency = {value}\n"


def test_nothing_said_is_the_default() -> None:
    assert both([]) == "eventlet"


def test_the_environment_goes_before_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write(tmp_path, "a.conf", section("eventlet"))
    monkeypatch.setenv("OS_AGENT__CONCURRENCY", "threading")
    assert both(["--config-file", name]) == "threading"


@pytest.mark.parametrize("value", ["eventlet", "threading"])
def test_a_named_file_is_read_however_it_is_named(tmp_path: pathlib.Path, value: str) -> None:
    name = write(tmp_path, "a.conf", section(value))
    assert both(["--config-file", name]) == both([f"--config-file={name}"]) == value


def test_the_last_file_counts(tmp_path: pathlib.Path) -> None:
    first = write(tmp_path, "a.conf", section("eventlet"))
    second = write(tmp_path, "b.conf", section("threading"))
    third = write(tmp_path, "c.conf", "[DEFAULT]\ndebug = true\n")
    assert both(["--config-file", first, "--config-file", second, "--config-file", third]) == "threading"
    assert both(["--config-file", second, "--config-file", first]) == "eventlet"


def test_a_folder_is_read_in_the_order_of_names(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "d/1.conf", section("eventlet"))
    write(tmp_path, "d/2.conf", section("threading"))
    write(tmp_path, "d/3.conf.off", section("eventlet"))
    assert both(["--config-dir", str(tmp_path / "d")]) == "threading"


def test_a_file_at_home_is_found(nowhere: pathlib.Path) -> None:
    write(nowhere, ".vethagent/vethagent.conf", section("threading"))
    assert both([]) == "threading"
    write(nowhere, ".vethagent/vethagent-agent.conf", section("eventlet"))
    assert both([]) == "eventlet"


def test_a_folder_at_home_is_found(nowhere: pathlib.Path) -> None:
    write(nowhere, ".vethagent/vethagent.conf.d/a.conf", section("threading"))
    assert both([]) == "threading"


def test_a_named_folder_goes_beside_the_file_at_home(nowhere: pathlib.Path, tmp_path: pathlib.Path) -> None:
    write(nowhere, ".vethagent/vethagent.conf", section("threading"))
    write(tmp_path, "d/a.conf", "[DEFAULT]\ndebug = true\n")
    assert both(["--config-dir", str(tmp_path / "d")]) == "threading"


def test_a_named_file_goes_instead_of_the_file_at_home(nowhere: pathlib.Path, tmp_path: pathlib.Path) -> None:
    write(nowhere, ".vethagent/vethagent.conf", section("threading"))
    name = write(tmp_path, "a.conf", "[DEFAULT]\ndebug = true\n")
    assert both(["--config-file", name]) == "eventlet"


@pytest.mark.parametrize(
    "text",
    [
        "[agent]\nconcurrency: threading\n",
        "[agent]\nconcurrency=threading\n",
        "[agent]\n  \nconcurrency =  threading  \n",
        "[agent]\nconcurrency = 'threading'\n",
        '[agent]\nconcurrency = "threading"\n',
        "# [agent]\n[agent]\n# concurrency = eventlet\nconcurrency = threading\n",
        "[agent]\nreport_interval = 7\n[agent]\nconcurrency = threading\n",
        "[agent]\nconcurrency = eventlet\nconcurrency = threading\n",
        "[other]\nconcurrency = eventlet\n[agent]\nconcurrency = threading\n",
        "[DEFAULT]\nconcurrency = threading\n[agent]\nreport_interval = 7\n",
        "[agents]\nconcurrency = threading\n",
        "[agent]\n#concurrency = threading\n",
    ],
)
def test_a_file_says_the_same_to_both(tmp_path: pathlib.Path, text: str) -> None:
    both(["--config-file", write(tmp_path, "a.conf", text)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                "[agent]",
                "[DEFAULT]",
                "[other]",
                "concurrency = threading",
                "concurrency=eventlet",
                "concurrency :threading",
                "report_interval = 7",
                "# concurrency = eventlet",
                "; concurrency = eventlet",
                "",
            ]
        ),
        max_size=8,
    )
)
def test_any_file_that_oslo_takes_says_the_same_to_both(tmp_path: pathlib.Path, lines: list[str]) -> None:
    name = write(tmp_path, "a.conf", "\n".join(["[DEFAULT]", *lines, ""]))
    both(["--config-file", name])


@pytest.mark.parametrize("text", ["no section\n", "[agent\n", "[agent]\n = x\n", "\x00\x01", "[agent]\n  leading\n"])
def test_what_is_no_configuration_is_left_for_oslo_to_say(tmp_path: pathlib.Path, text: str) -> None:
    name = write(tmp_path, "a.conf", text)
    assert bootstrap.configured_concurrency(PROG, ["--config-file", name]) == "eventlet"


def test_bytes_that_are_no_text_are_left_for_oslo_to_say(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.conf"
    path.write_bytes(b"[agent]\nconcurrency = \xff\xfe\n")
    assert bootstrap.configured_concurrency(PROG, ["--config-file", str(path)]) == "eventlet"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config-file"],
        ["--config-file", "/not/there"],
        ["--config-dir", "/not/there"],
        ["--config-dir"],
        ["--help"],
    ],
)
def test_arguments_that_lead_nowhere_are_left_for_oslo_to_say(arguments: list[str]) -> None:
    assert bootstrap.configured_concurrency(PROG, arguments) == "eventlet"


def test_a_value_that_is_no_choice_is_left_for_oslo_to_say(tmp_path: pathlib.Path) -> None:
    name = write(tmp_path, "a.conf", section("gevent"))
    assert bootstrap.configured_concurrency(PROG, ["--config-file", name]) == "eventlet"


def test_a_file_that_may_not_be_read_is_left_for_oslo_to_say(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = write(tmp_path, "a.conf", section("threading"))

    def refuse(self: object, path: str, *_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("vethagent.cmd.bootstrap.configparser.RawConfigParser.read", refuse)
    assert bootstrap.configured_concurrency(PROG, ["--config-file", name]) == "eventlet"
    assert os.path.exists(name)


def test_the_collector_works_again_once_all_is_imported() -> None:
    script = """
import gc
from vethagent.cmd import bootstrap
bootstrap.choose("threading")
print(gc.isenabled())
import vethagent.cmd.agent
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    environment = os.environ | {"OS_AGENT__CONCURRENCY": "threading"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "False\nTrue True\n"


def test_what_is_opened_is_never_taken_for_a_stream_that_was_closed(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "from vethagent.cmd import bootstrap\n"
        "bootstrap.choose('threading')\n"
        f"with open({str(tmp_path / 'store')!r}, 'w') as store:\n"
        "    print('said', file=sys.stderr, flush=True)\n"
        "    sys.stdin.close()\n"
        "    subprocess.run(['sh', '-c', 'echo said; echo said >&2; test -e /proc/self/fd/0'], check=True)\n"
        "    store.write(str(store.fileno() > 2))\n"
    )
    command = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', sys.executable, str(script)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert (tmp_path / "store").read_text() == "True"


def test_ctrl_c_is_not_lost_where_nothing_can_be_raised() -> None:
    script = """
import signal
from vethagent.cmd import bootstrap
bootstrap.end_by_sigint()
class Tidied:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
Tidied()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGINT


#: It gets SIGINT when it imports a module.
INTERRUPTED = """
import importlib, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == sys.argv[2]:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("program", "imported"),
    [(f"cmd.{name}", "oslo_config") for name in ("agent", "allinone", "api", "controller", "manage", "status")]
    + [("cli.shell", "cliff")],
)
def test_ctrl_c_while_modules_are_imported(program: str, imported: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, f"vethagent.{program}", imported]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize("module", ["wsgi.api", "cli.shell"])
def test_who_imports_it_has_the_same_ctrl_c_as_before(module: str) -> None:
    script = f"""
import signal, vethagent.{module}
raise SystemExit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
