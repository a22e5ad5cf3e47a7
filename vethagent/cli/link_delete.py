"""The command that ends links."""

import argparse
import time

from osc_lib import exceptions

from vethagent.cli import parsing, resolve, waiting
from vethagent.cli.base import Command
from vethagent.client.exceptions import ClientError
from vethagent.client.types import Link


class DeleteLink(Command):
    """Unplug and forget bridge links."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = super().get_parser(prog_name)
        parser.add_argument("links", metavar="ID_OR_NAME", nargs="+", help="A link")
        parser.add_argument(
            "--host", metavar="HOST", type=parsing.host, help="The links' host, if several have one of that name"
        )
        parser.add_argument(
            "--force", action="store_true", help="Forget the link at once, even if its agent never answers"
        )
        waiting.add_arguments(parser, "gone")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        """Delete all that can be; CommandError if one could not. None is deleted if one of them is not found."""
        links = self.client.links
        # By id, because two names may mean the same link.
        found = [resolve.link_of(links, name, parsed_args.host) for name in parsed_args.links]
        distinct = {link["id"]: link for link in found}
        failures = []
        for link in distinct.values():
            try:
                links.delete(link["id"], force=parsed_args.force)
            except ClientError as error:
                failures.append(f"Link {resolve.label_of(link)} was not deleted: {error}")
        if parsed_args.wait and not failures:
            failures += self._wait(list(distinct.values()), parsed_args.timeout)
        if failures:
            raise exceptions.CommandError("\n".join(failures))

    def _wait(self, links: list[Link], timeout: float) -> list[str]:
        """Return what went wrong; all links together have ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        failures = []
        for link in links:
            try:
                waiting.until_gone(self.client.links, link, max(0.0, deadline - time.monotonic()))
            except (ClientError, waiting.WaitFailed) as error:
                failures.append(str(error))
        return failures
