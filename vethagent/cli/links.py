"""Commands that look at links."""

import argparse
from collections.abc import Iterable
from typing import Any

from vethagent.cli import columns, parsing, resolve
from vethagent.cli.base import Lister, ShowOne
from vethagent.client.types import Link

STATUSES = ("BUILD", "ACTIVE", "DOWN", "ERROR", "PENDING_DELETE")

_TITLES = ("ID", "Name", "Host", "Status", "Reason", "Ends", "MTU")
_LONG_TITLES = (*_TITLES, "Message", "Enabled", "Generation", "Observed Generation", "Status Changed At", "Created At")

_NARROW_TITLES = ("Link", "Host", "Status", "Reason", "Ends")

# What a row with names of usual length takes; below it cliff would break ends at any hyphen.
_WIDE = 125


def row_of(link: Link, *, long: bool, narrow: bool) -> tuple[Any, ...]:
    """Return one row of ``link list``, in a ``narrow`` terminal one of two lines."""
    short = (
        link["id"],
        columns.Text(link["name"]),
        link["host"],
        link["status"],
        link["reason"],
        columns.LinkEnds(link, folded=narrow),
        columns.Mtu(link["mtu"]),
    )
    if not long:
        return short
    return (
        *short,
        link["message"],
        columns.YesNo(link["admin_state_up"]),
        link["generation"],
        columns.Text(link["observed_generation"]),
        columns.Time(link["status_changed_at"]),
        columns.Time(link["created_at"]),
    )


def narrow_row_of(link: Link) -> tuple[Any, ...]:
    """Return one row of ``link list`` in a narrow terminal; a link without a name has the beginning of its id."""
    ends, called = columns.LinkEnds(link, folded=True), resolve.shown_as(link["name"], link["id"], short=True)
    return called, link["host"], link["status"], link["reason"], ends


def fields_of(link: Link) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return the names and values that ``link show`` shows."""
    shown: dict[str, Any] = {
        "id": link["id"],
        "name": columns.Text(link["name"]),
        "host": link["host"],
        "status": link["status"],
        "reason": link["reason"],
        "message": link["message"],
        "flapping": columns.YesNo(link.get("flapping", False)),
        "ends": columns.Ends(link["ends"]),
        "mtu": columns.Mtu(link["mtu"]),
        "labels": columns.Labels(link["labels"]),
        "template_id": columns.Text(link.get("template_id")),
        "admin_state_up": columns.YesNo(link["admin_state_up"]),
        "adopt": columns.YesNo(link["adopt"]),
        "allow_loop": columns.YesNo(link["allow_loop"]),
        "confirm": columns.YesNo(link["confirm"]),
        "observed": columns.EndStates(link["observed"]),
        "differences": columns.Differences(link["differences"]),
        "generation": link["generation"],
        "observed_generation": columns.Text(link["observed_generation"]),
        "created_at": columns.Time(link["created_at"]),
        "updated_at": columns.Time(link["updated_at"]),
        "status_changed_at": columns.Time(link["status_changed_at"]),
        "request_id": columns.Text(link["request_id"]),
    }
    return tuple(shown), tuple(shown.values())


class ListLinks(Lister):
    """List bridge links."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--host", metavar="HOST", type=parsing.host, help="Only links of this host")
        parser.add_argument("--status", type=str.upper, choices=STATUSES, help="Only links with this status")
        parser.add_argument("--name", metavar="NAME", help="Only links with this name")
        parser.add_argument("--bridge", metavar="BRIDGE", help="Only links with an end in this bridge")
        parser.add_argument("--template", metavar="ID_OR_NAME", help="Only links that this template made")
        parser.add_argument("--label", metavar="NAME[=VALUE],…", help="Only links with all of these labels")
        parser.add_argument("--sort", metavar="KEY[:desc],…", help="By id, host, name, status or a time: created_at, …")
        parser.add_argument("--long", action="store_true", help="More columns")
        parser.add_argument("--limit", metavar="N", type=parsing.count, help="At most so many (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Return titles and rows."""
        parsing.check_field("--name", parsed_args.name, "Text")
        parsing.check_field("--bridge", parsed_args.bridge, "DeviceName")
        template = parsed_args.template
        found = self.client.links.list(
            template_id=resolve.template_of(self.client.templates, template)["id"] if template is not None else None,
            host=parsed_args.host,
            status=parsed_args.status,
            name=parsed_args.name,
            bridge=parsed_args.bridge,
            label=parsed_args.label,
            sort=parsed_args.sort,
            limit=parsed_args.limit,
        )
        if not parsed_args.long and self.is_narrow(parsed_args):
            return _NARROW_TITLES, [narrow_row_of(link) for link in found]
        titles = _LONG_TITLES if parsed_args.long else _TITLES
        narrow = self.is_narrow(parsed_args, _WIDE)
        return titles, [row_of(link, long=parsed_args.long, narrow=narrow) for link in found]


class ShowLink(ShowOne):
    """Show one bridge link, as wanted and as its agent sees it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_link(parser)
        parser.add_argument("--timing", action="store_true", help="Add how long each part of its newest change took")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """Return names and values."""
        link = resolve.link_of(self.client.links, parsed_args.link, parsed_args.host)
        names, values = fields_of(link)
        if not parsed_args.timing:
            return names, values
        return (*names, "timing"), (*values, columns.Timing(self.client.links.timing(link["id"])))
