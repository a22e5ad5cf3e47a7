"""``vethctl --help``, ``vethctl help`` and ``vethctl complete``: cliff's own, but for what a person reads."""

import argparse
import copy
from typing import Any

from cliff import complete, help

from vethagent.cli.base import UsageError, tell_unknown


class _Aligned:
    """What cliff's help asks of an application; names of commands are as long as the longest, for a straight column."""

    def __init__(self, app: Any) -> None:
        self.stdout = app.stdout
        self.command_manager = copy.copy(app.command_manager)
        width = max(map(len, app.command_manager.commands))
        self.command_manager.commands = {
            name.ljust(width): entry for name, entry in app.command_manager.commands.items()
        }


def show(app: Any) -> None:
    """Write what ``--help`` shows, and exit."""
    action = help.HelpAction([], argparse.SUPPRESS, default=_Aligned(app))
    action(app.parser, app.options, None, None)


class Help(help.HelpCommand):
    """Print all about a command, or what there is."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Write it; raise UsageError if there is no such command."""
        if not parsed_args.cmd:
            show(self.app)
        try:
            return super().take_action(parsed_args)
        except ValueError:
            raise UsageError(tell_unknown(self.app, parsed_args.cmd)) from None


#: What cliff's script asks the package bash-completion for, which is not everywhere.
_WITHOUT_PACKAGE = """\
declare -F _get_comp_words_by_ref > /dev/null || _get_comp_words_by_ref()
{
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD - 1]}
  words=("${COMP_WORDS[@]}")
}
"""


class Complete(complete.CompleteCommand):
    """Print what bash needs to complete commands and options."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Write it."""
        if parsed_args.shell == "bash":
            self.app.stdout.write(_WITHOUT_PACKAGE)
        return super().take_action(parsed_args)
