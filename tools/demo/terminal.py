"""What the demo prints: numbered steps, commands with their output, and a tick for what was checked and held."""

import os
import shlex
import signal
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from tests.support import commands, namespaces
from tools.demo.signals import Ended

_WIDTH = 110


class DemoFailed(Exception):
    """A check did not hold; the text says which."""


class Terminal:
    """Prints the story of one run; ``prompts`` tells by namespace how a command that runs in it is shown.

    Every method raises Ended if nobody reads any more, once; then it prints to nowhere.
    """

    def __init__(self) -> None:
        self.prompts: dict[str, str] = {}
        self._steps = 0
        self._colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def step(self, title: str) -> None:
        """Begin the next step."""
        self._steps += 1
        self._print(f"\n{self._steps}. {title}", "1")

    def text(self, text: str) -> None:
        """Print a paragraph."""
        for line in textwrap.wrap(text, _WIDTH):
            self._print(f"   {line}")

    def block(self, text: str) -> None:
        """Print lines as they are, such as a picture or the output of a command."""
        for line in text.rstrip().splitlines():
            self._print(f"     {line}".rstrip())

    def held(self, text: str) -> None:
        """Tell that a check held."""
        self._print(f"   \N{CHECK MARK} {text}", "32")

    def check(self, condition: object, text: str) -> None:
        """Tell that ``text`` holds if ``condition`` is true, else raise DemoFailed."""
        if not condition:
            raise DemoFailed(text)
        self.held(text)

    def failed(self, text: str, *, details: str = "") -> None:
        """Tell on standard error what ended the demo."""
        self._print(f"   \N{BALLOT X} {text}", "31", sys.stderr)
        if details:
            self._print(details, stream=sys.stderr)

    def command(self, place: namespaces.Namespace, command: str) -> None:
        """Show a command that is about to run in ``place``."""
        self._print(f"   {self.prompts[place.name]}# {command}", "36")

    def run(self, place: namespaces.Namespace, *command: str, shown: Sequence[str] = (), quiet: bool = False) -> str:
        """Run a command in ``place``, showing it and what it prints; DemoFailed if it fails. Return what it printed.

        ``shown`` is the command for the reader, where the real one is longer; ``quiet`` keeps the output back.
        """
        self.command(place, shlex.join(shown or command))
        try:
            output = place.run(*command, timeout=90)
        except commands.CommandFailed as error:
            raise DemoFailed(str(error)) from None
        if not quiet:
            self.block(output)
        return output

    def _print(self, line: str, colour: str = "", stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        if colour and self._colours:
            line = f"\x1b[{colour}m{line}\x1b[0m"
        try:
            print(line, file=stream, flush=True)
        except OSError:
            # Not closed: what is in its buffer is written once more when Python ends.
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
            raise Ended(signal.SIGPIPE) from None
