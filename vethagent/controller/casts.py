"""Telling an agent at once. What is lost here, its next state report finds by the digest."""

import logging
from collections.abc import Callable

from vethagent import exceptions
from vethagent.rpc import transport as bus

LOG = logging.getLogger(__name__)


def attempt(context: bus.Context, what: str, host: str, cast: Callable[[], None]) -> None:
    """Call ``cast``; that the bus is away is logged and no failure, as the change is stored already."""
    try:
        cast()
    except exceptions.BusUnavailable as error:
        LOG.warning(
            "%s: %s is stored but was not cast to %s, its next state report will find it: %s",
            context.get("request_id"),
            what,
            host,
            error,
        )
