"""Port events."""

from collections.abc import Iterator
from typing import cast

from vethagent.client.transport import Transport
from vethagent.client.types import Event, Query

PATH = "/port-events"

#: Of the API.
MAX_PAGE = 1000


class Events:
    """``/v1/port-events``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        host: str | None = None,
        link_id: str | None = None,
        kind: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[Event]:
        """Return one page of events by rising id: the first ones after the id ``after``, without it the newest ones."""
        query: Query = {"host": host, "link_id": link_id, "kind": kind, "after": after, "limit": limit}
        answer = self._transport.request("GET", PATH, query=query, key="port_events")
        return cast(list[Event], answer["port_events"])

    def since(self, after: int, *, host: str | None = None, link_id: str | None = None) -> Iterator[Event]:
        """Yield every event after the id ``after`` that is there now, page by page."""
        while page := self.list(host=host, link_id=link_id, after=after, limit=MAX_PAGE):
            yield from page
            if len(page) < MAX_PAGE:
                return
            after = page[-1]["id"]
