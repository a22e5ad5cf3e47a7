"""How far a link has come on this host."""

import enum

from vethagent import model
from vethagent.agent.outlook import is_another


class Standing(enum.StrEnum):
    """Of one generation of a link; a new one begins anew, but for one that is on trial."""

    NEW = "new"
    #: Plugged, and not known yet whether the host is cut off by it.
    TRIAL = "trial"
    #: It has carried, so whatever is done to it from now on is a repair.
    PROVEN = "proven"
    #: Taken back because with it the host lost the way to the bus.
    HELD = "held"

    @property
    def plugged(self) -> bool:
        """Whether the link was there already, and is no newcomer beside others."""
        return self in (Standing.TRIAL, Standing.PROVEN)


def is_watched(link: model.BridgeLink) -> bool:
    """Return whether a link is on trial when it is plugged; one that is exempt, or that passes nothing, is not."""
    return link.confirm and link.admin_state_up


class Standings:
    """Of all links that are wanted: how far each has come, and how it was when it had carried, if it does not yet."""

    def __init__(self, known: dict[str, tuple[int, Standing]], earlier: dict[str, model.BridgeLink]) -> None:
        """``known`` are (generation, standing) by link id, ``earlier`` the links that had carried."""
        self._known = known
        self._earlier = earlier

    def of(self, link: model.BridgeLink) -> Standing:
        """Return how far a link has come as it is wanted now."""
        generation, standing = self._known.get(link.id, (-1, Standing.NEW))
        return standing if link.generation == generation else Standing.NEW

    def keep(self, link: model.BridgeLink, standing: Standing) -> bool:
        """Keep how far it has come; return whether that is news."""
        if self.of(link) is standing:
            return False
        self._known[link.id] = (link.generation, standing)
        if standing is Standing.PROVEN:
            self._earlier.pop(link.id, None)
        return True

    def take(self, before: model.BridgeLink | None, link: model.BridgeLink) -> None:
        """A link is wanted otherwise than ``before``.

        That of one on trial is on trial too: if it needs no step, as with another name, nothing else is there by it.
        """
        if before is not None and is_another(before, link):
            standing = self.of(before)
            self._known.pop(link.id, None)
            if standing is Standing.PROVEN:
                self._earlier[link.id] = before
            elif standing is Standing.TRIAL and is_watched(link):
                self._known[link.id] = (link.generation, standing)
        if self._known.get(link.id, (link.generation,))[0] != link.generation:
            del self._known[link.id]  # else it was known of this one before the link itself was lost

    def drop(self, link_id: str) -> None:
        """A link is not wanted any more."""
        self._known.pop(link_id, None)
        self._earlier.pop(link_id, None)

    def known(self, link_id: str) -> tuple[int, Standing] | None:
        """Return (generation, standing)."""
        return self._known.get(link_id)

    def earlier(self, link_id: str) -> model.BridgeLink | None:
        """Return a link that does not carry yet as it was when it did; None if it never did."""
        return self._earlier.get(link_id)

    def ids(self) -> set[str]:
        """Return the ids of the links of which something is known."""
        return set(self._known)
