"""How far a link has come on this host."""

import enum


class Standing(enum.StrEnum):
    """Of one generation of a link; a new generation begins anew."""

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
