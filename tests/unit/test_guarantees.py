"""The tests that documents name are there, what they select is some of them, and no invariant is without one."""

import functools
import os
import pathlib
import re
import subprocess
import sys

import pytest
from _pytest.mark.expression import Expression

from tests.support.documents import DOCUMENTS, TOP

#: Files or folders of tests, as they are given to pytest, and the name of one or what "-k" selects.
QUOTED = re.compile(r'((?:tests/[\w./]*\w/? )*tests/[\w./]*\w/?)(?:::(\w+)| -k (\w+)| -k "([^"]+)")?')
NAMED = sorted(
    {(path.name, *found) for path in DOCUMENTS for found in QUOTED.findall(" ".join(path.read_text().split()))}
)
CONTRIBUTOR = TOP / "doc/source/contributor"


@functools.cache
def _collected() -> dict[str, list[str]]:
    """The tests of the files that documents name with "-k", asked of pytest itself, which runs none."""
    tests = {path for _, paths, _, *words in NAMED if any(words) for path in paths.split() if (TOP / path).exists()}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *sorted(tests)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=TOP,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
    )
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        file, separator, name = line.partition("::")
        if separator:
            found.setdefault(file, []).append(name)
    return found


def _selects(expression: str, file: str, name: str) -> bool:
    """As pytest has it: a word is looked for in the names of folders and file, and in that of the test."""
    names = [part.lower() for part in (*pathlib.PurePath(file).parts[1:], name)]

    def is_there(word: str, /, **_: str | int | bool | None) -> bool:
        return any(word.lower() in each for each in names)

    return Expression.compile(expression).evaluate(is_there)


@pytest.mark.parametrize(("document", "paths", "name", "word", "words"), NAMED)
def test_what_a_document_names_is_there(document: str, paths: str, name: str, word: str, words: str) -> None:
    files = paths.split()
    assert all((TOP / file).exists() for file in files)
    if name:
        assert re.search(rf"^def {name}\(", (TOP / files[-1]).read_text(), re.MULTILINE)
    if expression := word or words:
        found = _collected().items()
        tests = [(file, test) for file, each in found if file.startswith(tuple(files)) for test in each]
        selected = [test for test in tests if _selects(expression, *test)]
        assert selected
        assert len(selected) < len(tests), "without -k it is the same"
        for each in set(re.findall(r"\w+", expression)) - {"and", "or", "not"}:
            assert any(_selects(each, *test) for test in tests), f"no test has {each} in its name"


def test_each_invariant_is_shown() -> None:
    stated = re.findall(r"^\d+\. \*\*(.+)\.\*\*", _read("architecture.rst"), re.MULTILINE)
    shown = re.findall(r"^   \* - (\d+)\. (.+)\n     - ``tests/", _read("guarantees.rst"), re.MULTILINE)
    assert len(stated) == 10
    assert shown == [(str(number), name) for number, name in enumerate(stated, 1)]


def _read(name: str) -> str:
    return pathlib.Path(CONTRIBUTOR / name).read_text()
