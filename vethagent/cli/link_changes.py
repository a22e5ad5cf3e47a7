"""Commands that make and change links."""

import argparse
from typing import Any

from osc_lib import exceptions

from vethagent.cli import parsing, resolve, waiting
from vethagent.cli.base import ShowOne, UsageError
from vethagent.cli.links import fields_of
from vethagent.client.types import End, HostPlan, Link, LinkCreate, LinkUpdate

Fields = tuple[tuple[str, ...], tuple[Any, ...]]


_END_HELP = (
    "Each END is BRIDGE[:DEVICE] and, after commas, kind=linux or kind=ovs (default: looked up on the host), tag=N "
    "(access VLAN of an OVS port) and mac=MAC. What is not given is derived from the link's id. "
    "Example: link create --host compute-195 --name seed --wait br1:phy-br1 br-eth1:eth1-br1,tag=100"
)


_FLAGS = (
    (
        "--enable",
        "--disable",
        "admin_state_up",
        ("Have both ends up", "Keep the pair in its bridges with both ends down"),
    ),
    ("--adopt", "--no-adopt", "adopt", ("Take over a pair that is there exactly as wanted", "Do not")),
    ("--allow-loop", "--no-allow-loop", "allow_loop", ("Plug even if it closes a loop of bridges", "Do not")),
    (
        "--confirm",
        "--no-confirm",
        "confirm",
        ("Have it taken back if with it the host loses the way to the bus", "Do not"),
    ),
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a link; one that is not given is not in the namespace."""
    for enable, disable, field, texts in _FLAGS:
        flags = parser.add_mutually_exclusive_group()
        for option, value, text in zip((enable, disable), (True, False), texts, strict=True):
            flags.add_argument(
                option, dest=field, action="store_const", const=value, default=argparse.SUPPRESS, help=text
            )


class _ChangeLink(ShowOne):
    """Base of both; shows the link as it is in the end, also if the wait fails."""

    def _shown(self, link: Link, parsed_args: argparse.Namespace) -> Fields:
        if parsed_args.wait:
            try:
                link = waiting.until_settled(self.client.links, link, parsed_args.timeout)
            except waiting.WaitFailed as failure:
                self.failure, link = failure, failure.link
        return fields_of(link)


class CreateLink(_ChangeLink):
    """Join two bridges of a host by a veth pair."""

    epilog = _END_HELP

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("ends", metavar="END", type=parsing.end, nargs=2, help=parsing.END_METAVAR)
        parser.add_argument(
            "--host", metavar="HOST", type=parsing.host, required=True, help="The host with the two bridges"
        )
        parser.add_argument("--name", metavar="NAME", help="A name, one of its kind on the host")
        parser.add_argument(
            "--mtu", metavar="N", type=parsing.mtu, help="Bytes; the smaller of the two bridges' with 'auto' (default)"
        )
        parser.add_argument("--adopt", action="store_true", help="Take over the pair if it is there exactly as wanted")
        parser.add_argument("--allow-loop", action="store_true", help="Plug even if it closes a loop of bridges")
        parser.add_argument(
            "--no-confirm",
            dest="confirm",
            action="store_false",
            help="Keep it even if with it the host loses the way to the bus",
        )
        parser.add_argument("--disable", action="store_true", help="Plug with both ends down: see link set --enable")
        parser.add_argument(
            "--id", metavar="ID", help="A UUID of your own: the same command again makes no second link"
        )
        parser.add_argument(
            "--label", metavar="NAME=VALUE", type=parsing.label, action="append", default=[], help="May be repeated"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Only show the steps that the agent would take; fail if it would be ERROR",
        )
        waiting.add_arguments(parser, "ACTIVE (with --disable: DOWN)")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        body: LinkCreate = {
            "host": parsed_args.host,
            "ends": parsed_args.ends,
            "name": parsed_args.name,
            "mtu": parsed_args.mtu,
            "adopt": parsed_args.adopt,
            "allow_loop": parsed_args.allow_loop,
            "confirm": parsed_args.confirm,
            "admin_state_up": not parsed_args.disable,
            "labels": dict(parsed_args.label),
        }
        if parsed_args.id is not None:
            body["id"] = parsed_args.id.lower()
        parsing.check(body, "BridgeLinkCreate")
        if parsed_args.dry_run:
            return self._planned(self.client.links.plan(body))
        return self._shown(self.client.links.create(body), parsed_args)

    def _planned(self, plan: HostPlan) -> Fields:
        """Return what is shown of a plan; it fails afterwards, as --wait would, if the link would be ERROR."""
        [link] = plan["links"]
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(link["steps"], 1)) or "none"
        state = link["state"]
        if state["status"] == "ERROR":
            self.failure = exceptions.CommandError(f"The link would be {waiting.state_text(state)}")
        shown = {
            "host": plan["host"],
            "steps": steps,
            "status_now": state["status"],
            "reason": state["reason"],
            "message": state["message"],
        }
        return tuple(shown), tuple(shown.values())


class SetLink(_ChangeLink):
    """Change a bridge link; what is not named stays as it is."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        absent = argparse.SUPPRESS  # not in the body; None is a value of some
        parsing.add_link(parser)
        name = parser.add_mutually_exclusive_group()
        name.add_argument("--name", metavar="NAME", default=absent, help="The new name")
        name.add_argument(
            "--no-name", dest="name", action="store_const", const=None, default=absent, help="Have no name"
        )
        parser.add_argument("--mtu", metavar="N", type=parsing.mtu, default=absent, help="Bytes, or 'auto'")
        add_flags(parser)
        parser.add_argument(
            "--tag",
            metavar="BRIDGE=N",
            type=parsing.bridge_tag,
            action="append",
            dest="tags",
            default=[],
            help="Access VLAN of the end in that OVS bridge, or BRIDGE=none; may be repeated",
        )
        parser.add_argument(
            "--label", metavar="NAME=VALUE", type=parsing.label, action="append", default=[], help="May be repeated"
        )
        parser.add_argument(
            "--no-label", metavar="NAME", action="append", default=[], help="Take a label away; may be repeated"
        )
        waiting.add_arguments(parser, "so")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Fields:
        """Return names and values."""
        given = vars(parsed_args)
        body: LinkUpdate = {}
        for field in ("name", "mtu", "adopt", "allow_loop", "admin_state_up", "confirm"):
            if field in given:
                body[field] = given[field]
        if parsed_args.label or parsed_args.no_label:
            body["labels"] = dict(parsed_args.label) | dict.fromkeys(parsed_args.no_label)
        tags = dict(parsed_args.tags)
        if not body and not tags:
            raise UsageError("nothing to change: give at least one option, such as --mtu")
        parsing.check(body, "BridgeLinkUpdate")
        for bridge, tag in tags.items():
            parsing.check({"bridge": bridge, "kind": "ovs", "tag": tag}, "LinkEnd")
        link = resolve.link_of(self.client.links, parsed_args.link, parsed_args.host)
        generation = None
        if tags:
            body["ends"] = _tagged(link["ends"], tags)
            parsing.check(body, "BridgeLinkUpdate")
            generation = link["generation"]  # both ends are sent, and would undo what somebody changes meanwhile
        return self._shown(self.client.links.update(link["id"], body, generation=generation), parsed_args)


def _tagged(ends: list[End], tags: dict[str, int | None]) -> list[End]:
    """Return ``ends`` with the tags of the bridges that are named."""
    bridges = [end["bridge"] for end in ends]
    if unknown := sorted(set(tags) - set(bridges)):
        raise exceptions.CommandError(f"--tag {unknown[0]}: the link has no end there, only in {' and '.join(bridges)}")
    return [{**end, "tag": tags[end["bridge"]]} if end["bridge"] in tags else end for end in ends]
