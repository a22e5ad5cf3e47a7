"""What ends the demo before its time. Imports nothing slow, so that it is in force from the start."""

import signal
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal came, or nobody reads the output; ``status`` is that of the process.

    It is no Exception, so that nobody takes it for an error that can be handled.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.status = 128 + number


def catch() -> None:
    """Raise Ended at the first signal from now on."""
    for number in _ENDING:
        signal.signal(number, _end)


def ignore() -> None:
    """Let no signal disturb what follows."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, _frame: FrameType | None) -> None:
    # One is enough: the next would end the clean-up half way.
    ignore()
    raise Ended(signal.Signals(number))
