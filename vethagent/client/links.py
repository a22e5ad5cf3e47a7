"""Bridge links."""

import urllib.parse
from collections.abc import Iterator
from typing import Any, cast

from vethagent.client import exceptions
from vethagent.client.transport import Transport
from vethagent.client.types import Link, LinkCreate, LinkUpdate, Query

PATH = "/bridge-links"

#: Of the API.
MAX_PAGE = 1000


class Links:
    """``/v1/bridge-links``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, body: LinkCreate) -> Link:
        """Make a link and return it as it was taken: in the database, and on its way to the agent."""
        return cast(Link, self._transport.request("POST", PATH, body=body))

    def list(
        self,
        *,
        host: str | None = None,
        status: str | None = None,
        name: str | None = None,
        bridge: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Link]:
        """Yield the links that all filters let pass, at most ``limit``; pages are fetched as they are needed."""
        query: Query = {"host": host, "status": status, "name": name, "bridge": bridge}
        left, marker = limit, None
        while left is None or left > 0:
            page = None if left is None else min(left, MAX_PAGE)
            answer = self._transport.request("GET", PATH, query=query | {"limit": page, "marker": marker})
            links = answer["bridge_links"][:left]
            yield from links
            following = _next_marker(answer)
            if following is None:
                return
            if following == marker or not links:
                raise exceptions.UnexpectedAnswer(PATH, "the pages do not end")
            marker, left = following, None if left is None else left - len(links)

    def get(self, link_id: str) -> Link:
        """Return a link; NotFound if there is none."""
        return cast(Link, self._transport.request("GET", _path(link_id)))

    def update(self, link_id: str, body: LinkUpdate) -> Link:
        """Change what ``body`` names and return the link with its new generation."""
        return cast(Link, self._transport.request("PATCH", _path(link_id), body=body))

    def delete(self, link_id: str, *, force: bool = False) -> None:
        """Ask for the end of a link, which is there until its agent has unplugged it; ``force`` forgets it at once."""
        self._transport.request("DELETE", _path(link_id), query={"force": "true" if force else None})


def _path(link_id: str) -> str:
    return f"{PATH}/{urllib.parse.quote(link_id, safe='')}"


def _next_marker(answer: dict[str, Any]) -> str | None:
    """Return the marker of the next page; only that is taken from the address, which may be one behind a proxy."""
    for link in answer.get("links", ()):
        if link.get("rel") == "next":
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(link["href"]).query)
            return query["marker"][0] if "marker" in query else None
    return None
