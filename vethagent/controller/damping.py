"""What changes over and over is told no more until it has come to rest; what is shown is always as it is. Pure.

Each change adds 1 to a weight that halves in HALF_LIFE seconds. Once it passes a limit changes are only counted, until
there was none for REST seconds.
"""

import dataclasses
import datetime

HALF_LIFE = 300.0
REST = 600.0

#: Of a link and of an agent; an agent that comes and goes takes agent_down_time for each turn.
LINK_LIMIT, AGENT_LIMIT = 10.0, 8.0


@dataclasses.dataclass(frozen=True)
class Flaps:
    """How much something has changed up to ``at``; ``untold`` changes were only counted, None if all are told."""

    weight: float = 0.0
    at: datetime.datetime | None = None
    untold: int | None = None

    def changed(self, now: datetime.datetime, *, limit: float) -> "Flaps":
        """Return this after one more change."""
        passed = 0.0 if self.at is None else max(0.0, (now - self.at).total_seconds())
        weight = self.weight * 0.5 ** (passed / HALF_LIFE) + 1
        if self.untold is not None:
            return Flaps(weight, now, self.untold + 1)
        return Flaps(weight, now, 0 if weight > limit else None)

    def rests(self, now: datetime.datetime) -> bool:
        """Return whether changes are only counted and there was none for long; nor is one from times to come."""
        rest = datetime.timedelta(seconds=REST)
        return self.untold is not None and self.at is not None and not now - rest < self.at <= now + rest
