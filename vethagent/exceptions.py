"""Errors that cross a wall of the house.

Each is built from positional arguments only, because oslo.privsep and oslo.messaging rebuild a remote exception as
``type(*args)``.
"""


class VethagentError(Exception):
    """Base of all; ``code`` is stable and meant for programs, the text for people."""

    code = "INTERNAL"


class InvalidMessage(VethagentError):
    """What came in is not what the contract allows; the text names the field."""

    code = "INVALID_REQUEST"


class UnsupportedVersion(InvalidMessage):
    """The sender speaks a newer major version of the contract."""

    code = "UNSUPPORTED_VERSION"


class HelperUnavailable(VethagentError):
    """The privileged helper did not answer, not even after it was started again."""

    code = "HELPER_UNAVAILABLE"


class HelperRefused(VethagentError):
    """The privileged helper found a field of a batch that it does not accept; nothing of the batch was done."""

    code = "HELPER_REFUSED"


class OvsdbUnavailable(VethagentError):
    """There is no connection to the OVSDB server, or a transaction was not answered in time."""

    code = "OVSDB_UNAVAILABLE"


class OvsdbSilent(OvsdbUnavailable):
    """A transaction was not answered in time; it may be done all the same."""


class OvsdbRefused(VethagentError):
    """The OVSDB server answered, and refused the transaction."""

    code = "OVSDB_REFUSED"


class BusUnavailable(VethagentError):
    """The message bus could not be reached, or nobody answered in time."""

    code = "BUS_UNAVAILABLE"


class AgentBusy(VethagentError):
    """The agent is at work and did not come to answer in time."""

    code = "AGENT_BUSY"


class DatabaseUnavailable(VethagentError):
    """The controller's database could not be reached or did not take the transaction; nothing of it was stored."""

    code = "DATABASE_UNAVAILABLE"


class StoreUnusable(VethagentError):
    """The file with the links that are wanted on this host cannot be read or written."""

    code = "STORE_UNUSABLE"


class StoreLost(StoreUnusable):
    """That file was damaged, and an empty one has taken its place."""


def named(error: BaseException) -> str:
    """Return the kind of any error, and its text if it has one."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def one_line(error: BaseException) -> str:
    """Return the text of any error as one line, its kind if it has none, for a log or a status.

    Libraries write several lines, or nothing, as with a TimeoutError.
    """
    return " ".join(str(error).split()) or type(error).__name__
