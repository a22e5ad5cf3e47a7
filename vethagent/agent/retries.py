"""When links are looked at again that are not as wanted, or not yet."""

import dataclasses
import random
import time
from collections.abc import Iterable, Iterator, Set

#: Seconds after which a link that is on its way is looked at even if no event came.
SETTLE = 1.0
_FIRST, _LAST = 0.5, 60.0


@dataclasses.dataclass(slots=True)
class _Retry:
    due: float
    delay: float


class Retries:
    """By link id. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._retries: dict[str, _Retry] = {}

    def __contains__(self, link_id: str) -> bool:
        """Return whether a link is to be looked at again."""
        return link_id in self._retries

    def __iter__(self) -> Iterator[str]:
        """Return the ids of all links that are to be looked at again."""
        return iter(self._retries)

    def again(self, link_id: str) -> None:
        """Look at a link after a while: seldomer each time, and not at all links at once.

        A look because of an event, before the time has come, does not count.
        """
        known = self._retries.get(link_id)
        if known is not None and known.due > time.monotonic():
            return
        delay = min(_LAST, known.delay * 2) if known is not None else _FIRST
        self._retries[link_id] = _Retry(time.monotonic() + max(SETTLE, delay) * random.uniform(0.9, 1.1), delay)

    def soon(self, link_ids: Iterable[str], most: float = SETTLE) -> None:
        """Look after ``most`` seconds at those that are to be looked at later. Not at once, lest it be for ever."""
        soon = time.monotonic() + most
        for link_id in link_ids:
            if retry := self._retries.get(link_id):
                retry.due = min(retry.due, soon)

    def forget(self, link_id: str) -> None:
        """A link is as wanted, or wanted by nobody."""
        self._retries.pop(link_id, None)

    def due(self, together: Set[str]) -> set[str]:
        """Return the ids of the links whose time has come.

        One and the same thing is in the way of those in ``together``: the time of one is that of all of them.
        """
        now = time.monotonic()
        found = {link_id for link_id, retry in self._retries.items() if retry.due <= now}
        if found & together:
            for link_id in together & self._retries.keys():
                self._retries[link_id].due = min(now, self._retries[link_id].due)
                found.add(link_id)
        return found

    def times(self, link_ids: Iterable[str] | None = None) -> list[float]:
        """Return when each is due, or each of these."""
        return [self._retries[link_id].due for link_id in (self._retries if link_ids is None else link_ids)]
