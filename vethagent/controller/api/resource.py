"""What the resources share."""

import falcon

from vethagent import model
from vethagent.controller.api import errors
from vethagent.rpc import transport as bus


def answer(response: falcon.Response, body: model.Model, status: int = 200) -> None:
    """Answer ``body`` as JSON."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    response.data = body.model_dump_json().encode()


def rpc_context(request: falcon.Request) -> bus.Context:
    """Return what travels on the bus with everything that ``request`` causes."""
    return {"request_id": errors.request_id(request)}


class HyperLink(model.Model):
    """Where something else is."""

    rel: str
    href: str
