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
_NARROW_TITLES = ("Host", "Alive", "Health", "Links", "Reported")
_LONG_TITLES = (*_TITLES, "Drifted", "Flapping", "Reported Mode", "Started At", "Labels", "Description")

Fields = tuple[tuple[str, ...], tuple[Any, ...]]


def row_of(agent: Agent, *, long: bool) -> tuple[Any, ...]:
    """Return one row of ``agent list``."""
    short = (
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
    if not long:
        return short
    return (
        *short,
        agent["drifted"],
        columns.YesNo(agent.get("flapping", False)),
        agent["reported_mode"],
        columns.Time(agent["started_at"]),
        columns.Labels(agent["labels"]),
        columns.Text(agent["description"]),
    )


def narrow_row_of(agent: Agent) -> tuple[Any, ...]:
    """Return one row of ``agent list`` in a narrow terminal, where what is as usual is not told."""
    unusual = {
        "not ready": not agent["ready"],
        "not in step": not (agent["desired_in_step"] and agent["observed_in_step"]),
        f"mode {agent['mode']}": agent["mode"] != MODES[0],
    }
    health = [columns.Health(agent["health"]).human_readable()] if agent["health"] else []
    told = [*health, *(text for text, is_so in unusual.items() if is_so)]
    return (
        agent["host"],
        columns.YesNo(agent["alive"]),
        "\n".join(told) or "ok",
        columns.Counts(agent["links"]),
        columns.Ago(agent["reported_at"]),
    )


def fields_of(agent: Agent) -> Fields:
    """Return the names and values that ``agent show`` shows."""
    shown: dict[str, Any] = {
        "host": agent["host"],
        "description": columns.Text(agent["description"]),
        "labels": columns.Labels(agent["labels"]),
        "alive": columns.YesNo(agent["alive"]),
        "flapping": columns.YesNo(agent.get("flapping", False)),
        "ready": columns.YesNo(agent["ready"]),
        "health": columns.Health(agent["health"]),
        "mode": agent["mode"],
        "reported_mode": agent["reported_mode"],
        "links": columns.Counts(agent["links"]),
        "drifted": agent["drifted"],
        "desired_in_step": columns.YesNo(agent["desired_in_step"]),
        "observed_in_step": columns.YesNo(agent["observed_in_step"]),
        **({"rings": columns.Rings(agent["rings"])} if "rings" in agent else {}),
        "counters": columns.Counters(agent["counters"]),
        "started_at": columns.Time(agent["started_at"]),
        "reported_at": columns.Time(agent["reported_at"]),
        "report_interval": agent["report_interval"],
        "agent_version": agent["agent_version"],
        "contract_version": agent["contract_version"],
    }
    return tuple(shown), tuple(shown.values())


def _add_host(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("host", metavar="HOST", type=parsing.host, help="The agent's host")
    return parser


class ListAgents(Lister):
    """List agents."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--host", metavar="HOST", type=parsing.host, help="Only the agent of this host")
        alive = parser.add_mutually_exclusive_group()
        alive.add_argument("--alive", action="store_true", default=None, help="Only agents that report")
        alive.add_argument("--dead", action="store_false", dest="alive", help="Only agents that do not")
        parser.add_argument("--mode", choices=MODES, help="Only agents that are wanted in this mode")
        parser.add_argument("--label", metavar="NAME[=VALUE],…", help="Only agents with all of these labels")
        parser.add_argument(
            "--sort", metavar="KEY[:desc],…", help="By host, mode, started_at, reported_at or agent_version"
        )
        parser.add_argument("--limit", metavar="N", type=parsing.count, help="At most so many (default: all)")
        parser.add_argument("--long", action="store_true", help="More columns")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Return titles and rows."""
        found = self.client.agents.list(
            host=parsed_args.host,
            alive=parsed_args.alive,
            mode=parsed_args.mode,
            label=parsed_args.label,
            sort=parsed_args.sort,
            limit=parsed_args.limit,
        )
        long = parsed_args.long
        if not long and self.is_narrow(parsed_args):
            return _NARROW_TITLES, [narrow_row_of(agent) for agent in found]
        return _LONG_TITLES if long else _TITLES, [row_of(agent, long=long) for agent in found]


class ShowAgent(ShowOne):
    """Show the agent of one host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        return _add_host(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        return fields_of(self.client.agents.get(parsed_args.host))


class AgentHistory(Lister):
    """List what happened to an agent: when, why, and by whom."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        return _add_host(super().get_parser(prog_name))

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Return titles and rows."""
        narrow = self.is_narrow(parsed_args)
        titles = ("Changed At", "What", "By", "Request ID", "Message")
        rows = [
            (
                columns.Time(each["changed_at"], short=narrow),
                each["kind"],
                each["changed_by"],
                columns.Text(each["request_id"]),
                each["message"],
            )
            for each in self.client.agents.history(parsed_args.host)
        ]
        return self.without("Request ID", titles, rows) if narrow else (titles, rows)


class SetAgent(ShowOne):
    """Set mode, description or labels of an agent."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = _add_host(super().get_parser(prog_name))
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
        parsing.check_field("--description", body.get("description"), "Text")
        parsing.check_field("--label", body.get("labels"), "LabelChanges")
        return fields_of(self.client.agents.update(parsed_args.host, body))


class DeleteAgent(Command):
    """Forget agents that are dead.

    Their links stay, but those of templates are forgotten too. What is on their hosts stays there.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("hosts", metavar="HOST", type=parsing.host, nargs="+", help="An agent's host")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete all that can be; CommandError if one could not."""
        failures = []
        for host in dict.fromkeys(parsed_args.hosts):
            try:
                self.client.agents.delete(host)
            except ClientError as error:
                failures.append(f"The agent of {host} was not deleted: {error}")
        if failures:
            raise exceptions.CommandError("\n".join(failures))
