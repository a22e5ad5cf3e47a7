"""Every error that the API answers: its code, its HTTP status, and what a client gets to read."""

import logging
from typing import Any

import falcon
import pydantic
from pydantic import Field, JsonValue

from vethagent import exceptions, model
from vethagent.controller.errors import OperationError

LOG = logging.getLogger(__name__)

#: Codes are stable and meant for programs.
STATUS = {
    "INVALID_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "AGENT_ALIVE": 409,
    "CONTRADICTION": 409,
    "ID_CONFLICT": 409,
    "LOOP": 409,
    "NAME_CONFLICT": 409,
    "PENDING_DELETE": 409,
    "PHYSNET_LOOP": 409,
    "ROLLOUT_OVER": 409,
    "TEMPLATE_LINK": 409,
    "UNKNOWN_HOST": 409,
    "UNKNOWN_MARKER": 409,
    "UNKNOWN_REVISION": 409,
    "PRECONDITION_FAILED": 412,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL": 500,
    "AGENT_BUSY": 503,
    "AGENT_DOWN": 503,
    "BUS_UNAVAILABLE": 503,
    "DATABASE_UNAVAILABLE": 503,
    "KEYSTONE_UNAVAILABLE": 503,
    "USER_FILE_ERROR": 503,
}

_UNAVAILABLE = {
    "AGENT_BUSY": "the agent is at work and did not answer in time; try again",
    "BUS_UNAVAILABLE": "the message bus or the agent could not be reached",
    "DATABASE_UNAVAILABLE": "the database could not be reached, or takes no changes now; try again",
    "KEYSTONE_UNAVAILABLE": "Keystone could not be asked about the token; try again",
    "USER_FILE_ERROR": "the file of users could not be read; try again",
}
#: Seconds after which such a request may go better.
_RETRY_AFTER = "5"


class Error(model.Model):
    """What went wrong."""

    code: str = Field(json_schema_extra={"enum": list[JsonValue](sorted(STATUS))})
    message: str
    field: str | None = Field(default=None, description="Dotted name of what is wrong in the request")
    request_id: str | None = None


class ErrorBody(model.Model):
    """Body of every answer from 400 on."""

    error: Error


class InvalidRequest(OperationError):
    """The request is not what the API takes."""

    code = "INVALID_REQUEST"


class BodyTooLarge(OperationError):
    """The body is longer than the server takes."""

    code = "BODY_TOO_LARGE"


class UnsupportedMediaType(OperationError):
    """The body is not said to be JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class Forbidden(OperationError):
    """The client may not do this."""

    code = "FORBIDDEN"


def request_id(request: falcon.Request) -> str | None:
    """Return the id that oslo.middleware gave to the request."""
    found = request.env.get("openstack.request_id")
    return None if found is None else str(found)


def install(app: falcon.App[falcon.Request, falcon.Response]) -> None:
    """Have ``app`` answer every error as an ErrorBody."""
    app.add_error_handler(Exception, _internal)
    app.add_error_handler(falcon.HTTPError, _http)
    app.add_error_handler(exceptions.VethagentError, _ours)
    app.add_error_handler(pydantic.ValidationError, _internal)


def _answer(request: falcon.Request, response: falcon.Response, code: str, message: str, field: str | None) -> None:
    body = ErrorBody(error=Error(code=code, message=message, field=field, request_id=request_id(request)))
    response.status = STATUS[code]
    response.content_type = falcon.MEDIA_JSON
    response.data = body.model_dump_json().encode()


def _ours(request: falcon.Request, response: falcon.Response, error: Any, _params: object) -> None:
    if error.code in _UNAVAILABLE:
        # Of its database the log says once that it is away, and not with each request for as long as that takes.
        level = logging.DEBUG if error.code == "DATABASE_UNAVAILABLE" else logging.ERROR
        LOG.log(level, "%s: %s", request_id(request), error)
        response.set_header("Retry-After", _RETRY_AFTER)
        _answer(request, response, error.code, _UNAVAILABLE[error.code], None)
    elif isinstance(error, OperationError):
        _answer(request, response, error.code, error.message, error.field)
    else:
        _internal(request, response, error, _params)


def _http(request: falcon.Request, response: falcon.Response, error: Any, _params: object) -> None:
    """What Falcon finds by itself: no such route, no such method, and requests that are malformed."""
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        headers = dict(error.headers or {})
        response.set_headers(headers)
        message = f"{request.method} is not possible here, only {headers.get('Allow', 'nothing')}"
        _answer(request, response, "METHOD_NOT_ALLOWED", message, None)
    elif error.status_code == STATUS["NOT_FOUND"]:
        _answer(request, response, "NOT_FOUND", f"there is no {request.path}", None)
    else:
        _answer(request, response, "INVALID_REQUEST", error.description or error.title or "malformed request", None)


def _internal(request: falcon.Request, response: falcon.Response, error: Any, _params: object) -> None:
    """What nobody foresaw is logged, and not shown: it may tell of things that are not the client's."""
    LOG.error("%s: %s %s failed", request_id(request), request.method, request.path, exc_info=error)
    _answer(request, response, "INTERNAL", "something went wrong here; the log has the request id", None)
