"""What all commands share: the client, one-line errors of usage, and a failure that comes after the output."""

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, cast

from cliff import app
from cliff.columns import FormattableColumn
from cliff.utils import terminal_width
from osc_lib import exceptions
from osc_lib.command import command

from vethagent.client.v1 import Client

#: Name of the client in a client manager.
API_NAME = "vethagent"

Row = tuple[Any, ...]

#: Columns of a terminal; with fewer of them lists tell less, rather than break what they tell into pieces.
NARROW = 100


#: Formats that have no lists and no names in a value.
_PLAIN_TEXT = ("csv", "shell", "value")


class UsageError(exceptions.CommandError):
    """The command line is not what the command takes; nothing was asked of the API."""


class Command(command.Command):
    """Base of all commands."""

    epilog = ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        return tersely(super().get_parser(prog_name))

    def get_epilog(self) -> str:
        """Return what help ends with. cliff's own reads the files of every installed package, at each start."""
        return self.epilog

    @property
    def client(self) -> Client:
        """Return the client, made when it is first asked for."""
        return cast(Client, getattr(self.app.client_manager, API_NAME))


def flat(parsed_args: argparse.Namespace, row: Iterable[Any]) -> list[Any]:
    """Return ``row``; for a format of plain text what is nested is JSON in it, and what there is not is empty.

    cliff would write both as Python does, which nothing else reads.
    """
    return [_flat(value) for value in row] if parsed_args.formatter in _PLAIN_TEXT else list(row)


def _flat(value: Any) -> Any:
    plain = value.machine_readable() if isinstance(value, FormattableColumn) else value
    if plain is None:
        return ""
    return json.dumps(plain, separators=(",", ":")) if isinstance(plain, dict | list) else plain


class Lister(Command, command.Lister):
    """Base of the commands that show many things."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        """Write the rows."""
        return super().produce_output(parsed_args, column_names, [flat(parsed_args, row) for row in data])

    @staticmethod
    def is_narrow(parsed_args: argparse.Namespace, columns: int = NARROW) -> bool:
        """Return whether a table for people has less room than so many columns.

        Who names columns, or wants them for a program, has all of them.
        """
        if parsed_args.formatter != "table" or parsed_args.columns:
            return False
        return 0 < (parsed_args.max_width or terminal_width() or 0) < columns

    @staticmethod
    def without(title: str, titles: Sequence[str], rows: Iterable[Row]) -> tuple[Row, list[Row]]:
        """Return titles and rows without a column for which there is no room."""
        place = titles.index(title)
        return (*titles[:place], *titles[place + 1 :]), [(*row[:place], *row[place + 1 :]) for row in rows]


class ShowOne(Command, command.ShowOne):
    """Base of the commands that show one thing; set ``failure`` to fail after it was shown."""

    failure: Exception | None = None

    def produce_output(self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Sequence[Any]) -> int:
        """Write the output, then raise ``failure`` if there is one."""
        code = super().produce_output(parsed_args, column_names, flat(parsed_args, data))
        if self.failure is not None:
            raise self.failure
        return code


def tersely(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Make ``parser`` say what is wrong in one line: the usage would fill a screen with output options."""

    def error(message: str) -> NoReturn:
        parser.exit(2, f"{parser.prog}: {message} (see --help)\n")

    parser.error = error  # type: ignore[method-assign]
    return parser


def tell_unknown(shell: app.App, argv: Sequence[str]) -> str:
    """Return what to say of words that begin no command of ``shell``."""
    group = [name for name, _ in shell.command_manager if name.startswith(f"{argv[0]} ")]
    similar = ", ".join(sorted(group) or shell.get_fuzzy_matches(argv[0]))
    hint = f"did you mean one of: {similar}" if similar else f"see {shell.NAME} --help"
    return f"{' '.join(argv)!r} is not a command; {hint}"
