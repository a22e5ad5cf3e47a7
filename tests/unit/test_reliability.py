"""Who has a symptom finds it on the page about reliability, and each fault on it has a command that shows it."""

import re

import pytest

from tests.support.documents import TOP
from vethagent import metrics, model

PAGE = (TOP / "doc/source/admin/reliability.rst").read_text()
SYMPTOMS = PAGE.partition("\nBy symptom\n")[2].partition("\nCasts\n")[0]
FOLDERS = {"py3": "unit", "functional": "functional", "fullstack": "fullstack"}

#: One of the tests, or what somebody has done himself and when.
COMMAND = re.compile(
    r"``(?:VETHAGENT_\w+=\S+ )?tox -e (\w+) -- tests/(\w+)[^`]+``|By hand \(\d+ \w+ \d{4}\), as by ``[^`]+``"
)


def rows() -> list[list[str]]:
    """Return the cells of each row of the tables of faults."""
    tables = re.findall(r"   \* - Fault\n.*\n     - Command that shows it\n((?:   .*\n|\n)+)", PAGE)
    each = [row for table in tables for row in re.split(r"^   \* - ", table, flags=re.MULTILINE)[1:]]
    return [[" ".join(cell.split()) for cell in re.split(r"^     - ", row, flags=re.MULTILINE)] for row in each]


def test_there_are_rows() -> None:
    assert len(rows()) > 150


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:60])
def test_a_fault_has_a_command(row: list[str]) -> None:
    _, what, shown = row
    found = COMMAND.findall(shown)
    assert what and found
    assert all(FOLDERS[environment] == folder for environment, folder in found if environment)


@pytest.mark.parametrize("symptom", [*(f"*{part}*" for part in metrics.PARTS), *filter(None, model.Reason)])
def test_a_symptom_leads_to_its_rows(symptom: str) -> None:
    assert re.search(rf"(?<![\w*]){re.escape(symptom)}(?![\w*])", SYMPTOMS)
