"""Telling an agent at once. What is lost here, its next state report finds by the digest."""

import logging
from collections.abc import Callable

from vethagent import exceptions

LOG = logging.getLogger(__name__)

#: What ``logs.about`` returns.
About = dict[str, dict[str, object]]


def attempt(what: str, host: str, cast: Callable[[], None], *, about: About) -> None:
    """Call ``cast``; that the bus is away is logged and no failure, as the change is stored already."""
    try:
        cast()
    except exceptions.BusUnavailable as error:
        LOG.warning(
            "%s is stored but was not cast to %s, its next state report will find it: %s",
            what,
            host,
            error,
            extra=about,
        )
