"""What nobody seems to want, and when that is believed. Pure."""

import itertools
from collections.abc import Iterable, Set

#: Marks that were removed and are remembered; of more the oldest are forgotten.
_MOST = 10_000


class Suspects:
    """By link id: what nobody wants at two looks is doomed, but a mark that was never wanted here only once.

    If that is there again somebody makes it: another agent on this host, say, of another name, for which the marks of
    this one are nobody's too. Each would take down the links of the other for ever.
    """

    def __init__(self) -> None:
        self._found: set[str] = set()
        self._removed: dict[str, None] = {}

    @property
    def found(self) -> Set[str]:
        """What another look has to confirm as wanted by nobody."""
        return self._found

    def look(self, missing: Set[str], strangers: Set[str], *, confirm: bool) -> set[str]:
        """Return what is to go: with ``confirm`` what was a suspect and is one still.

        ``missing`` are links that the controller does not name, ``strangers`` marks that nobody knows.
        """
        unknown = set(missing | strangers)
        if not self._found:
            self._found = unknown
            return set()
        if not confirm:
            self._found &= unknown
            return set()
        doomed, self._found = unknown & self._found, unknown - self._found
        self._removed |= dict.fromkeys(doomed & strangers)
        for link_id in list(itertools.islice(self._removed, max(0, len(self._removed) - _MOST))):
            del self._removed[link_id]
        return doomed

    def returned(self, link_ids: Iterable[str]) -> set[str]:
        """Return those that have been removed as strangers before."""
        return self._removed.keys() & set(link_ids)

    def forget(self) -> None:
        """What was removed was perhaps not all that carries its mark."""
        self._removed.clear()

    def wanted(self, link_id: str) -> None:
        """Somebody wants it here after all, so when it has gone it is nobody else's."""
        self._removed.pop(link_id, None)
