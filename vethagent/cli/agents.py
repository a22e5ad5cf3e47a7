"""Commands about agents."""

import argparse
from collections.abc import Iterable
from typing import Any

from osc_lib import exceptions

from vethagent.cli import columns, parsing
from vethagent.cli.base import Command, Lister, ShowOne, UsageError
from vethagent.client.exceptions import ClientError
from vethagent.client.types import Agent, AgentUpdate

MODES = ("enforce", "observe", "paused")

_TITLES = ("Host", "Alive", "Ready", "Health", "Mode", "Links", "In Step", "Reported At", "Version")

Fields = tuple[tuple[str, ...], tuple[Any, ...]]


def row_of(agent: Agent) -> tuple[Any, ...]:
    """Return one row of ``agent list``."""
    return (
        agent["host"],
        columns.YesNo(agent["alive"]),
        columns.YesNo(agent["ready"]),
        columns.Health(agent["health"]),
        agent["mode"],
        columns.Counts(agent["links"]),
        columns.YesNo(agent["desired_in_step"] and agent["observed_in_step"]),
        columns.Time(agent["reported_at"]),
        agent["agent_version"],
    )


def fields_of(agent: Agent) -> Fields:
    """Return the names and values that ``agent show`` shows."""
    shown: dict[str, Any] = {
        "host": agent["host"],
        "description": columns.Text(agent["description"]),
        "labels": columns.Labels(agent["labels"]),
        "alive": columns.YesNo(agent["alive"]),
        "ready": columns.YesNo(agent["ready"]),
        "health": columns.Health(agent["health"]),
        "mode": agent["mode"],
        "reported_mode": agent["reported_mode"],
        "links": columns.Counts(agent["links"]),
        "drifted": agent["drifted"],
        "desired_in_step": columns.YesNo(agent["desired_in_step"]),
        "observed_in_step": columns.YesNo(agent["observed_in_step"]),
        "counters": columns.Counts(agent["counters"]),
        "started_at": columns.Time(agent["started_at"]),
        "reported_at": columns.Time(agent["reported_at"]),
        "report_interval": agent["report_interval"],
        "agent_version": agent["agent_version"],
        "contract_version": agent["contract_version"],
    }
    return tuple(shown), tuple(shown.values())


class ListAgents(Lister):
    """List agents."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--host", metavar="HOST", help="Only the agent of this host")
        alive = parser.add_mutually_exclusive_group()
        alive.add_argument("--alive", action="store_true", default=None, help="Only agents that report")
        alive.add_argument("--dead", action="store_false", dest="alive", help="Only agents that do not")
        parser.add_argument("--mode", choices=MODES, help="Only agents that are wanted in this mode")
        parser.add_argument("--label", metavar="NAME[=VALUE],…", help="Only agents with all of these labels")
        parser.add_argument(
            "--sort", metavar="KEY[:desc],…", help="By host, mode, started_at, reported_at or agent_version"
        )
        parser.add_argument("--limit", metavar="N", type=parsing.count, help="At most so many (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Return titles and rows."""
        parsing.check_field("--host", parsed_args.host, "Host")
        found = self.client.agents.list(
            host=parsed_args.host,
            alive=parsed_args.alive,
            mode=parsed_args.mode,
            label=parsed_args.label,
            sort=parsed_args.sort,
            limit=parsed_args.limit,
        )
        return _TITLES, [row_of(agent) for agent in found]


class ShowAgent(ShowOne):
    """Show the agent of one host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="HOST", help="The agent's host")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        parsing.check_field("HOST", parsed_args.host, "Host")
        return fields_of(self.client.agents.get(parsed_args.host))


class SetAgent(ShowOne):
    """Set mode, description or labels of an agent."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="HOST", help="The agent's host")
        parser.add_argument(
            "--mode",
            choices=MODES,
            help="enforce: repair drift; observe: report drift, change nothing; paused: do nothing, casts wait",
        )
        parser.add_argument("--description", metavar="TEXT", help="A note for people; '' takes it away")
        parser.add_argument(
            "--label", metavar="NAME=VALUE", type=parsing.label, action="append", default=[], help="May be repeated"
        )
        parser.add_argument(
            "--no-label", metavar="NAME", action="append", default=[], help="Take a label away; may be repeated"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        body: AgentUpdate = {}
        if parsed_args.mode is not None:
            body["mode"] = parsed_args.mode
        if parsed_args.description is not None:
            body["description"] = parsed_args.description or None
        if parsed_args.label or parsed_args.no_label:
            body["labels"] = dict(parsed_args.label) | dict.fromkeys(parsed_args.no_label)
        if not body:
            raise UsageError("nothing to change: give --mode, --description or --label")
        parsing.check_field("HOST", parsed_args.host, "Host")
        parsing.check_field("--description", body.get("description"), "Text")
        return fields_of(self.client.agents.update(parsed_args.host, body))


class DeleteAgent(Command):
    """Forget agents that are dead; their links stay, and so does what is on their hosts."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("hosts", metavar="HOST", nargs="+", help="An agent's host")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete all that can be; CommandError if one could not."""
        for host in parsed_args.hosts:
            parsing.check_field("HOST", host, "Host")
        failures = []
        for host in dict.fromkeys(parsed_args.hosts):
            try:
                self.client.agents.delete(host)
            except ClientError as error:
                failures.append(f"The agent of {host} was not deleted: {error}")
        if failures:
            raise exceptions.CommandError("\n".join(failures))
