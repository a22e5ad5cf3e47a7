"""Commands that look at link templates, and the one that deletes them."""

import argparse
from collections.abc import Iterable
from typing import Any

from cliff.columns import FormattableColumn
from osc_lib import exceptions

from vethagent.cli import columns, parsing, progress, resolve
from vethagent.cli.base import Command, Lister, ShowOne
from vethagent.client.exceptions import ClientError
from vethagent.client.types import LinkTemplate, Selector, TemplateLink

STATES = ("WAITING", "STARTED", "DONE", "FAILED", "AWAY")

Fields = tuple[tuple[str, ...], tuple[Any, ...]]
Table = tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]


class SelectorText(FormattableColumn[Selector]):
    """Which hosts."""

    def human_readable(self) -> str:
        """Return host names on one line, then an expression a line."""
        hosts = ", ".join(self._value.get("hosts", ()))
        return "\n".join([*([f"host {hosts}"] if hosts else []), *self._value.get("labels", ())])


#: What a link of a template is if that is not said, but for its ends.
_PLAIN: dict[str, Any] = {
    "name": None,
    "mtu": None,
    "labels": {},
    "admin_state_up": True,
    "adopt": False,
    "allow_loop": False,
    "confirm": True,
}


class Options(FormattableColumn[TemplateLink]):
    """What a link is to be beside its ends."""

    def human_readable(self) -> str:
        """Return lines like ``mtu=1400``, without what is as usual."""
        told = {name: self._value.get(name, usual) for name, usual in _PLAIN.items()}
        told["labels"] = " ".join(f"{name}={value}" for name, value in sorted(self._value.get("labels", {}).items()))
        flags = {True: "yes", False: "no"}
        return "\n".join(
            f"{name}={flags[value] if isinstance(value, bool) else value}"
            for name, value in told.items()
            if value != _PLAIN[name] and value != ""
        )


def fields_of(template: LinkTemplate) -> Fields:
    """Return the names and values that ``template show`` shows."""
    link, policy, rollout = template["link"], template["policy"], template["rollout"]
    shown: dict[str, Any] = {
        "id": template["id"],
        "name": template["name"],
        "description": columns.Text(template["description"]),
        "selector": SelectorText(template["selector"]),
        "hosts": columns.Counts({name: count for name, count in template["hosts"].items() if name != "total"}),  # type: ignore[misc]
        "ends": columns.Ends(link["ends"]),
        "link_name": columns.Text(link.get("name")),
        "mtu": columns.Mtu(link.get("mtu")),
        "labels": columns.Labels(link.get("labels", {})),
        "admin_state_up": columns.YesNo(link.get("admin_state_up", True)),
        "adopt": columns.YesNo(link.get("adopt", False)),
        "allow_loop": columns.YesNo(link.get("allow_loop", False)),
        "confirm": columns.YesNo(link.get("confirm", True)),
        **dict(policy),
        "revision": template["revision"],
        "generation": template["generation"],
        "rollout": rollout["state"],
        "rollout_message": rollout["message"],
        "created_at": columns.Time(template["created_at"]),
        "updated_at": columns.Time(template["updated_at"]),
    }
    return tuple(shown), tuple(shown.values())


class ListTemplates(Lister):
    """List link templates."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("--sort", metavar="KEY[:desc],…", help="By id, name, created_at or updated_at")
        parser.add_argument("--limit", metavar="N", type=parsing.count, help="At most so many (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Return titles and rows."""
        found = self.client.templates.list(sort=parsed_args.sort, limit=parsed_args.limit)
        titles = ("Name", "Selector", "Revision", "Hosts", "Done", "Failed", "Roll-out")
        return titles, [
            (
                template["name"],
                SelectorText(template["selector"]),
                template["revision"],
                template["hosts"]["total"],
                template["hosts"]["done"],
                template["hosts"]["failed"],
                template["rollout"]["state"],
            )
            for template in found
        ]


class ShowTemplate(ShowOne):
    """Show one link template and its newest roll-out."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_template(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        return fields_of(resolve.template_of(self.client.templates, parsed_args.template))


class ListHosts(Lister):
    """List the hosts of a template, and what has become of each."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_template(parser)
        parser.add_argument("--state", type=str.upper, choices=STATES, help="Only hosts in this state")
        parser.add_argument("--limit", metavar="N", type=parsing.count, help="At most so many (default: all)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Return titles and rows."""
        template = resolve.template_of(self.client.templates, parsed_args.template)
        found = self.client.templates.hosts(template["id"], state=parsed_args.state, limit=parsed_args.limit)
        return ("Host", "State", "Leaving", "Revision", "Batch", "Message"), [
            (
                member["host"],
                member["state"],
                columns.YesNo(member["leaving"]),
                columns.Text(member["revision"]),
                columns.Text(None if member["batch"] is None else member["batch"] + 1),
                member["message"],
            )
            for member in found
        ]


class ListRevisions(Lister):
    """List what a link template wanted so far; see rollout undo."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_template(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Table:
        """Return titles and rows."""
        template = resolve.template_of(self.client.templates, parsed_args.template)
        narrow = self.is_narrow(parsed_args)
        return ("Revision", "Ends", "Options", "Selector", "By", "At"), [
            (
                revision["number"],
                columns.Ends(revision["link"]["ends"]),
                Options(revision["link"]),
                SelectorText(revision["selector"]),
                revision["created_by"],
                columns.Time(revision["created_at"], short=narrow),
            )
            for revision in self.client.templates.revisions(template["id"])
        ]


class DeleteTemplate(Command):
    """Delete link templates, and the links that they made."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("templates", metavar="ID_OR_NAME", nargs="+", help="A template")
        parser.add_argument("--keep-links", action="store_true", help="Leave the links as they are, as plain ones")
        progress.add_arguments(parser, "the links are gone")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete all that can be; CommandError if one could not. None is deleted if one of them is not found."""
        found = [resolve.template_of(self.client.templates, name) for name in parsed_args.templates]
        failures = []
        for template in {each["id"]: each for each in found}.values():
            links = list(self.client.links.list(template_id=template["id"])) if parsed_args.wait else []
            try:
                self.client.templates.delete(template["id"], keep_links=parsed_args.keep_links)
                if not parsed_args.keep_links:
                    progress.until_gone(self.client.links, links, parsed_args.timeout)
            except (ClientError, exceptions.CommandError) as error:
                failures.append(f"Template {template['name']}: {error}")
        if failures:
            raise exceptions.CommandError("\n".join(failures))
