"""A quick parser of what an OVSDB server says.

The library parses in C where it was built with Open vSwitch's headers, which what comes from PyPI is not. Otherwise it
goes through every character in Python: half of the agent's time in a transaction of many ports. Here the standard
library's parser does it; what is left is to find out where a message ends.
"""

import json
import re
from typing import Any

import ovs.json

#: A string, or as much of one as has come. It may be long: the server tells its schema as a string, full of quotation
#: marks. So nothing is gone through twice: what was taken is not given back, and an open string goes to the end.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("|\\?\Z)', re.DOTALL)
#: What is between two messages, and stands nowhere else but in strings.
_BETWEEN = re.compile(r"}\s*{")
_DECODER = json.JSONDecoder()


class Parser:
    """Takes the place of ``ovs.json.Parser``, for one message, which is an object."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        #: What begins the rest of a string of which not all has come, '' if there is none.
        self._open = ""
        self._depth = 0
        self._result: Any = None
        self._done = False

    def feed(self, text: str) -> int:
        """Take in more; return how much of ``text`` belongs to this message."""
        if not self._parts and text[:1].isspace():
            return len(text) - len(text.lstrip())
        self._parts.append(text)
        if not self._may_end(text):
            return len(text)
        whole = "".join(self._parts)
        try:
            self._result, end = _DECODER.raw_decode(whole)
        except ValueError as error:
            self._result, end = str(error), len(whole)
        self._done = True
        return end - len(whole) + len(text)

    def is_done(self) -> bool:
        """Return whether the message is whole, or cannot be one."""
        return self._done

    def finish(self) -> Any:
        """Return the message, or what is wrong with it as a string."""
        return self._result if self._done else "unexpected end of input"

    def _may_end(self, text: str) -> bool:
        """Return whether as many braces are closed within ``text`` as were opened, those in strings left out."""
        # What is outside, and how the string between ended, in turn.
        pieces = _STRING.split(self._open + text)
        text = "".join(pieces[::2])
        self._open = '"' + pieces[-2] if len(pieces) > 1 and pieces[-2] != '"' else ""
        self._depth += text.count("{") - text.count("}")
        return self._depth <= 0 or bool(_BETWEEN.search(text)) or not self._parts[0].startswith("{")


def install() -> None:
    """Have the library use it, unless it has one in C."""
    if ovs.json.PARSER == ovs.json.PARSER_PY:
        ovs.json.Parser = Parser
