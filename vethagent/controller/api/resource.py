"""What the resources share."""

import json
from collections.abc import Sequence
from typing import Any

import falcon
import pydantic
from falcon import uri

from vethagent import model
from vethagent.controller.api import errors
from vethagent.controller.errors import NotFound
from vethagent.rpc import transport as bus


def answer_page(
    response: falcon.Response,
    name: str,
    items: Sequence[model.Model],
    *,
    fields: str | None,
    links: Sequence["HyperLink"] | None = None,
) -> None:
    """Answer a list under ``name``; of each item only ``fields``, if they are given."""
    include = None if fields is None else set(fields.split(","))
    body: dict[str, Any] = {name: [item.model_dump(mode="json", include=include) for item in items]}
    if links is not None:
        body["links"] = [link.model_dump(mode="json") for link in links]
    response.content_type = falcon.MEDIA_JSON
    response.data = json.dumps(body).encode()


def following(request: falcon.Request, query: model.Model, marker: str) -> list["HyperLink"]:
    """Return the way to the page of ``query`` that begins after ``marker``."""
    arguments = query.model_dump(mode="json", exclude_none=True) | {"marker": marker}
    pairs = "&".join(f"{name}={uri.encode_value(str(value))}" for name, value in arguments.items())
    return [HyperLink(rel="next", href=f"{request.prefix}{request.path}?{pairs}")]


def generations(request: falcon.Request) -> set[int] | None:
    """Return the generations that If-Match names, None if any will do."""
    tags = request.if_match
    if tags is None or "*" in tags:
        return None
    return {int(tag) for tag in map(str, tags) if tag.isascii() and tag.isdigit() and len(tag) < 20}


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
    caller = request.context.caller
    return {"request_id": errors.request_id(request), "user": caller.user_name or caller.user_id}


class HyperLink(model.Model):
    """Where something else is."""

    rel: str
    href: str
