"""``/v1/access``: who is asking and what is open to that user, so that nobody is offered what would be refused."""

from collections.abc import Callable, Sequence

import falcon
from oslo_context.context import RequestContext
from pydantic import Field

from vethagent import model
from vethagent.controller.api.body import parse_query
from vethagent.controller.api.resource import answer
from vethagent.controller.requests import NoQuery


class Access(model.Model):
    """What the user may do."""

    user: str | None = Field(description="Null where nobody has to say who it is")
    operations: tuple[str, ...] = Field(description="The operationId of each, sorted")


class OwnAccess:
    """The access of whoever asks; ``allowed`` returns names of operations."""

    def __init__(self, allowed: Callable[[RequestContext], Sequence[str]]) -> None:
        self._allowed = allowed

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show."""
        parse_query(NoQuery, request)
        caller = request.context.caller
        answer(response, Access(user=caller.user_name or caller.user_id, operations=tuple(self._allowed(caller))))
