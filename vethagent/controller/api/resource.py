"""What the resources share."""

import json
from collections.abc import Sequence
from typing import Any

import falcon
import pydantic
from falcon import uri

from vethagent import model
from vethagent.controller import views
from vethagent.controller.api import errors
from vethagent.controller.errors import NotFound
from vethagent.controller.fleet import showing
from vethagent.rpc import transport as bus

_ID = pydantic.TypeAdapter(model.LinkId)
_HOST = pydantic.TypeAdapter(model.Host)


#: What can be changed, and has an ETag so that nobody undoes what another has done meanwhile.
Versioned = views.Link | showing.LinkTemplate


def answer_page(
    request: falcon.Request,
    response: falcon.Response,
    page: tuple[Sequence[model.Model], bool],
    *,
    name: str,
    query: model.Model,
    key: str = "id",
) -> None:
    """Answer the items of ``page`` under ``name``; if it says that there are more, those after the last ``key``."""
    items, more = page
    links = _following(request, query, getattr(items[-1], key)) if more else []
    answer_list(response, name, items, fields=getattr(query, "fields", None), links=links)


def answer_list(
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


def _following(request: falcon.Request, query: model.Model, marker: str) -> list["HyperLink"]:
    arguments = query.model_dump(mode="json", exclude_none=True) | {"marker": marker}
    pairs = "&".join(f"{name}={uri.encode_value(str(value))}" for name, value in arguments.items())
    return [HyperLink(rel="next", href=f"{request.prefix}{request.path}?{pairs}")]


def generations(request: falcon.Request) -> set[int] | None:
    """Return the generations that If-Match names, None if any will do. An empty one names none: its tag was lost."""
    tags = request.if_match or ()
    if request.get_header("If-Match") is None or "*" in tags:
        return None
    return {int(tag) for tag in map(str, tags) if tag.isascii() and tag.isdigit() and len(tag) < 20}


def answer(response: falcon.Response, body: model.Model, status: int = 200) -> None:
    """Answer ``body`` as JSON."""
    response.status = status
    response.content_type = falcon.MEDIA_JSON
    response.data = body.model_dump_json().encode()


def answer_versioned(response: falcon.Response, item: Versioned, status: int = 200) -> None:
    """Answer ``item`` as JSON, with its generation as ETag."""
    response.etag = str(item.generation)
    answer(response, item, status=status)


def answer_created(request: falcon.Request, response: falcon.Response, item: Versioned, *, new: bool) -> None:
    """Answer what a request to create has led to; it is not ``new`` if it was there already, just so."""
    response.location = f"{request.prefix}{request.path}/{item.id}"
    answer_versioned(response, item, status=201 if new else 200)


def checked_id(what: str, given: str) -> str:
    """Return the id in a path; raise NotFound if no ``what``, such as "link", can have it."""
    return _checked(_ID, given, f"there is no {what} {given!r}")


def checked_host(given: str) -> str:
    """Return the host in a path; raise NotFound if no host can have that name."""
    return _checked(_HOST, given, f"no agent has ever reported from {given!r}")


def _checked(kind: pydantic.TypeAdapter[str], name: str, absent: str) -> str:
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
