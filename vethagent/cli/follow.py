"""Port events as they come."""

import argparse
import csv
import itertools
import json
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TextIO

from cliff.columns import FormattableColumn
from cliff.formatters.base import ListFormatter

from vethagent.client.events import Events
from vethagent.client.exceptions import ApiUnreachable, Unavailable
from vethagent.client.types import Event

LOG = logging.getLogger(__name__)

# Seconds between two looks for new events: quick for an eye, and one indexed query for the API.
_PAUSE = 0.5

#: Where a table's rows cannot wait for each other's widths; the last column has what is left.
_WIDTHS = {"ID": 6, "Received At": 24, "Host": 16, "Link": 20, "Kind": 9, "Status": 14, "Reason": 16, "Took ms": 8}
_NARROW_WIDTHS = {"At": 9, "Host": 12, "Link": 12, "Kind": 9, "Status": 7, "Reason": 10}
_WIDTH = 12


class Filters(NamedTuple):
    """What to follow; None lets all pass."""

    host: str | None = None
    link_id: str | None = None
    kind: str | None = None


def events(source: Events, filters: Filters, limit: int) -> Iterator[Event]:
    """Return the newest ``limit`` events, which have been asked for then, and every new one, without end.

    An API that goes away is waited for; what happened meanwhile is not lost, because the last id is known.
    """
    host, link_id, kind = filters
    # Of other kinds too: the database would look through all that came after the last of a kind that is rare.
    begun = source.list(host=host, link_id=link_id, limit=1)
    newest = source.list(host=host, link_id=link_id, kind=kind, limit=limit)
    last = max((event["id"] for event in (*begun, *newest)), default=0)
    return itertools.chain(newest, _after(last, source, filters))


def _after(last: int, source: Events, filters: Filters) -> Iterator[Event]:
    host, link_id, kind = filters
    away = False
    while True:
        try:
            for event in source.since(last, host=host, link_id=link_id):
                last = event["id"]
                if kind is None or event["kind"] == kind:
                    yield event
            away = False
        except (ApiUnreachable, Unavailable) as error:
            if not away:
                LOG.warning("%s Waiting for it.", error)
            away = True
        time.sleep(_PAUSE)


class Writer:
    """Writes rows one by one: aligned lines for a table, one object a line for json, else as the formatter does."""

    def __init__(
        self,
        format_name: str,
        formatter: ListFormatter,
        parsed_args: argparse.Namespace,
        names: Sequence[str],
        out: TextIO,
    ) -> None:
        self._format_name = format_name
        self._formatter = formatter
        self._parsed_args = parsed_args
        self._names = names
        self._out = out
        self._widths = _NARROW_WIDTHS if "At" in names else _WIDTHS
        if format_name == "table":
            self._write_line(names)
        elif format_name == "csv":
            self._csv().writerow(names)

    def row(self, row: Sequence[Any]) -> None:
        """Write one row and flush, so that a pipe sees it at once."""
        if self._format_name == "table":
            self._write_line([str(value).replace("\n", "; ") for value in row])
        elif self._format_name == "csv":
            self._csv().writerow([_machine_readable(value) for value in row])
        elif self._format_name == "json":
            values = dict(zip(self._names, map(_machine_readable, row), strict=True))
            self._out.write(json.dumps(values) + "\n")
        else:
            self._formatter.emit_list(self._names, [row], self._out, self._parsed_args)
        self._out.flush()

    def _write_line(self, texts: Sequence[str]) -> None:
        cells = [text.ljust(self._widths.get(name, _WIDTH)) for name, text in zip(self._names, texts, strict=True)]
        self._out.write("  ".join(cells).rstrip() + "\n")
        self._out.flush()

    def _csv(self) -> Any:
        return csv.writer(self._out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")


def _machine_readable(value: Any) -> Any:
    return value.machine_readable() if isinstance(value, FormattableColumn) else value
