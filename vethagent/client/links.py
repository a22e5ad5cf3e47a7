"""Bridge links."""

import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from vethagent.client import paging
from vethagent.client.transport import Transport
from vethagent.client.types import Change, Diagnosis, HostPlan, Link, LinkCreate, LinkTiming, LinkUpdate, Query

PATH = "/bridge-links"


class Links:
    """``/v1/bridge-links``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, body: LinkCreate) -> Link:
        """Make a link and return it as it was taken: in the database, and on its way to the agent."""
        return cast(Link, self._transport.request("POST", PATH, body=body, key="id"))

    def list(
        self,
        *,
        host: str | None = None,
        status: str | None = None,
        name: str | None = None,
        bridge: str | None = None,
        template_id: str | None = None,
        label: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> Iterator[Link]:
        """Yield the links that all filters let pass, at most ``limit``; pages are fetched as they are needed.

        They are in the order of ``sort``, by id if it is not given, and begin after the link with the id ``marker``.
        """
        query: Query = {"host": host, "status": status, "name": name, "bridge": bridge, "label": label, "sort": sort}
        query |= {"template_id": template_id, "marker": marker}
        return paging.items(self._transport, PATH, "bridge_links", query, limit)

    def get(self, link_id: str) -> Link:
        """Return a link; NotFound if there is none."""
        return cast(Link, self._transport.request("GET", _path(link_id), key="id"))

    def update(self, link_id: str, body: LinkUpdate, *, generation: int | None = None) -> Link:
        """Change what ``body`` names and return the link.

        With ``generation`` it is done only if the link still has that one; ChangedMeanwhile otherwise.
        """
        return cast(Link, self._transport.request("PATCH", _path(link_id), body=body, generation=generation, key="id"))

    def delete(self, link_id: str, *, force: bool = False, generation: int | None = None) -> None:
        """Ask for the end of a link, which is there until its agent has unplugged it; ``force`` forgets it at once.

        With ``generation`` it is done only if the link still has that one; ChangedMeanwhile otherwise.
        """
        query: Query = {"force": "true" if force else None}
        self._transport.request("DELETE", _path(link_id), query=query, generation=generation)

    def create_many(self, bodies: Sequence[LinkCreate]) -> Sequence[Link]:
        """Make up to 1000 links, all or none, and return them in the same order."""
        body = {"bridge_links": list(bodies)}
        answer = self._transport.request("POST", f"{PATH}/bulk-create", body=body, key="bridge_links")
        return cast(Sequence[Link], answer["bridge_links"])

    def delete_many(self, link_ids: Iterable[str], *, force: bool = False) -> Sequence[Link]:
        """Ask for the end of up to 1000 links; return those that there were."""
        body = {"ids": list(link_ids), "force": force}
        answer = self._transport.request("POST", f"{PATH}/bulk-delete", body=body, key="bridge_links")
        return cast(Sequence[Link], answer["bridge_links"])

    def plan(self, body: LinkCreate) -> HostPlan:
        """Return what the agent would do if the link were made; nothing is."""
        return cast(HostPlan, self._transport.request("POST", f"{PATH}/plan", body=body, key="links"))

    def history(self, link_id: str) -> Sequence[Change]:
        """Return the changes of a link, also of one that is gone, the oldest first."""
        answer = self._transport.request("GET", f"{_path(link_id)}/history", key="history")
        return cast(Sequence[Change], answer["history"])

    def diagnose(self, link_id: str) -> Diagnosis:
        """Return why a link is as it is."""
        return cast(Diagnosis, self._transport.request("GET", f"{_path(link_id)}/diagnosis", key="link_id"))

    def timing(self, link_id: str) -> LinkTiming:
        """Return how long each part of the newest change took that the link's agent told."""
        return cast(LinkTiming, self._transport.request("GET", f"{_path(link_id)}/timing", key="link_id"))


def _path(link_id: str) -> str:
    return f"{PATH}/{urllib.parse.quote(link_id, safe='')}"
