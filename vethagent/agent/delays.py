"""When the agent reports next, and how long it leaves a bus alone that does not take what it says."""

import random

_RETRY_FIRST, _RETRY_LAST = 1.0, 30.0
#: Share of the report interval that a pause is at most: so all who come back are twice as many at once as ever.
_RETRY_SHARE = 0.5


def next_delay(delay: float, interval: float) -> float:
    """Return a longer delay in seconds, at random, so that agents do not come back all at once."""
    longest = min(_RETRY_LAST, max(_RETRY_FIRST, interval * _RETRY_SHARE))
    return min(longest, max(_RETRY_FIRST, delay * 2)) * random.uniform(0.5, 1.0)


def next_report(interval: float, *, alone: bool) -> float:
    """Return the seconds until the next report, if nothing happens before: a little more or less than ``interval``.

    Who may not be ``alone``, as after an outage or a start, is anywhere in it, once. Else all who came back together
    would go on to report together.
    """
    return interval * random.uniform(0.9 if alone else 0.1, 1.1)
