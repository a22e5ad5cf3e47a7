"""``/v1/bridge-links``."""

import falcon

from vethagent import model
from vethagent.controller import diagnosis, timing, views
from vethagent.controller.agents import Agents
from vethagent.controller.api.body import parse_body, parse_query
from vethagent.controller.api.partial import partial
from vethagent.controller.api.resource import (
    HyperLink,
    answer,
    answer_created,
    answer_page,
    answer_versioned,
    checked_id,
    generations,
    rpc_context,
)
from vethagent.controller.closed_rings import ClosedRings
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.requests import (
    MAX_LIMIT,
    DeleteQuery,
    EventQuery,
    LinkQuery,
    LinksCreate,
    LinksDelete,
    NoQuery,
)


class LinkList(model.Model):
    """One page of links; ``links`` has rel "next" if there are more."""

    bridge_links: list[partial(views.Link)]  # type: ignore[valid-type]
    links: list[HyperLink]


class LinkBulk(model.Model):
    """The links that were asked for."""

    bridge_links: tuple[views.Link, ...]


class LinkHistory(model.Model):
    """What became of one link, the oldest change first."""

    history: tuple[views.Change, ...]


class BridgeLinks:
    """All links."""

    def __init__(self, links: Links, max_body: int) -> None:
        self._links = links
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        query = parse_query(LinkQuery, request)
        answer_page(request, response, self._links.list(query), name="bridge_links", query=query)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Create."""
        parse_query(NoQuery, request)
        body = parse_body(model.BridgeLinkCreate, request, self._max_body)
        link, new = self._links.create_once(rpc_context(request), body)
        answer_created(request, response, link, new=new)


class BulkCreate:
    """Many links at once."""

    def __init__(self, links: Links, max_body: int) -> None:
        self._links = links
        self._max_body = max_body

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Create all or none."""
        parse_query(NoQuery, request)
        body = parse_body(LinksCreate, request, self._max_body)
        made = self._links.create_all(rpc_context(request), body.bridge_links)
        answer(response, LinkBulk(bridge_links=tuple(made)), status=201)


class BulkDelete:
    """Many links at once."""

    def __init__(self, links: Links, max_body: int) -> None:
        self._links = links
        self._max_body = max_body

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Delete those that there are."""
        parse_query(NoQuery, request)
        body = parse_body(LinksDelete, request, self._max_body)
        deleted = self._links.delete_all(rpc_context(request), body.ids, force=body.force)
        answer(response, LinkBulk(bridge_links=tuple(deleted)), status=202)


class BridgeLink:
    """One link."""

    def __init__(self, links: Links, max_body: int) -> None:
        self._links = links
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer_versioned(response, self._links.show(_checked(link_id)))

    def on_patch(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Change."""
        parse_query(NoQuery, request)
        body = parse_body(model.BridgeLinkUpdate, request, self._max_body)
        link = self._links.update(rpc_context(request), _checked(link_id), body, generations=generations(request))
        answer_versioned(response, link)

    def on_delete(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Delete."""
        query = parse_query(DeleteQuery, request)
        link = self._links.delete(
            rpc_context(request), _checked(link_id), force=query.force, generations=generations(request)
        )
        answer_versioned(response, link, status=202)


class History:
    """What became of one link."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def on_get(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, LinkHistory(history=tuple(self._events.history(_checked(link_id)))))


class Diagnosis:
    """Why one link is as it is."""

    def __init__(self, links: Links, agents: Agents, events: Events, rings: ClosedRings) -> None:
        self._rings = rings
        self._links = links
        self._agents = agents
        self._events = events

    def on_get(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        link = self._links.show(_checked(link_id))
        events = self._events.list(EventQuery(link_id=link.id, limit=MAX_LIMIT))
        agent = self._agents.show(link.host, deleted=True)
        changes = self._agents.changes(link.host)
        ring, loop = self._rings.of(link.id), self._rings.loop(link.id)
        answer(response, diagnosis.diagnose(link, agent, events[::-1], changes=changes, ring=ring, loop=loop))


class Timing:
    """How long the newest change of one link took."""

    def __init__(self, links: Links, events: Events) -> None:
        self._links = links
        self._events = events

    def on_get(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        link = self._links.show(_checked(link_id))
        events = self._events.list(EventQuery(link_id=link.id, limit=MAX_LIMIT))
        answer(response, timing.timing_of(link, events[::-1]))


def _checked(link_id: str) -> str:
    return checked_id("link", link_id)
