"""Reading what clients send: never more than allowed, never anything but one JSON object without ambiguity."""

import json
from typing import Any, NoReturn, Protocol, TypeVar

import falcon
import pydantic

from vethagent import model
from vethagent.controller.api.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from vethagent.controller.errors import Contradiction

M = TypeVar("M", bound=model.Model)

_PIECE = 64 * 1024

#: How much of a body that is too long is read and thrown away, so that the client sees an answer and not a reset.
_DRAINED = 32 * 1024 * 1024


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class BodyLimit:
    """Middleware: refuses a body that says it is longer than ``max_body`` bytes, whatever the method or route."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """Raise BodyTooLarge, with the body thrown away."""
        length = request.content_length or 0
        if length > self._max_body:
            _drain(request.env["wsgi.input"], min(length, _DRAINED))
            raise BodyTooLarge(f"the body has {length} bytes, {self._max_body} are allowed")


def parse_body(kind: type[M], request: falcon.Request, max_body: int) -> M:
    """Return the body of ``request`` as a ``kind``; a field that ``kind`` does not have is an error."""
    return _validate(kind, _load(_read(request, max_body)))


def parse_query(kind: type[M], request: falcon.Request) -> M:
    """Return the query of ``request`` as a ``kind``; a parameter that ``kind`` does not have is an error."""
    for name, value in request.params.items():
        if isinstance(value, list):
            raise InvalidRequest(f"{name}: is given {len(value)} times", name)
    return _validate(kind, request.params)


def _validate(kind: type[M], value: object) -> M:
    try:
        return kind.model_validate(value, extra="forbid")
    except pydantic.ValidationError as error:
        field, sentence = model.explain(error)
        contradicts = error.errors(include_url=False)[0]["type"] == model.CONTRADICTION
        raise (Contradiction if contradicts else InvalidRequest)(sentence, field or None) from None


def _read(request: falcon.Request, max_body: int) -> bytes:
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type != falcon.MEDIA_JSON:
        # Also a defence: a browser asks before it sends this type to another site, and gets no permission.
        raise UnsupportedMediaType(f"Content-Type must be {falcon.MEDIA_JSON}, not {media_type or 'absent'}")
    encoding = request.get_header("Content-Encoding") or "identity"
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(f"Content-Encoding must be absent, not {encoding}: send the body as it is")
    stream: _Readable = request.env["wsgi.input"]
    length = request.content_length
    chunked = "chunked" in request.env.get("HTTP_TRANSFER_ENCODING", "").lower()
    if length is None and not chunked and not request.env.get("wsgi.input_terminated"):
        length = 0
    body = _read_at_most(stream, max_body + 1 if length is None else length)
    if len(body) > max_body:
        raise BodyTooLarge(f"the body has more than {max_body} bytes")
    if length is not None and len(body) < length:
        raise InvalidRequest(f"the body ended after {len(body)} of {length} bytes")
    return body


def _read_at_most(stream: _Readable, limit: int) -> bytes:
    body = bytearray()
    try:
        while len(body) < limit and (piece := stream.read(min(_PIECE, limit - len(body)))):
            body += piece
    except OSError as error:
        raise InvalidRequest(f"the body could not be read: {error.strerror or error}") from error
    return bytes(body)


def _drain(stream: _Readable, limit: int) -> None:
    try:
        while limit > 0 and (piece := stream.read(min(_PIECE, limit))):
            limit -= len(piece)
    except OSError:
        return  # the client is gone; nobody waits for the answer


def _load(body: bytes) -> dict[str, Any]:
    if not body.strip():
        raise InvalidRequest("the body is empty, a JSON object is needed")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8: byte {error.start} is wrong") from None
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise InvalidRequest("the body is nested too deeply") from None
    except ValueError:
        raise InvalidRequest("the body has a number with too many digits") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise InvalidRequest(f"the body has the key {key!a} twice in one object", ascii(key)[1:-1])
        result[key] = value
    return result


def _no_constants(name: str) -> NoReturn:
    raise InvalidRequest(f"the body has {name}, which is not JSON")
