"""How a method of an endpoint is opened to the bus; what is not marked so cannot be called."""

from collections.abc import Callable
from typing import TypeVar

import oslo_messaging

from vethagent import exceptions

F = TypeVar("F", bound=Callable[..., object])


def cast(method: F) -> F:
    """Mark a method that nobody waits for."""
    exposed: F = oslo_messaging.expose(method)
    return exposed


def call(method: F) -> F:
    """Mark a method whose answer, or whose refusal by an error of ours, goes back to the caller."""
    exposed: F = oslo_messaging.expose(oslo_messaging.expected_exceptions(exceptions.VethagentError)(method))
    return exposed
