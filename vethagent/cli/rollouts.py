"""Commands about roll-outs; each means the newest one of the template that is named."""

import argparse
from collections.abc import Iterable
from typing import Any

from osc_lib import exceptions

from vethagent.cli import columns, parsing, progress, resolve
from vethagent.cli.base import Lister, ShowOne
from vethagent.client.types import Rollout

STATES = ("RUNNING", "PAUSED", "STOPPED", "COMPLETED", "SUPERSEDED")

Fields = tuple[tuple[str, ...], tuple[Any, ...]]
Table = tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]


def fields_of(rollout: Rollout) -> Fields:
    """Return the names and values that ``rollout status`` shows."""
    counts = rollout["counts"]
    shown: dict[str, Any] = {
        "template": rollout["template_name"],
        "revision": rollout["revision"],
        "state": rollout["state"],
        "message": rollout["message"],
        "progress": progress.bar(rollout).partition("]")[0] + "]",
        "hosts": counts["total"],
        "done": counts["done"],
        "failed": counts["failed"],
        "away": counts["away"],
        "started": counts["started"],
        "waiting": counts["waiting"],
        "batches": rollout["batches"],
        **dict(rollout["policy"]),
        "created_at": columns.Time(rollout["created_at"]),
        "state_changed_at": columns.Time(rollout["state_changed_at"]),
        "request_id": columns.Text(rollout["request_id"]),
        "id": rollout["id"],
    }
    return tuple(shown), tuple(shown.values())


class _Rollout(ShowOne):
    """Base of the commands about one roll-out."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_template(parser)
        return parser

    def _newest(self, parsed_args: argparse.Namespace) -> Rollout:
        return resolve.template_of(self.client.templates, parsed_args.template)["rollout"]

    def _shown(self, rollout: Rollout, parsed_args: argparse.Namespace) -> Fields:
        if parsed_args.wait:
            try:
                progress.wait(self.client.rollouts, rollout, parsed_args.timeout)
            except exceptions.CommandError as failure:
                self.failure = failure
            rollout = self.client.rollouts.get(rollout["id"])
        return fields_of(rollout)


class Status(_Rollout):
    """Show how far a roll-out is."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        progress.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        return self._shown(self._newest(parsed_args), parsed_args)


class Pause(_Rollout):
    """Begin no more batches; hosts that were begun go on."""

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        return fields_of(self.client.rollouts.pause(self._newest(parsed_args)["id"]))


class Resume(_Rollout):
    """Go on with a roll-out, and first try again what has failed."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        progress.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        return self._shown(self.client.rollouts.resume(self._newest(parsed_args)["id"]), parsed_args)


class Undo(_Rollout):
    """Go back to what a template wanted before, by turns."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--to-revision", metavar="N", type=parsing.count, help="An earlier one: see template revisions"
        )
        progress.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        newest = self._newest(parsed_args)
        return self._shown(self.client.rollouts.undo(newest["id"], revision=parsed_args.to_revision), parsed_args)


class ListRollouts(Lister):
    """List roll-outs, the newest first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--template", metavar="ID_OR_NAME", help="Only those of this template")
        parser.add_argument("--state", type=str.upper, choices=STATES, help="Only those in this state")
        parser.add_argument("--limit", metavar="N", type=parsing.count, help="At most so many (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Return titles and rows."""
        name, narrow = parsed_args.template, self.is_narrow(parsed_args)
        found = self.client.rollouts.list(
            template_id=resolve.template_of(self.client.templates, name)["id"] if name is not None else None,
            state=parsed_args.state,
            sort="created_at:desc",
            limit=parsed_args.limit,
        )
        return ("Template", "Revision", "State", "Hosts", "Done", "Failed", "Created At"), [
            (
                rollout["template_name"],
                rollout["revision"],
                rollout["state"],
                rollout["counts"]["total"],
                rollout["counts"]["done"],
                rollout["counts"]["failed"],
                columns.Time(rollout["created_at"], short=narrow),
            )
            for rollout in found
        ]


class History(Lister):
    """Tell what happened to the newest roll-out of a template."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_template(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Return titles and rows."""
        template = resolve.template_of(self.client.templates, parsed_args.template)
        return ("At", "State", "Message", "By"), [
            (columns.Time(change["changed_at"]), change["state"], change["message"], change["changed_by"])
            for change in self.client.rollouts.history(template["rollout"]["id"])
        ]
