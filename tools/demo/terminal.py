"""What the demo prints: numbered steps, commands with their output, and a tick for what was checked and held."""

import os
import shlex
import sys
import textwrap
from collections.abc import Sequence

from tests.support import commands, namespaces

_WIDTH = 110


class DemoFailed(Exception):
    """A check did not hold; the text says which."""


class Terminal:
    """Prints the story of one run; ``prompts`` tells by namespace how a command that runs in it is shown."""

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

    def failed(self, text: str) -> None:
        """Tell what ended the demo."""
        self._print(f"   \N{BALLOT X} {text}", "31")

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

    def _print(self, line: str, colour: str = "") -> None:
        if colour and self._colours:
            line = f"\x1b[{colour}m{line}\x1b[0m"
        print(line, flush=True)
