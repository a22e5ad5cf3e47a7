"""SIGHUP with files that have a mistake by then: an operator's slip of the pen ends no service."""

import pathlib
import re
import signal
import subprocess

import pytest

from tests.support import certificates, commands
from tests.unit.cmd.conftest import Start
from tests.unit.cmd.test_controller_processes import wait_for_line


def send(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """Send a signal once it would be taken: oslo.service has the default, an end, in force while it handles one."""
    status = pathlib.Path(f"/proc/{process.pid}/status")

    def caught() -> bool:
        found = re.search(r"SigCgt:\t(\w+)", status.read_text())
        return found is not None and bool(int(found[1], 16) & 1 << number - 1)

    commands.wait_until(caught, what=f"a process that takes {number.name}")
    process.send_signal(number)


@pytest.mark.parametrize(
    ("name", "started"),
    [("agent", "Listening to casts"), ("controller", "listening for agents"), ("api", "serving the API")],
)
@pytest.mark.usefixtures("migrated")
def test_a_mistake_changes_nothing(config: pathlib.Path, start: Start, name: str, started: str) -> None:
    def wait_until_reloaded() -> None:
        if name == "controller":  # it ignores the signal until another process does the work
            wait_for_line(process, started)

    process = start(name, OS_API__PORT="0", OS_AGENT__METRICS_PORT="0", OS_CONTROLLER__METRICS_PORT="0")
    wait_for_line(process, started)
    good = config.read_text()
    for wrong, told in [
        ("[no end\n", "must end with"),
        ("debug = perhaps\n", "debug"),
        ("hots = c1\n", "there is no option 'hots'"),
        ("[oslo_messaging_rabbit]\nheartbeat_rate = soon\n", "no whole number"),
    ]:
        config.write_text(good + wrong)
        send(process, signal.SIGHUP)
        assert told in wait_for_line(process, "options stay as they are: ")
        wait_until_reloaded()
    config.write_text(good + "debug = true\n")
    send(process, signal.SIGHUP)
    wait_for_line(process, "DEFAULT.debug changed from")
    wait_until_reloaded()
    send(process, signal.SIGTERM)
    assert process.wait(60) == 0


_LOGGING = """\
[loggers]
keys=root
[handlers]
keys=out
[formatters]
keys=ours
[formatter_ours]
format=ours: %(message)s
[logger_root]
level=INFO
handlers=out
[handler_out]
class=StreamHandler
formatter=ours
args=(sys.stderr,)
"""


def test_a_file_of_logging_that_cannot_be_used_any_more(start: Start, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "logging.conf"
    path.write_text(_LOGGING)
    process = start("agent", OS_DEFAULT__LOG_CONFIG_APPEND=str(path), OS_AGENT__METRICS_PORT="0")
    wait_for_line(process, "Listening to casts")
    for wrong, told in [
        (None, "No such file"),
        ("[loggers", "no section headers"),
        (_LOGGING.replace("StreamHandler", "nowhere.Handler"), "nowhere"),
    ]:
        path.unlink()
        if wrong is not None:
            path.write_text(wrong)
        send(process, signal.SIGHUP)
        assert told in wait_for_line(process, "ours: options stay as they are: ")
        if wrong is None:
            path.touch()
    send(process, signal.SIGTERM)
    assert process.wait(60) == 0


@pytest.mark.usefixtures("migrated")
def test_a_certificate_that_was_renewed_is_read_again(start: Start, tmp_path: pathlib.Path) -> None:
    certificate, key = certificates.make(tmp_path)
    process = start("api", OS_API__PORT="0", OS_API__CERTIFICATE_FILE=str(certificate), OS_API__KEY_FILE=str(key))
    wait_for_line(process, "serving the API")
    send(process, signal.SIGHUP)
    assert str(certificate) in wait_for_line(process, "was read again")
    send(process, signal.SIGTERM)
    assert process.wait(60) == 0
