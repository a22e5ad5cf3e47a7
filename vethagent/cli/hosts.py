"""Commands about hosts: what is there, what differs, and what would be done."""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cliff.utils import terminal_width

from vethagent.cli import columns, parsing, picture, resolve
from vethagent.cli.base import Lister, ShowOne
from vethagent.client.types import HostDescription, HostPlan

Fields = tuple[tuple[str, ...], tuple[Any, ...]]
Rows = tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]

PLAN_TITLES = ("Link", "Status", "Step", "What the agent would do")


def _plan_rows(plan: HostPlan, names: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """Return one row a step; a link for which nothing is to be done has one row too. ``names`` are by link id."""
    rows = []
    for link in plan["links"]:
        state = link["state"]
        steps = link["steps"] or [f"nothing: {state['message']}" if state["message"] else "nothing"]
        called = names.get(link["link_id"], link["link_id"])
        rows += [(called, state["status"], number, step) for number, step in enumerate(steps, 1)]
    return rows


def _add_host(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("host", metavar="HOST", type=parsing.host, help="The host")
    return parser


class ShowHost(ShowOne):
    """Draw the bridges of a host and what joins them.

    These are links and veth pairs of others, as the agent of the host sees them. A ring through physical networks is
    told first. Other formats than a table, and columns, are for programs.
    """

    _host: HostDescription

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        return _add_host(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        self._host = self.client.hosts.describe(parsed_args.host)
        return tuple(self._host), tuple(map(columns.Nested, self._host.values()))

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]) -> int:
        """Write the picture, or what a program asks for."""
        if parsed_args.formatter != "table" or parsed_args.columns:
            return super().produce_output(parsed_args, column_names, data)
        out = self.app.stdout
        colour, width = out.isatty() and not os.environ.get("NO_COLOR"), terminal_width() if out.isatty() else None
        links = list(self.client.links.list(host=parsed_args.host))
        for line in picture.draw(self._host, links, colour=colour, width=parsed_args.max_width or width):
            out.write(line + "\n")
        return 0


class PlanHost(Lister):
    """List the steps that an agent would take now; none is taken."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        return _add_host(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        """Return titles and rows."""
        plan = self.client.hosts.plan(parsed_args.host)
        short = self.is_narrow(parsed_args)
        names = {
            link["id"]: resolve.shown_as(link["name"], link["id"], short=short)
            for link in self.client.links.list(host=parsed_args.host)
        }
        return PLAN_TITLES, _plan_rows(plan, names)


class DriftHost(Lister):
    """List what is not as wanted now, on one host or on all."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="HOST", type=parsing.host, nargs="?", help="The host (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Rows:
        """Return titles and rows; NotFound if no agent ever reported from the host."""
        narrow = self.is_narrow(parsed_args)
        rows = [
            (
                link["host"],
                resolve.shown_as(link["name"], link["id"], short=narrow),
                each["code"],
                each["device"],
                each["wanted"],
                each["observed"],
                columns.Time(each.get("since") or link["status_changed_at"], short=narrow),
            )
            for link in self.client.links.list(host=parsed_args.host)
            for each in link["differences"]
        ]
        if not rows and parsed_args.host is not None:
            self.client.agents.get(parsed_args.host)  # of a host that nobody knows that would be no answer
        return ("Host", "Link", "What", "Device", "Wanted", "Is", "Since"), rows

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        """Write the rows, or for people that there is none."""
        rows = list(data)
        if parsed_args.formatter == "table" and not rows:
            self.app.stdout.write("Nothing differs, as far as agents have told.\n")
            return 0
        return super().produce_output(parsed_args, column_names, rows)
