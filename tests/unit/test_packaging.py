"""What is written in the packaging files and in the documents agrees with the code."""

import ast
import importlib
import importlib.metadata
import pathlib
import re
import sys
import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vethagent import model, privileged

TOP = pathlib.Path(__file__).parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
CONTEXT = str(privileged.default.pypath)


def entry_points() -> Iterator[str]:
    yield from PROJECT["scripts"].values()
    for group in PROJECT["entry-points"].values():
        yield from group.values()


@pytest.mark.parametrize("target", sorted(set(entry_points())))
def test_entry_point_is_there(target: str) -> None:
    module, _, name = target.partition(":")
    if module.startswith("vethagent.cmd."):
        # Importing one decides what threads are in this process.
        path = TOP / f"{module.replace('.', '/')}.py"
        functions = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert name in functions
    else:
        found = importlib.import_module(module)
        assert not name or callable(getattr(found, name))


def imported() -> set[str]:
    names: set[str] = set()
    for path in (TOP / "vethagent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"vethagent"}


def test_requirements_are_what_is_imported() -> None:
    lines = (TOP / "requirements.txt").read_text().splitlines()
    required = {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}
    distributions = importlib.metadata.packages_distributions()
    needed = {canonicalize_name(distributions[name][0]) for name in imported()}
    assert needed - required == set(), "imported, and not in requirements.txt"
    assert required - needed == set(), "in requirements.txt, and not imported"


@pytest.mark.parametrize("reason", [reason for reason in model.Reason if reason])
def test_reason_is_explained(reason: model.Reason) -> None:
    assert f"   * - {reason}\n" in (TOP / "doc/source/user/reasons.rst").read_text()
    heading = f"\n{reason}\n{'~' * len(reason)}\n"
    assert heading in (TOP / "doc/source/admin/troubleshooting.rst").read_text()


def test_code_of_a_difference_is_explained() -> None:
    """Those that the page has words for, which are all."""
    words = (TOP / "vethagent/controller/dashboard/words.js").read_text()
    codes = re.findall(r"^  ([A-Z_]+): ", words.partition("DIFFERENCES = {")[2].partition("\n}")[0], re.MULTILINE)
    text = (TOP / "doc/source/user/reasons.rst").read_text().partition("Codes of differences\n")[2]
    assert codes and codes == re.findall(r"^   \* - ([A-Z_]+)$", text, re.MULTILINE)


def test_every_part_of_an_agent_has_its_cure() -> None:
    sources = (path.read_text() for path in (TOP / "vethagent/agent").glob("*.py"))
    parts = {part for source in sources for part in re.findall(r'\.(?:bad|good)\("(\w+)"', source)}
    text = (TOP / "doc/source/admin/troubleshooting.rst").read_text().partition("Health of an agent\n")[2]
    assert parts and parts == set(re.findall(r"^(\w+)\n  \S", text, re.MULTILINE))


def test_every_alert_is_told() -> None:
    alerts = re.findall(r"alert: (\w+)", (TOP / "etc/prometheus/vethagent.rules.yml").read_text())
    text = (TOP / "doc/source/admin/monitoring.rst").read_text()
    assert alerts and alerts == re.findall(r"^   \* - (Vethagent\w+)$", text, re.MULTILINE)


def test_sudo_allows_the_helper_and_nothing_else() -> None:
    rule = (TOP / "etc/sudoers.d/vethagent-agent").read_text().splitlines()[-1]
    command, _, arguments = rule.partition("NOPASSWD: ")[2].partition(" ")
    assert command.endswith("/privsep-helper")
    good = (
        "--config-file /etc/vethagent/vethagent-agent.conf"
        f" --privsep_context {CONTEXT} --privsep_sock_path /tmp/tmpab_9xyz0/privsep.sock"
    )
    quiet = good.replace(" --privsep_context", " --nouse-syslog --nouse-journal --privsep_context")
    assert re.search(arguments, good) and re.search(arguments, quiet)
    for bad in (
        good.replace(CONTEXT, "os.path"),
        good.replace("/etc/vethagent/", "/tmp/"),
        good + " --privsep_context os.path",
        "--config-file /tmp/x " + good,
        good.replace("/tmp/tmpab_9xyz0", "/tmp/x --config-file /tmp/tmpab_9xyz0"),
    ):
        assert not re.search(arguments, bad)
