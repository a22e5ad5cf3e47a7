"""``--follow`` without an API."""

import argparse
import csv
import io
import itertools
import json
from typing import Any

import pytest
import yaml
from cliff.formatters.base import ListFormatter
from cliff.formatters.commaseparated import CSVLister
from cliff.formatters.json_format import JSONFormatter
from cliff.formatters.table import TableFormatter
from cliff.formatters.value import ValueFormatter
from cliff.formatters.yaml_format import YAMLFormatter

from vethagent.cli import columns, follow
from vethagent.client.exceptions import ApiUnreachable

NAMES = ("ID", "Kind", "Took ms")
ROWS: list[list[Any]] = [
    [1, "plugged", columns.Milliseconds(1.25)],
    [2, "repaired", columns.Milliseconds(None)],
]


def written(format_name: str, formatter: ListFormatter) -> str:
    out = io.StringIO()
    writer = follow.Writer(format_name, formatter, argparse.Namespace(), NAMES, out)
    for row in ROWS:
        writer.row(row)
    return out.getvalue()


def test_table() -> None:
    header, first, second = written("table", TableFormatter()).splitlines()
    assert header.split("  ")[0] == "ID"
    assert first.index("plugged") == second.index("repaired") == header.index("Kind")
    assert first.split() == ["1", "plugged", "1.2"]


def test_json_is_one_object_a_line() -> None:
    rows = [json.loads(line) for line in written("json", JSONFormatter()).splitlines()]
    assert rows == [{"ID": 1, "Kind": "plugged", "Took ms": 1.25}, {"ID": 2, "Kind": "repaired", "Took ms": None}]


def test_csv_has_one_header() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", CSVLister()))))
    assert [row["Kind"] for row in rows] == ["plugged", "repaired"]


def test_yaml_is_one_list() -> None:
    assert [row["Kind"] for row in yaml.safe_load(written("yaml", YAMLFormatter()))] == ["plugged", "repaired"]


def test_value() -> None:
    assert written("value", ValueFormatter()) == "1 plugged 1.25\n2 repaired None\n"


class Source:
    """An API with pages that are given; an exception in the place of a page is raised."""

    def __init__(self, *pages: Any) -> None:
        self._pages = iter(pages)
        self.after: list[int] = []
        self.filters: list[dict[str, Any]] = []

    def list(self, **_filters: Any) -> Any:
        return next(self._pages)

    def since(self, after: int, **filters: Any) -> Any:
        self.after.append(after)
        self.filters.append(filters)
        page = next(self._pages)
        if isinstance(page, Exception):
            raise page
        return page


def test_without_an_api_at_the_start_there_is_nothing_to_write() -> None:
    class Away:
        def list(self, **_filters: Any) -> Any:
            raise ApiUnreachable("http://h", "connection refused")

    with pytest.raises(ApiUnreachable):
        follow.events(Away(), follow.Filters(), 2)  # type: ignore[arg-type]


def test_nothing_is_lost_while_the_api_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "_PAUSE", 0)
    away = ApiUnreachable("http://h", "connection refused")
    source = Source([{"id": 4}], [{"id": 3}, {"id": 4}], [{"id": 5}], away, away, [], [{"id": 6}, {"id": 7}])
    found = follow.events(source, follow.Filters(), 2)  # type: ignore[arg-type]
    assert [event["id"] for event in itertools.islice(found, 5)] == [3, 4, 5, 6, 7]
    assert source.after == [4, 5, 5, 5, 5]
    assert len(caplog.records) == 1


def test_a_rare_kind_is_not_looked_for_in_all_that_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_PAUSE", 0)
    failed, others = {"id": 3, "kind": "failed"}, [{"id": 71, "kind": "changed"}, {"id": 72, "kind": "plugged"}]
    source = Source([{"id": 70}], [failed], others, [{"id": 73, "kind": "failed"}])
    found = follow.events(source, follow.Filters(host="h1", kind="failed"), 2)  # type: ignore[arg-type]
    assert [event["id"] for event in itertools.islice(found, 2)] == [3, 73]
    assert source.after == [70, 72]
    assert source.filters == [{"host": "h1", "link_id": None}] * 2
