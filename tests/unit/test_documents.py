"""Nothing in the documents is only written there: each command is run or read by what it is for, each option is known.

What is ours is parsed by its own parser, with exactly these arguments. For all else ``tests/support/documents.py``
names the test that runs it.
"""

import configparser
import functools
import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import documents
from tests.support.documents import DOCUMENTS, TOP
from vethagent.cli import shell
from vethagent.cmd import config_check

BLOCKS = [block for path in DOCUMENTS for block in documents.blocks(path)]
COMMANDS = [command for path in DOCUMENTS for command in documents.commands_of(path)]
FOLDERS = {path.name for path in TOP.iterdir() if path.is_dir()}

#: Stands for what everybody fills in for himself.
GAP = "…"
PROGRAMS = re.compile(r"[$#] |(vethctl|vethagent-\w+|tools/\S+|openstack|kill|tox|systemctl|ip|sudo|apt) [^─]*$")
#: Folders that are not there before something is made.
MADE = ("doc/build", "dist/", "releasenotes/build")
#: Kinds of blocks. Only "console" has commands; "bash" is what local.conf of a devstack is written in.
KINDS = {"", "bash", "console", "ini", "json", "text"}


def parse(factory: Callable[..., Any], words: list[str], *, whole: bool) -> None:
    """Give words to the parser of a command; what is required may be missing where a sentence only names it."""
    parser = factory(None, None).get_parser("command")
    given = [word for word in words if word != GAP]
    if not whole or given != words:
        for action in parser._actions:
            action.required = False
            action.nargs = "*" if not action.option_strings else action.nargs
        for group in parser._mutually_exclusive_groups:
            group.required = False
    try:
        parser.parse_args(given)
    except SystemExit as error:
        assert not error.code, f"not as the command wants it: {words}"


def check_vethctl(words: list[str], *, whole: bool) -> None:
    if words[:1] in (["complete"], ["help"]) or not words or words[0].startswith("-"):
        return
    factory, _, rest = shell.CommandManager(shell.NAME).find_command(words)
    parse(factory, rest, whole=whole)


def check_openstack(words: list[str], *, whole: bool) -> None:
    if words[0].startswith("--os-"):
        return
    groups = ("openstack.vethagent.v1", "openstack.identity.v3")
    found = [entry for group in groups for entry in importlib.metadata.entry_points(group=group)]
    entries = {entry.name.replace("_", " "): entry for entry in found}
    for length in range(len(words), 0, -1):
        if entry := entries.get(" ".join(words[:length])):
            parse(entry.load(), words[length:], whole=whole)
            return
    assert not whole and any(name.startswith(" ".join(words)) for name in entries), f"no such command: {words}"


@functools.cache
def answer(*command: str) -> None:
    """The parser itself is asked: with --help at the end it reads what is before that, and does nothing."""
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "--help"], capture_output=True, text=True, timeout=60, check=False, cwd=TOP, env=env
    )
    assert done.returncode == 0, done.stderr


def check_own(name: str, words: list[str], *, whole: bool) -> None:
    if whole or not words or words[0] in ("config", "db", "upgrade"):
        answer(sys.executable, "-m", f"vethagent.cmd.{name.removeprefix('vethagent-')}", *words)


def check_script(name: str, words: list[str]) -> None:
    path = TOP / name
    assert os.access(path, os.X_OK), name
    if name == "tools/bench.sh":
        assert set(words) <= {"NAME", "--help"} or (TOP / f"benchmarks/{words[0]}.py").exists()
        words = []
    # A word in capitals is a number that everybody chooses.
    answer(str(path), *(re.sub(r"^[A-Z]+$", "2", word) for word in words if word != "--help"))


def check_tox(words: list[str]) -> None:
    parser = configparser.RawConfigParser()
    parser.read(TOP / "tox.ini")
    for name in words[words.index("-e") + 1].split(","):
        assert f"testenv:{name}" in parser.sections(), name
    check_tests([word for word in words[words.index("-e") + 2 :] if word != "--"])


def check_tests(words: list[str]) -> None:
    """The files are there, and there is a test that ``-k`` selects."""
    paths = [TOP / word for word in words if word.startswith("tests/")]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))]
    assert all(path.exists() for path in paths), words
    if "-k" in words and files:
        wanted = words[words.index("-k") + 1]
        names = [
            name for file in files for name in re.findall(r"^def (test_\w+)|class (Test\w+)", file.read_text(), re.M)
        ]
        assert any(wanted in "".join(name) for name in names), words


def check_ours(words: list[str], *, whole: bool = True) -> None:
    # By "… > FILE" a shell keeps the output.
    words = words[: words.index(">")] if ">" in words else words
    name = words[0] if words[0].startswith("tools/") else pathlib.PurePath(words[0]).name
    if name == "vethctl":
        check_vethctl(words[1:], whole=whole)
    elif name == "openstack":
        check_openstack(words[1:], whole=whole)
    elif name == "tox":
        check_tox(words[1:])
    elif name.startswith("tools/"):
        check_script(name, words[1:])
    else:
        check_own(name, words[1:], whole=whole)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_run_or_read_by_what_it_is_for(command: documents.Command) -> None:
    for test in documents.run_by(command):
        assert "documents.run_here(__file__)" in (TOP / test).read_text(), test
    for words in command.programs:
        if documents.OURS.fullmatch(words[0]):
            check_ours(words)
        for word in words:
            check_path(word)
        # As another user: what follows is a command itself.
        if words[0] == "runuser" and documents.OURS.fullmatch(words[words.index("--") + 1]):
            check_ours(words[words.index("--") + 1 :])


def check_path(word: str) -> None:
    """A path that begins with a folder of the project is there, unless it is made by the command."""
    for path in _unfolded(word):
        start = path.partition("/")[0]
        if "/" in path and start in FOLDERS and "=" not in path and not path.startswith(MADE):
            assert (TOP / path).exists(), path


def _unfolded(word: str) -> Iterator[str]:
    if found := re.fullmatch(r"(.*)\{([^{}]*)\}(.*)", word):
        yield from (found[1] + each + found[3] for each in found[2].split(","))
    else:
        yield word


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 100


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(TOP)))
def test_a_command_in_a_sentence_can_be_given(path: pathlib.Path) -> None:
    for mention in documents.mentions(path):
        words = mention.split()
        while re.fullmatch(r"VETHAGENT_[A-Z]+=\S+", words[0]):
            del words[0]
        if re.fullmatch(r"[\w.-]+/[\w./-]+", mention):
            check_path(mention)
        if words[:3] == ["python", "-m", "pytest"] or words[0].startswith("tests/"):
            check_tests(words)
        elif documents.OURS.fullmatch(words[0]) and len(words) > 1:
            check_ours(words, whole=False)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_commands_are_marked_as_such(block: documents.Block) -> None:
    """Nobody could tell what to check in a block of another kind."""
    assert block.kind in KINDS
    if block.kind == "bash":
        lines = [line for line in block.lines if line.strip()]
        assert all(line.startswith("enable_plugin vethagent ") for line in lines), lines
    elif block.kind != "console":
        programs = re.compile(
            r"[$#] |(vethctl|vethagent-\w+|tools/\S+|openstack|kill|tox|systemctl|ip|sudo|apt) [^─]*$"
        )
        assert not [line for line in block.lines if programs.match(line.strip())]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "ini"], ids=str)
def test_options_are_known(block: documents.Block, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "vethagent.conf"
    path.write_text("\n".join(block.lines))
    # A file that an example names is on the host that the example is for.
    there = re.compile("there is no file /(etc|opt)/vethagent/")
    assert [each for each in config_check.check(str(path)) if not there.search(each.text)] == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "json"], ids=str)
def test_examples_are_json(block: documents.Block) -> None:
    json.loads("\n".join(block.lines))


def test_commands_of_the_shell(tmp_path: pathlib.Path) -> None:
    """What the shell has loaded after them completes vethctl."""
    here = {command.document for command in documents.run_here(__file__)}
    lines = [command.text for command in COMMANDS if command.document in here]
    script = "\n".join(["set -e", *lines, f'. "$HOME/.local/share/bash-completion/completions/{shell.NAME}"'])
    env = {"HOME": str(tmp_path), "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p {shell.NAME}"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f" {shell.NAME}\n")


def test_all_that_knows_kinds_of_bridges_is_told_to_who_adds_one() -> None:
    known = re.compile(r"BridgeKind\.(LINUX|OVS)|[\"'](ovs|linux)[\"']")
    told = set(documents.mentions(TOP / "doc/source/contributor/extending.rst"))
    for path in [*(TOP / "vethagent").rglob("*.py"), *(TOP / "vethagent").rglob("*.js")]:
        if known.search(path.read_text()):
            assert str(path.relative_to(TOP)) in told
