"""The commands and examples in the documents, and which test runs what of them.

In a block of the kind "console" a command begins with "$ " (anybody) or "# " (root); all else there is output. Commands
of ours are parsed as they would be by ``tests/unit/test_documents.py``; those of others are run, each by the test that
``RUN_BY`` names. A test asks for them with ``run_here(__file__)`` and runs all that it gets, in that order. What is
typed for vethctl about links, hosts and templates is run besides, by ``tests/functional/agent/test_documents.py``, and
what is typed for vethagent-manage and vethagent-status by ``tests/functional/test_installation.py``.
"""

import dataclasses
import pathlib
import re
import shlex
import textwrap
from collections.abc import Iterator

TOP = pathlib.Path(__file__).parents[2]
DOCUMENTS = sorted([*(TOP / "doc/source").rglob("*.rst"), *TOP.glob("*.rst"), *(TOP / "etc").rglob("*.rst")])

#: Commands whose arguments are checked by what reads them.
OURS = re.compile(r"(.*/)?(vethctl|openstack|tox|vethagent-[a-z]+)|tools/.*")

_INSTALL = "tests/functional/test_installation.py"
_ON_A_HOST = "tests/functional/agent/test_documents.py"

#: Document, and a program or "*" for any other -> the test that runs it.
RUN_BY = {
    ("doc/source/admin/monitoring.rst", "*"): "tests/functional/agent/test_metrics.py",
    ("doc/source/admin/operations.rst", "*"): _INSTALL,
    ("doc/source/admin/security.rst", "*"): _INSTALL,
    ("doc/source/admin/troubleshooting.rst", "*"): _ON_A_HOST,
    **{("doc/source/admin/troubleshooting.rst", program): _INSTALL for program in ("journalctl", "sudo", "systemctl")},
    ("doc/source/admin/upgrade.rst", "*"): _INSTALL,
    ("doc/source/install/containers.rst", "podman"): "tests/functional/test_images.py",
    ("doc/source/install/index.rst", "*"): _INSTALL,
    ("doc/source/install/many.rst", "*"): _INSTALL,
    ("doc/source/overview.rst", "*"): _ON_A_HOST,
    ("doc/source/reference/rest.rst", "*"): _ON_A_HOST,
    ("doc/source/user/cli.rst", "*"): "tests/unit/test_documents.py",
    ("doc/source/user/quickstart.rst", "*"): "tests/functional/agent/test_quickstart.py",
}


@dataclasses.dataclass(frozen=True)
class Command:
    """One line of a document, with what its continuation lines add."""

    document: str
    number: int
    #: The heading that it stands below.
    section: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.number}"

    @property
    def programs(self) -> list[list[str]]:
        """The words of each program that the line runs."""
        return list(_words_of(self.text))


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code, without the indent; ``kind`` is that of its directive, and "" after a "::"."""

    document: str
    number: int
    section: str
    kind: str
    lines: list[str]

    def __str__(self) -> str:
        return f"{self.document}:{self.number}"


def blocks(path: pathlib.Path) -> Iterator[Block]:
    """Yield each block of code in a document."""
    lines = path.read_text().splitlines()
    section = ""
    for number, line in enumerate(lines):
        if re.fullmatch(r"([=~-])\1+", line) and number and len(line) == len(lines[number - 1]):
            section = lines[number - 1]
        found = re.fullmatch(r"( *)(?:\.\. code-block:: (\S+)|(?!\.\.).*::)", line)
        if not found:
            continue
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(found[1] + " ")):
            end += 1
        text = textwrap.dedent("\n".join(lines[number + 1 : end])).splitlines()
        yield Block(str(path.relative_to(TOP)), number + 2, section, found[2] or "", text)


def commands_of(path: pathlib.Path) -> Iterator[Command]:
    """Yield the commands of a document."""
    for block in blocks(path):
        if block.kind != "console":
            continue
        pending = ""
        for number, line in enumerate(block.lines, block.number):
            if pending or line.startswith(("$ ", "# ")):
                text = pending + (line.lstrip() if pending else line[2:])
                pending = text[:-1] if text.endswith("\\") else ""
                if not pending:
                    yield Command(block.document, number, block.section, text)


def mentions(path: pathlib.Path) -> Iterator[str]:
    """Yield what a document has between double backquotes in a sentence."""
    text = re.sub(r"(?m)^( *)(?:\.\. [a-z-]+::.*|.*::)\n(?:\n|\1 +.*\n)+", "", path.read_text())
    yield from (" ".join(found.split()) for found in re.findall(r"``([^`]+)``", text))


def run_by(command: Command) -> set[str]:
    """Return the tests that run what is not ours in a line; AssertionError if nobody runs it."""
    found = set()
    for words in command.programs:
        if not OURS.fullmatch(words[0]):
            test = RUN_BY.get((command.document, words[0])) or RUN_BY.get((command.document, "*"))
            assert test, f"{command}: no test runs {words[0]}; RUN_BY in tests/support/documents.py names them"
            found.add(test)
    return found


def run_here(file: str) -> list[Command]:
    """Return the lines of which a test runs what is not ours, by the path of the test."""
    test = str(pathlib.Path(file).resolve().relative_to(TOP))
    every = (command for path in DOCUMENTS for command in commands_of(path))
    return [command for command in every if test in run_by(command)]


def _words_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each program of a line, those within $( ) too."""
    for inner in re.findall(r"\$\(([^()]*)\)", text):
        yield from _words_of(inner)
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
