"""The tests that documents name are there, and no invariant is without one."""

import pathlib
import re

import pytest

from tests.support.documents import DOCUMENTS, TOP

TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+)| -k (\w+))?")
NAMED = sorted({(path.name, *found) for path in DOCUMENTS for found in TEST.findall(path.read_text())})
CONTRIBUTOR = TOP / "doc/source/contributor"


@pytest.mark.parametrize(("document", "file", "name", "keyword"), NAMED)
def test_what_a_document_names_is_there(document: str, file: str, name: str, keyword: str) -> None:
    source = (TOP / file).read_text()
    assert not name or re.search(rf"^def {name}\(", source, re.MULTILINE)
    assert not keyword or any(
        keyword in line for line in re.findall(r"^(?:def test|@pytest|def _).*", source, re.MULTILINE)
    )


def test_each_invariant_is_shown() -> None:
    stated = re.findall(r"^\d+\. \*\*(.+)\.\*\*", _read("architecture.rst"), re.MULTILINE)
    shown = re.findall(r"^   \* - (\d+)\. (.+)\n     - ``tests/", _read("guarantees.rst"), re.MULTILINE)
    assert len(stated) == 10
    assert shown == [(str(number), name) for number, name in enumerate(stated, 1)]


def _read(name: str) -> str:
    return pathlib.Path(CONTRIBUTOR / name).read_text()
