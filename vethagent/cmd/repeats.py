"""Keeps what a library says over and over, or twice in one line, from filling the log."""

import logging
import re
import time
from collections.abc import Callable

from vethagent import exceptions

#: Loggers that tell of each attempt to reach a broker, by several connections, each with an id of its own. The last
#: does so for the threads of the first, which it starts again.
_TALKERS = ("oslo.messaging", "oslo_messaging", "kombu", "amqp", "oslo_utils.excutils")
_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
_SECONDS = 300.0
_AT_MOST = 500
#: Letters of a line; what somebody has sent may be in it.
_LONGEST = 1000


class Repeats(logging.Filter):
    """Lets a line of these loggers pass that says something new, or was not said for five minutes.

    A broker that refuses a password is no reason to show where in a library that was noticed: what was raised is told
    in one line too. Lines are the same if they differ in numbers and ids only. That the bus is away or back is told by
    this program itself, once each time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether ``record`` passes; how often it did not before is added to it."""
        if not record.name.startswith(_TALKERS):
            return True
        now, text = self._clock(), _in_one_line(record)
        key = (record.name, _CHANGING.sub("", text))
        last, held_back = self._said.get(key, (None, 0))
        if last is not None and now - last < _SECONDS:
            self._said[key] = (last, held_back + 1)
            return False
        if len(self._said) >= _AT_MOST:
            self._said.clear()
        self._said[key] = (now, 0)
        if held_back:
            record.msg, record.args = f"{text} (said {held_back} times more before)", ()
        return True


def _in_one_line(record: logging.LogRecord) -> str:
    """Return the message of ``record``, and leave out of it where an exception was raised, but not which."""
    text = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        kind, summary = type(error).__name__, exceptions.one_line(error)
        if summary not in text:
            text = f"{text} {summary}" if summary == kind else f"{text} {kind}: {summary}"
    text = text[:_LONGEST].encode(errors="backslashreplace").decode()  # JSON has letters that no file takes
    record.msg, record.args, record.exc_info, record.exc_text = text, (), None, None
    return text


class Once(logging.Formatter):
    """Another formatter, less what oslo.log adds to a warning that is said while an exception is handled.

    What was raised is in most of our sentences already; where it is not, it stays.
    """

    def __init__(self, whole: logging.Formatter) -> None:
        super().__init__()
        self._whole = whole

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = self._whole.format(record)
        summary = str(getattr(record, "error_summary", ""))
        raised = summary.partition(": ")[2]
        return text.replace(f": {summary}", "", 1) if raised and raised in record.getMessage() else text


def hold_back() -> None:
    """Have all that is logged from now on looked at; logging is set up before."""
    seen = Repeats()
    for handler in logging.getLogger().handlers:
        handler.addFilter(seen)
        if handler.formatter is not None:
            handler.setFormatter(Once(handler.formatter))
