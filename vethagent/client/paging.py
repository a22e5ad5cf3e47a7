"""Lists that come in pages."""

import urllib.parse
from collections.abc import Iterator
from typing import Any

from vethagent.client import exceptions
from vethagent.client.transport import Transport
from vethagent.client.types import Query

#: Of the API.
MAX_PAGE = 1000


def items(transport: Transport, path: str, name: str, query: Query, limit: int | None) -> Iterator[Any]:
    """Yield what is listed under ``name``, at most ``limit``; pages are fetched as they are needed.

    The first one is after the ``marker`` in ``query``, if there is one.
    """
    left, marker = limit, query.get("marker")
    while left is None or left > 0:
        page = None if left is None else min(left, MAX_PAGE)
        answer = transport.request("GET", path, query=query | {"limit": page, "marker": marker}, key=name)
        found = answer[name][:left]
        yield from found
        following = _next_marker(answer)
        if following is None:
            return
        if following == marker or not found:
            raise exceptions.UnexpectedAnswer(path, "the pages do not end")
        marker, left = following, None if left is None else left - len(found)


def _next_marker(answer: dict[str, Any]) -> str | None:
    """Return the marker of the next page; only that is taken from the address, which may be one behind a proxy."""
    for link in answer.get("links", ()):
        if link.get("rel") == "next":
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(link["href"]).query)
            return query["marker"][0] if "marker" in query else None
    return None
