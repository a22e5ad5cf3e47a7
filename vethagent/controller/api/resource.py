"""What the resources share."""

import falcon
import pydantic

from vethagent import model
from vethagent.controller.api import errors
from vethagent.controller.errors import NotFound
from vethagent.rpc import transport as bus


def answer(response: falcon.Response, body: model.Model, status: int = 200) -> None:
    """Answer ``body`` as JSON."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    response.data = body.model_dump_json().encode()


def checked(kind: pydantic.TypeAdapter[str], name: str, absent: str) -> str:
    """Return the ``name`` in a path; raise NotFound with the sentence ``absent`` if nothing can have such a name."""
    try:
        return kind.validate_python(name)
    except pydantic.ValidationError:
        raise NotFound(absent) from None


def rpc_context(request: falcon.Request) -> bus.Context:
    """Return what travels on the bus with everything that ``request`` causes."""
    return {"request_id": errors.request_id(request)}


class HyperLink(model.Model):
    """Where something else is."""

    rel: str
    href: str
