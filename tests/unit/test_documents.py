"""Every command in the documents can be given: what is ours is parsed as it would be, and every file named is there.

A command begins with "$ " (anybody) or "# " (root) in a block of the kind "console"; all else there is output.
tests/functional/agent/test_quickstart.py runs those of the quickstart.
"""

import configparser
import dataclasses
import functools
import importlib.metadata
import pathlib
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

from vethagent.cli import shell

TOP = pathlib.Path(__file__).parents[2]
DOCUMENTS = sorted([*(TOP / "doc/source").rglob("*.rst"), *TOP.glob("*.rst"), *(TOP / "etc").rglob("*.rst")])
FOLDERS = {path.name for path in TOP.iterdir() if path.is_dir()}

#: What comes with the system or with others; nothing of it is ours to check but the files that it is given.
OTHERS = """
    apt brctl cat chmod chown curl ethtool export git grep hostname htpasswd install ip journalctl kill ln ls mkdir
    ovs-appctl ovs-vsctl pgrep pip python3 rabbitmqctl runuser sha256sum sudo systemd-analyze systemd-sysusers
    systemd-tmpfiles visudo
""".split()  # noqa: SIM905


@dataclasses.dataclass(frozen=True)
class Command:
    """One line of a document, with what its continuation lines add."""

    place: str
    text: str


def blocks(path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number of the first line and the lines of each console block."""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.strip() != ".. code-block:: console":
            continue
        indent = len(line) - len(line.lstrip()) + 1
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * indent)):
            end += 1
        yield number + 2, textwrap.dedent("\n".join(lines[number + 1 : end])).splitlines()


def commands_of(path: pathlib.Path) -> Iterator[Command]:
    for first, lines in blocks(path):
        pending = ""
        for number, line in enumerate(lines, first):
            if pending or line.startswith(("$ ", "# ")):
                text = pending + (line.lstrip() if pending else line[2:])
                pending = text[:-1] if text.endswith("\\") else ""
                if not pending:
                    yield Command(f"{path.relative_to(TOP)}:{number}", text)


COMMANDS = [command for path in DOCUMENTS for command in commands_of(path)]


def words_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line, those within $( ) too."""
    for inner in re.findall(r"\$\(([^()]*)\)", text):
        yield from words_of(inner)
    lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "SOMETHING", text), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in ("|", "&&", "||", ";", "&"):
            if words:
                yield words
            words = []
        else:
            words.append(word)


def check_vethctl(words: list[str]) -> None:
    if words[:1] in (["complete"], ["help"]) or not words or words[0].startswith("-"):
        return
    factory, _, rest = shell.CommandManager(shell.NAME).find_command(words)
    parse(factory, rest)


def check_openstack(words: list[str]) -> None:
    groups = ("openstack.vethagent.v1", "openstack.identity.v3")
    found = [entry for group in groups for entry in importlib.metadata.entry_points(group=group)]
    entries = {entry.name.replace("_", " "): entry for entry in found}
    for length in range(len(words), 0, -1):
        if entry := entries.get(" ".join(words[:length])):
            parse(entry.load(), words[length:])
            return
    raise AssertionError(f"the OpenStack client has no such command: {words}")


def parse(factory: Callable[..., object], words: list[str]) -> None:
    made = factory(None, None)
    # "…" stands for what everybody fills in for himself.
    given = [word for word in words if word != "…"]
    try:
        made.get_parser("command").parse_args(given)  # type: ignore[attr-defined]
    except SystemExit as error:
        assert given != words or not error.code, f"not as the command wants it: {words}"


@functools.cache
def check_own(program: str, *words: str) -> None:
    """The parser itself is asked: with --help it tells of a command that there is, and does nothing."""
    module = f"vethagent.cmd.{program.removeprefix('vethagent-')}"
    command = [sys.executable, "-m", module, *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def check_tox(words: list[str]) -> None:
    parser = configparser.RawConfigParser()
    parser.read(TOP / "tox.ini")
    for name in words[words.index("-e") + 1].split(","):
        assert f"testenv:{name}" in parser.sections()


def check_podman(words: list[str]) -> None:
    targets = re.findall(r"^FROM base AS (\S+)$", (TOP / "contrib/containers/Containerfile").read_text(), re.MULTILINE)
    for option in ("--target", "--tag"):
        if option in words:
            assert words[words.index(option) + 1] in targets
    if words[0] == "run":
        assert set(words) & set(targets)


def check_systemctl(words: list[str]) -> None:
    for word in words:
        if word.startswith("vethagent"):
            assert (TOP / "etc/systemd" / f"{word.removesuffix('.service')}.service").exists(), word


def check_program(words: list[str]) -> None:
    name = words[0].removeprefix("/opt/vethagent/bin/")
    rest = words[1:]
    known: dict[str, Callable[[list[str]], None]] = {
        "vethctl": check_vethctl,
        "openstack": check_openstack,
        "tox": check_tox,
        ".venv/bin/tox": check_tox,
        "podman": check_podman,
        "systemctl": check_systemctl,
    }
    if name in known:
        known[name](rest)
    elif name.startswith("vethagent-"):
        check_own(name, *rest)
    else:
        assert name in OTHERS or (TOP / name).is_file(), f"{name} is not known to this test, and no file of the project"
    if name == "runuser":
        check_program(rest[rest.index("--") + 1 :])


def check_files(words: list[str]) -> None:
    """A path that begins with a folder of the project is there, unless it is made by the command."""
    for word in words:
        for path in _unfolded(word):
            start = path.partition("/")[0]
            if "/" in path and start in FOLDERS - {"dist"} and "=" not in path:
                assert (TOP / path).exists(), path


def _unfolded(word: str) -> Iterator[str]:
    if found := re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", word):
        yield from (found[1] + each + found[3] for each in found[2].split(","))
    else:
        yield word


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.place)
def test_a_command_can_be_given(command: Command) -> None:
    for words in words_of(command.text):
        check_program(words)
        check_files(words)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_commands_are_marked_as_such(path: pathlib.Path) -> None:
    """Nobody could tell what to check in a plain literal block."""
    text = path.read_text()
    literal = re.findall(r"::\n\n((?: +.*\n|\n)+)", re.sub(r"(?m)^( *)\.\. [a-z-]+::.*\n(?:\n|\1 +.*\n)+", "", text))
    programs = ("vethctl ", "vethagent-", "tools/", "openstack ", "kill ", "tox ", "systemctl ")
    for block in literal:
        lines = [line.strip().removeprefix("$ ").removeprefix("# ") for line in block.splitlines()]
        assert not [line for line in lines if line.startswith(programs) and "─" not in line], block
