"""The command that shows port events."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vethagent.cli import columns, follow, parsing, resolve
from vethagent.cli.base import Lister, UsageError, flat
from vethagent.client.events import MAX_PAGE
from vethagent.client.types import Event

KINDS = ("changed", "plugged", "repaired", "drifted", "failed", "unplugged")

_TITLES = ("ID", "Received At", "Host", "Link", "Kind", "Status", "Reason", "Took ms", "Message")
_NARROW_TITLES = ("At", "Host", "Link", "Kind", "Status", "Reason", "Message")
_LONG_TITLES = (*_TITLES, "Link ID", "Generation", "Observed At", "Repaired", "Differences", "Ends", "Request ID")

DEFAULT_LIMIT = 100
FOLLOW_LIMIT = 10


def row_of(event: Event, *, long: bool) -> tuple[Any, ...]:
    """Return one row of ``event list``."""
    short = (
        event["id"],
        columns.Time(event["received_at"]),
        event["host"],
        resolve.shown_as(event["link_name"], event["link_id"], short=False),
        event["kind"],
        event["status"],
        event["reason"],
        columns.Milliseconds(event["took_ms"]),
        columns.Told(event),
    )
    if not long:
        return short
    return (
        *short,
        event["link_id"],
        event["generation"],
        columns.Time(event["observed_at"]),
        columns.Differences(event["repaired"]),
        columns.Differences(event["differences"]),
        columns.EndStates(event["ends"]),
        columns.Text(event["request_id"]),
    )


def narrow_row_of(event: Event) -> tuple[Any, ...]:
    """Return one row of ``event list`` in a narrow terminal."""
    return (
        columns.Time(event["received_at"], short=True),
        event["host"],
        resolve.shown_as(event["link_name"], event["link_id"], short=True),
        event["kind"],
        event["status"],
        event["reason"],
        columns.Told(event),
    )


class ListEvents(Lister):
    """List port events, the newest last; --follow goes on."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--host", metavar="HOST", type=parsing.host, help="Only events of this host")
        parser.add_argument("--link", metavar="ID_OR_NAME", help="Only events of this link; a deleted one by its id")
        parser.add_argument("--kind", choices=KINDS, help="Only events of this kind")
        parser.add_argument(
            "--limit",
            metavar="N",
            type=parsing.count,
            help=f"The newest N (default: {DEFAULT_LIMIT}, with --follow {FOLLOW_LIMIT}; at most 1000)",
        )
        parser.add_argument("--long", action="store_true", help="More columns")
        parser.add_argument("--follow", action="store_true", help="Go on until Ctrl-C")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Return titles and rows; the rows of ``--follow`` do not end."""
        limit = parsed_args.limit or (FOLLOW_LIMIT if parsed_args.follow else DEFAULT_LIMIT)
        if limit > MAX_PAGE:
            raise UsageError(f"--limit: must be at most {MAX_PAGE}")
        filters = follow.Filters(parsed_args.host, self._link_id(parsed_args), parsed_args.kind)
        titles, row = self._shape(parsed_args)
        if parsed_args.follow:
            return titles, map(row, follow.events(self.client.events, filters, limit))
        found = self.client.events.list(host=filters.host, link_id=filters.link_id, kind=filters.kind, limit=limit)
        return titles, [row(event) for event in found]

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        """Write the rows, those of ``--follow`` one by one."""
        if not parsed_args.follow:
            return super().produce_output(parsed_args, column_names, data)
        names, selector = self._generate_columns_and_selector(parsed_args, column_names)
        write = follow.Writer(parsed_args.formatter, self.formatter, parsed_args, names, self.app.stdout)
        for row in data:
            chosen = self._compress_iterable(row, selector) if selector else row
            write.row(flat(parsed_args, chosen))
        return 0

    def _shape(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Callable[[Event], tuple[Any, ...]]]:
        if parsed_args.long:
            return _LONG_TITLES, lambda event: row_of(event, long=True)
        if self.is_narrow(parsed_args):
            return _NARROW_TITLES, narrow_row_of
        return _TITLES, lambda event: row_of(event, long=False)

    def _link_id(self, parsed_args: argparse.Namespace) -> str | None:
        if parsed_args.link is None:
            return None
        if resolve.is_id(parsed_args.link):
            return str(parsed_args.link).lower()
        return resolve.link_of(self.client.links, parsed_args.link, parsed_args.host)["id"]
