"""Commands that tell why a link is as it is, and how it came to be so."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from osc_lib import exceptions

from vethagent.cli import columns, parsing, resolve
from vethagent.cli.base import Lister

Rows = tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]


class _OfLink(Lister):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_link(parser)
        return parser

    def _id_of(self, parsed_args: argparse.Namespace) -> str:
        return resolve.link_of(self.client.links, parsed_args.link, parsed_args.host)["id"]


class DiagnoseLink(_OfLink):
    """Tell why a link is not ACTIVE.

    First comes a sentence, then each condition, those that are not met first.
    """

    _sentence = ""

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        """Return titles and rows."""
        found = self.client.links.diagnose(self._id_of(parsed_args))
        self._sentence = f"{found['status']}. {found['sentence']}"
        rows = [
            (
                columns.YesNo(each["met"]),
                each["name"],
                each["wanted"],
                each["observed"],
                columns.Time(each["since"], short=self.is_narrow(parsed_args)),
            )
            for each in sorted(found["conditions"], key=lambda each: each["met"])
        ]
        return ("Met", "Condition", "Wanted", "Observed", "Since"), rows

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        """Write the sentence above a table; other formats are for programs and have the rows alone."""
        if parsed_args.formatter == "table":
            self.app.stdout.write(self._sentence + "\n")
        return super().produce_output(parsed_args, column_names, data)


class LinkHistory(_OfLink):
    """List each change of a link: who made it, when and why.

    A deleted link is named by its id. What was repaired before anybody saw it is no change: 'event list --link' has
    that.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        """Return titles and rows."""
        given = parsed_args.link
        try:
            link_id = given.lower() if resolve.is_id(given) else self._id_of(parsed_args)
        except resolve.NoLink as error:
            raise exceptions.CommandError(
                f"{error}; one that was deleted is named by its id, see 'event list --long'"
            ) from None
        narrow = self.is_narrow(parsed_args)
        titles = ("Changed At", "Generation", "Status", "Reason", "By", "Request ID", "Message")
        rows = [
            (
                columns.Time(each["changed_at"], short=narrow),
                each["generation"],
                each["status"],
                each["reason"],
                each["changed_by"],
                columns.Text(each["request_id"]),
                each["message"],
            )
            for each in self.client.links.history(link_id)
        ]
        return self.without("Request ID", titles, rows) if narrow else (titles, rows)
