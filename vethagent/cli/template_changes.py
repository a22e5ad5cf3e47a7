"""Commands that make and change link templates."""

import argparse
from typing import Any, cast

from osc_lib import exceptions

from vethagent.cli import parsing, progress, resolve
from vethagent.cli.base import ShowOne, UsageError
from vethagent.cli.link_changes import add_flags
from vethagent.cli.templates import fields_of
from vethagent.client.types import (
    End,
    LinkTemplate,
    LinkTemplateCreate,
    LinkTemplateUpdate,
    RolloutPolicy,
    Selector,
    TemplateLink,
    TemplatePlan,
)

Fields = tuple[tuple[str, ...], tuple[Any, ...]]

_EPILOG = (
    "A host is selected if its name fits to one of --host and its agent's labels (agent set --label) fit to every "
    "--select: NAME, !NAME, NAME=VALUE, NAME!=VALUE, 'NAME in (VALUE,VALUE)', 'NAME notin (VALUE,VALUE)'. "
    "Example: template create uplink br1:phy-br1 br-eth1 --select rack=r7 --select '!maintenance' --canary 1 "
    "--batch-size 20 --pause 60 --wait"
)
_POLICY = (
    ("--canary", "canary", parsing.whole, "N", "Hosts in the first batch, 0 for none (default: 1)"),
    ("--batch-size", "batch_size", parsing.count, "N", "Hosts in each other batch (default: 10)"),
    (
        "--pause",
        "pause",
        parsing.seconds_or_none,
        "SECONDS",
        "From the end of a batch to the next, to see whether a link cuts hosts off (default: 30)",
    ),
    (
        "--max-failure-share",
        "max_failure_share",
        parsing.share,
        "SHARE",
        "Stop if more of the hosts begun have failed, such as 0.05 or 5%% (default: 0)",
    ),
    ("--time-limit", "time_limit", parsing.seconds, "SECONDS", "That a host has to be as wanted (default: 120)"),
)
_FLAGS = ("adopt", "allow_loop", "admin_state_up", "confirm")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    absent = argparse.SUPPRESS
    parser.add_argument("--description", metavar="TEXT", default=absent, help="A note for people")
    parser.add_argument(
        "--host", metavar="PATTERN", dest="hosts", action="append", default=absent, help="Host name, with * and ?"
    )
    parser.add_argument(
        "--select",
        metavar="EXPRESSION",
        dest="expressions",
        action="append",
        default=absent,
        help="What the labels of an agent have to fit to; may be repeated, and all have to",
    )
    for option, field, kind, metavar, text in _POLICY:
        parser.add_argument(option, dest=field, metavar=metavar, type=kind, default=absent, help=text)
    parser.add_argument("--link-name", metavar="NAME", default=absent, help="Name of each link; '' for none")
    parser.add_argument(
        "--mtu", metavar="N", type=parsing.mtu, default=absent, help="Bytes; the smaller of the two bridges' with auto"
    )
    add_flags(parser)
    parser.add_argument(
        "--label", metavar="NAME=VALUE", type=parsing.label, action="append", default=[], help="Of each link"
    )
    parser.add_argument("--dry-run", action="store_true", help="Only show what it would mean for which hosts")
    progress.add_arguments(parser)


class _ChangeTemplate(ShowOne):
    """Base of both; shows the template as it is in the end, also if the wait fails."""

    epilog = _EPILOG

    def _shown(self, template: LinkTemplate, parsed_args: argparse.Namespace) -> Fields:
        if parsed_args.wait:
            try:
                progress.wait(self.client.rollouts, template["rollout"], parsed_args.timeout)
            except exceptions.CommandError as failure:
                self.failure = failure
            template = self.client.templates.get(template["id"])
        return fields_of(template)


class CreateTemplate(_ChangeTemplate):
    """Give a link to all hosts that are selected, now or later."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="The template's name")
        parser.add_argument("ends", metavar="END", type=parsing.end, nargs=2, help=parsing.END_METAVAR)
        parser.add_argument("--id", metavar="ID", help="A UUID of your own: the same command again makes no second one")
        _add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        given = vars(parsed_args)
        link: TemplateLink = {"ends": parsed_args.ends, "labels": dict(parsed_args.label)}
        selector = _selector(given, {})
        if not selector:
            raise UsageError("which hosts? give --host or --select; --host '*' selects all")
        body: LinkTemplateCreate = {
            "name": parsed_args.name,
            "description": given.get("description") or None,
            "link": _link(given, link),
            "selector": selector,
            "policy": _policy(given, {}),
        }
        if parsed_args.id is not None:
            body["id"] = parsed_args.id.lower()
        parsing.check(body, "LinkTemplateCreate")
        if parsed_args.dry_run:
            return _planned(self.client.templates.plan_create(body))
        return self._shown(self.client.templates.create(body), parsed_args)


class SetTemplate(_ChangeTemplate):
    """Change a link template; what is not named stays as it is.

    Another link or selection is rolled out.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parsing.add_template(parser)
        parser.add_argument("--name", metavar="NAME", default=argparse.SUPPRESS, help="The new name")
        parser.add_argument(
            "--end",
            metavar="END",
            type=parsing.end,
            dest="ends",
            action="append",
            default=[],
            help="Give both, or none",
        )
        _add_arguments(parser)
        parser.add_argument("--no-label", metavar="NAME", action="append", default=[], help="Take a label away")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        given = vars(parsed_args)
        if len(parsed_args.ends) not in (0, 2):
            raise UsageError("--end: give both ENDs, or none")
        template = resolve.template_of(self.client.templates, parsed_args.template)
        body = _update(given, template, parsed_args.ends)
        if not body:
            raise UsageError("nothing to change: give at least one option, such as --mtu")
        parsing.check(body, "LinkTemplateUpdate")
        if parsed_args.dry_run:
            return _planned(self.client.templates.plan_update(template["id"], body))
        changed = self.client.templates.update(template["id"], body, generation=template["generation"])
        return self._shown(changed, parsed_args)


def _update(given: dict[str, Any], template: LinkTemplate, ends: list[End]) -> LinkTemplateUpdate:
    """Return what differs from ``template``; link, selector and policy travel whole."""
    labels = dict(template["link"].get("labels", {})) | dict(given["label"])
    labels = {name: value for name, value in labels.items() if name not in given["no_label"]}
    held = cast(TemplateLink, {**template["link"], "labels": labels} | ({"ends": ends} if ends else {}))
    wanted = {
        "link": _link(given, held),
        "selector": _selector(given, template["selector"]),
        "policy": _policy(given, template["policy"]),
    }
    body: dict[str, Any] = {name: value for name, value in wanted.items() if value != template[name]}  # type: ignore[literal-required]
    if "name" in given:
        body["name"] = given["name"]
    if "description" in given:
        body["description"] = given["description"] or None
    return cast(LinkTemplateUpdate, body)


def _link(given: dict[str, Any], held: TemplateLink) -> TemplateLink:
    changes = {field: given[field] for field in (*_FLAGS, "mtu") if field in given}
    if "link_name" in given:
        changes["name"] = given["link_name"] or None
    return cast(TemplateLink, {**held, **changes})


def _selector(given: dict[str, Any], held: Selector) -> Selector:
    changes = {field: given[name] for name, field in (("hosts", "hosts"), ("expressions", "labels")) if name in given}
    return cast(Selector, {**held, **changes})


def _policy(given: dict[str, Any], held: RolloutPolicy) -> RolloutPolicy:
    return cast(RolloutPolicy, {**held, **{field: given[field] for _, field, *_ in _POLICY if field in given}})


def _planned(plan: TemplatePlan) -> Fields:
    batches: dict[str, list[str]] = {}
    for host in plan["hosts"]:
        name = f"batch_{host['batch'] + 1}" + ("" if host["here"] else "_not_here")
        batches.setdefault(name, []).append(f"{host['action']:6} {host['host']}")
    shown: dict[str, Any] = {name: "\n".join(lines) for name, lines in batches.items()}
    counts = {
        action: sum(host["action"] == action for host in plan["hosts"]) for action in ("create", "change", "remove")
    }
    told = [f"{count} to {action}" for action, count in counts.items() if count]
    shown["hosts"] = ", ".join([*told, f"{plan['unchanged']} unchanged"])
    return tuple(shown), tuple(shown.values())
