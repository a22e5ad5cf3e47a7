"""``vethctl``."""

import signal

# Ctrl-C ends it without a traceback of what is imported here; after that it is an exception again, for who waits.
_on_ctrl_c = signal.getsignal(signal.SIGINT)
if _on_ctrl_c is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import importlib.metadata
import io
import logging
import os
import sys
from typing import Any

from cliff import app, command, commandmanager

from vethagent.cli.base import UsageError, tell_unknown, tersely
from vethagent.cli.commands import COMMANDS, OWN_COMMANDS

signal.signal(signal.SIGINT, _on_ctrl_c)

NAME = "vethctl"

DESCRIPTION = "Veth pairs between bridges, driven from one place on many hosts."

EPILOG = """\
First steps:
  vethctl agent list                                     which hosts there are
  vethctl host show HOST                                 the bridges of one
  vethctl link create --host HOST --wait BRIDGE BRIDGE   join two of them
  vethctl link list                                      what is there
  vethctl link diagnose ID_OR_NAME                       why it does not work
  vethctl link delete --wait ID_OR_NAME                  the end of it
  vethctl help COMMAND                                   all about a command
"""

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141


class CommandManager(commandmanager.CommandManager):
    """Has the commands of the table, each loaded when it is run."""

    def load_commands(self, namespace: str) -> None:
        """Take the table; no other package adds commands."""
        for name, value in COMMANDS.items():
            self.commands[name] = importlib.metadata.EntryPoint(name, value, namespace)


class Shell(app.App):
    """The application."""

    NAME = NAME

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._error: BaseException | None = None
        self.client_manager: Any = None
        super().__init__(DESCRIPTION, version(), CommandManager(NAME), deferred_help=True)
        for name, value in OWN_COMMANDS.items():
            self.command_manager.commands[name] = importlib.metadata.EntryPoint(name, value, NAME)

    def build_option_parser(
        self, description: str | None, version: str | None, argparse_kwargs: dict[str, Any] | None = None
    ) -> argparse.ArgumentParser:
        """Return the parser of the options before the command."""
        from vethagent.cli import auth

        # An abbreviated option of ours could be meant for the command, and this parser reads the line first.
        changes: dict[str, Any] = {"prog": NAME, "allow_abbrev": False, "conflict_handler": "resolve"}
        changes |= {"epilog": EPILOG, "formatter_class": argparse.RawDescriptionHelpFormatter}
        parser = tersely(super().build_option_parser(description, version, (argparse_kwargs or {}) | changes))
        # cliff's own names the file that was started, which is not always vethctl.
        parser.add_argument(
            "--version", action="version", version=f"{NAME} {version}", help="Show the version and exit"
        )
        try:
            auth.add_arguments(parser, self._argv)
        except auth.UnknownAuthType as error:
            parser.error(str(error))
        return parser

    def print_help_if_requested(self) -> None:
        """Write the help and exit, if that is what the command line says."""
        if self.options.deferred_help:
            from vethagent.cli import help

            help.show(self)

    def configure_logging(self) -> None:
        """Write what the command says to stderr; what libraries say only with -v."""
        super().configure_logging()
        if self.options.verbose_level <= self.DEFAULT_VERBOSE_LEVEL:
            for name in ("keystoneauth", "urllib3", "stevedore"):
                # What Keystone's client warns of becomes an error, which says it in one line.
                logging.getLogger(name).setLevel(logging.ERROR)
        elif not self.options.debug:
            logging.getLogger("stevedore").setLevel(logging.ERROR)  # it tells of each entry point that it sees

    def initialize_app(self, argv: list[str]) -> None:
        """Prepare the client; it is made when a command asks for it."""
        from vethagent.cli import auth

        if not argv and not self.options.deferred_help:
            self.parser.error("a command is missing")
        self.client_manager = auth.ClientManager(self.options, app_name=NAME, app_version=version())

    def run_subcommand(self, argv: list[str]) -> int:
        """Return the exit status of the command that ``argv`` begins with."""
        try:
            self.command_manager.find_command(argv)
        except ValueError:
            self.LOG.error("%s: %s", NAME, tell_unknown(self, argv))
            return EXIT_USAGE
        result = super().run_subcommand(argv)
        return EXIT_USAGE if isinstance(self._error, UsageError) else result

    def clean_up(self, cmd: command.Command, result: int, err: BaseException | None) -> None:
        """Remember why the command failed."""
        self._error = err


def version() -> str:
    """Return the version of the installed package."""
    try:
        return importlib.metadata.version("vethagent")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    # A stream that is closed (>&-) has no object, which nobody who writes to it expects.
    sys.stdout, sys.stderr = (
        stream or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w") for stream in (sys.stdout, sys.stderr)
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's characters cannot spell is no reason to show nothing.
        sys.stdout.reconfigure(errors="backslashreplace")
    if odd := next((each for each in argv if any("\ud800" <= letter <= "\udfff" for letter in each)), None):
        # Bytes that are no text have come as these; nothing that is asked of the API can have them.
        sys.stderr.write(f"{NAME}: {odd!r} is not UTF-8\n")
        return EXIT_USAGE
    try:
        status = Shell(argv).run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is still in the buffer has nowhere to go; Python would complain of that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    return status


if __name__ == "__main__":
    sys.exit(main())
