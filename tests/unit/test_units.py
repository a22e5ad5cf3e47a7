"""What is in etc and debian for systemd and the packages agrees with the project."""

import configparser
import pathlib
import re
import shutil
import subprocess
import tomllib

import pytest
from oslo_service import _options

from vethagent import constants
from vethagent.plumbing import naming

TOP = pathlib.Path(__file__).parents[2]
UNITS = TOP / "etc/systemd"
SCRIPTS = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["scripts"]
SERVICES = ["vethagent-agent", "vethagent-allinone", "vethagent-api", "vethagent-controller"]
#: Highest exposure that systemd-analyze may find, in tenths.
EXPOSURE = {"vethagent-agent": 30, "vethagent-allinone": 30}


def read(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / f"{name}.service")
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.mark.parametrize("name", SERVICES)
def test_unit_starts_what_is_installed_as_the_service_user(name: str) -> None:
    service = read(name)["Service"]
    assert service["User"] == service["Group"] == "vethagent"
    assert service["ExecStart"] == f"/opt/vethagent/bin/{name}"
    assert service["ExecReload"] == "kill -HUP $MAINPID"
    assert name in SCRIPTS


@pytest.mark.parametrize("name", SERVICES)
def test_only_who_changes_devices_has_a_capability(name: str) -> None:
    service = read(name)["Service"]
    needed = "CAP_NET_ADMIN" if name in ("vethagent-agent", "vethagent-allinone") else ""
    assert service["CapabilityBoundingSet"] == service.get("AmbientCapabilities", "") == needed


def test_what_is_old_is_deleted_where_a_controller_runs() -> None:
    started = read("vethagent-purge")["Service"]["ExecStart"].split()
    assert started[0].removeprefix("/opt/vethagent/bin/") in SCRIPTS
    timer = (UNITS / "vethagent-purge.timer").read_text()
    assert "\nWantedBy=vethagent-controller.service vethagent-allinone.service\n" in timer
    assert "--no-start vethagent-purge.timer" in (TOP / "debian/rules").read_text()


@pytest.mark.parametrize("name", ["vethagent-agent", "vethagent-allinone"])
def test_who_has_a_helper_is_ended_before_it(name: str) -> None:
    assert read(name)["Service"]["KillMode"] == "mixed"


@pytest.mark.parametrize("name", ["vethagent-agent", "vethagent-allinone"])
def test_a_process_ends_by_itself_before_systemd_kills_it(name: str) -> None:
    (limit,) = [each.default for each in _options.service_opts if each.name == "graceful_shutdown_timeout"]
    assert int(read(name)["Service"]["TimeoutStopSec"]) >= limit + 30


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("name", [*SERVICES, "vethagent-purge"])
def test_exposure(name: str) -> None:
    threshold = EXPOSURE.get(name, 20)
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={threshold}"]
    done = subprocess.run(
        [*command, str(UNITS / f"{name}.service")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_socket_of_the_database_is_the_same_everywhere() -> None:
    path = "/run/vethagent/ovsdb.sock"
    unit = (UNITS / "vethagent-ovsdb.service").read_text()
    assert f"add-remote punix:{path}\n" in unit and f"remove-remote punix:{path}\n" in unit
    assert (
        f"d {pathlib.Path(path).parent} 2750 root vethagent"
        in (TOP / "etc/tmpfiles.d/vethagent-ovsdb.conf").read_text()
    )
    for name in ("agent", "allinone"):
        assert f"ovsdb_connection = unix:{path}\n" in (TOP / f"debian/conf/vethagent-{name}.conf").read_text()


def test_udev_knows_our_devices() -> None:
    rules = (TOP / "etc/udev/rules.d/84-vethagent.rules").read_text()
    pattern = re.search(r'KERNEL=="([^"]*)".*ENV{ID_VETHAGENT}="1"', rules)
    assert pattern is not None
    assert f"\nName={pattern[1]}\n" in (UNITS / "network/00-vethagent.network").read_text()
    assert "\nProperty=ID_VETHAGENT=1\n" in (UNITS / "network/00-vethagent-named.network").read_text()
    for end in (0, 1):
        name = naming.derived_device("6f7a1f2e-52b3-4f3c-8a86-0f6b1d0f7a11", end)
        assert pathlib.PurePath(name).match(pattern[1])
    assert f'ATTR{{ifalias}}=="{constants.ALIAS_PREFIX}*"' in rules


def test_debian_package_has_all_commands() -> None:
    rules = (TOP / "debian/rules").read_text()
    commands = re.search(r"^COMMANDS = (.*)$", rules, re.MULTILINE)
    assert commands is not None and set(commands[1].split()) == set(SCRIPTS)


def test_debian_package_has_all_files() -> None:
    lines = [line.split() for line in (TOP / "debian/vethagent.install").read_text().splitlines()]
    for pattern, _ in lines:
        assert list(TOP.glob(pattern)), pattern
    installed = {path for pattern, _ in lines for path in TOP.glob(pattern)}
    for folder in ("systemd", "sysusers.d", "tmpfiles.d", "udev", "NetworkManager", "logrotate.d"):
        files = {path for path in (TOP / "etc" / folder).rglob("*") if path.is_file()}
        assert files <= installed


def test_images_start_what_is_installed() -> None:
    lines = (TOP / "contrib/containers/Containerfile").read_text()
    targets = dict(re.findall(r'^FROM base AS (\S+)$.*?^ENTRYPOINT \["([^"]*)"\]$', lines, re.MULTILINE | re.DOTALL))
    assert targets and all(target == command for target, command in targets.items())
    assert set(targets) <= set(SCRIPTS)


def test_source_archive_has_every_folder() -> None:
    ignored = (TOP / ".gitignore").read_text().split()
    folders = {
        path.name
        for path in TOP.iterdir()
        if path.is_dir() and not path.name.startswith(".") and not any(path.match(each.strip("/")) for each in ignored)
    }
    manifest = (TOP / "MANIFEST.in").read_text().splitlines()
    assert {f"graft {name}" for name in folders} <= set(manifest)
    assert any(line.startswith("include ") and "*.txt" in line for line in manifest), "requirements.txt"
