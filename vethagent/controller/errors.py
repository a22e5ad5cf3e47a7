"""Why an operation on a resource was refused; ``field`` names what in the request is to blame, None if nothing."""

from collections.abc import Collection

from vethagent import exceptions


class OperationError(exceptions.VethagentError):
    """Base of all."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message, field)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return self.message


class Contradiction(OperationError):
    """Each field is good, and together they are not, or with what is held they are not."""

    code = "CONTRADICTION"


class NotFound(OperationError):
    """There is no such thing."""

    code = "NOT_FOUND"


class UnknownHost(OperationError):
    """No agent has ever reported from the host."""

    code = "UNKNOWN_HOST"


class NameConflict(OperationError):
    """Another link of the host has that name or that device."""

    code = "NAME_CONFLICT"


class Loop(OperationError):
    """The link would close a loop of bridges; ``hosts`` are those whose inventories say so."""

    code = "LOOP"

    def __init__(self, field: str, text: str, hosts: Collection[str]) -> None:
        """Two bridges are joined as ``text`` says, so what ``field`` asks for cannot be."""
        advice = "" if field.endswith("allow_loop") else "; allow_loop has it made all the same"
        super().__init__(f"{field}: {text}{advice}", field)
        self.hosts = hosts


class PhysicalLoop(Loop):
    """The link would join two physical networks that are joined already."""

    code = "PHYSNET_LOOP"


class PendingDelete(OperationError):
    """The link is going and cannot be changed any more."""

    code = "PENDING_DELETE"


class IdConflict(OperationError):
    """There is another link with the id that the client gave."""

    code = "ID_CONFLICT"


class PreconditionFailed(OperationError):
    """The link has another generation than the client thinks."""

    code = "PRECONDITION_FAILED"


class UnknownMarker(OperationError):
    """What the last page ended with is gone, so nobody can say where the next one begins."""

    code = "UNKNOWN_MARKER"


class AgentAlive(OperationError):
    """The agent reports, so it would be there again at once."""

    code = "AGENT_ALIVE"


class AgentDown(OperationError):
    """The agent does not report, so there is no use in asking it."""

    code = "AGENT_DOWN"


class TemplateLink(OperationError):
    """The link is made by a template, which alone changes it."""

    code = "TEMPLATE_LINK"


class RolloutOver(OperationError):
    """The roll-out has ended, or a newer one has taken its place."""

    code = "ROLLOUT_OVER"


class UnknownRevision(OperationError):
    """The template has no such revision."""

    code = "UNKNOWN_REVISION"
