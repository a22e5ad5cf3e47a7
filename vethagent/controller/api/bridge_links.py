"""``/v1/bridge-links``."""

import falcon
import pydantic
from falcon import uri

from vethagent import model
from vethagent.controller import views
from vethagent.controller.api.body import parse_body, parse_query
from vethagent.controller.api.resource import HyperLink, answer, checked, rpc_context
from vethagent.controller.links import Links
from vethagent.controller.requests import DeleteQuery, LinkQuery, NoQuery

_LINK_ID = pydantic.TypeAdapter(model.LinkId)


class LinkList(model.Model):
    """One page of links; ``links`` has rel "next" if there are more."""

    bridge_links: list[views.Link]
    links: list[HyperLink]


class BridgeLinks:
    """All links."""

    def __init__(self, links: Links, max_body: int) -> None:
        self._links = links
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        query = parse_query(LinkQuery, request)
        found, more = self._links.list(query)
        links = []
        if more:
            arguments = query.model_dump(mode="json", exclude_none=True) | {"marker": found[-1].id}
            pairs = "&".join(f"{name}={uri.encode_value(str(value))}" for name, value in arguments.items())
            links.append(HyperLink(rel="next", href=f"{request.prefix}{request.path}?{pairs}"))
        answer(response, LinkList(bridge_links=found, links=links))

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Create."""
        parse_query(NoQuery, request)
        body = parse_body(model.BridgeLinkCreate, request, self._max_body)
        link = self._links.create(rpc_context(request), body)
        response.location = f"{request.prefix}{request.path}/{link.id}"
        answer(response, link, status=201)


class BridgeLink:
    """One link."""

    def __init__(self, links: Links, max_body: int) -> None:
        self._links = links
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer(response, self._links.show(_checked(link_id)))

    def on_patch(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Change."""
        parse_query(NoQuery, request)
        body = parse_body(model.BridgeLinkUpdate, request, self._max_body)
        answer(response, self._links.update(rpc_context(request), _checked(link_id), body))

    def on_delete(self, request: falcon.Request, response: falcon.Response, link_id: str) -> None:
        """Delete."""
        query = parse_query(DeleteQuery, request)
        answer(response, self._links.delete(rpc_context(request), _checked(link_id), force=query.force), status=202)


def _checked(link_id: str) -> str:
    return checked(_LINK_ID, link_id, f"there is no link {link_id!r}")
