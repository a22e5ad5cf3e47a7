"""Link templates."""

import urllib.parse
from collections.abc import Iterator, Sequence
from typing import cast

from vethagent.client import paging
from vethagent.client.transport import Transport
from vethagent.client.types import (
    LinkTemplate,
    LinkTemplateCreate,
    LinkTemplateUpdate,
    Member,
    Query,
    Revision,
    TemplatePlan,
)

PATH = "/link-templates"


class Templates:
    """``/v1/link-templates``; every method may raise a ClientError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, body: LinkTemplateCreate) -> LinkTemplate:
        """Make a template and return it; its first roll-out has begun."""
        return cast(LinkTemplate, self._transport.request("POST", PATH, body=body, key="id"))

    def list(
        self, *, name: str | None = None, sort: str | None = None, limit: int | None = None
    ) -> Iterator[LinkTemplate]:
        """Yield the templates that all filters let pass, at most ``limit``; pages are fetched as they are needed."""
        return paging.items(self._transport, PATH, "link_templates", {"name": name, "sort": sort}, limit)

    def get(self, template_id: str) -> LinkTemplate:
        """Return a template; NotFound if there is none."""
        return cast(LinkTemplate, self._transport.request("GET", _path(template_id), key="id"))

    def update(self, template_id: str, body: LinkTemplateUpdate, *, generation: int | None = None) -> LinkTemplate:
        """Change what ``body`` names and return the template; a new link or selector is rolled out.

        With ``generation`` it is done only if the template still has that one; ChangedMeanwhile otherwise.
        """
        answer = self._transport.request("PATCH", _path(template_id), body=body, generation=generation, key="id")
        return cast(LinkTemplate, answer)

    def delete(self, template_id: str, *, keep_links: bool = False, generation: int | None = None) -> None:
        """Delete a template, and its links unless ``keep_links``, which makes them plain ones."""
        query: Query = {"keep_links": "true" if keep_links else None}
        self._transport.request("DELETE", _path(template_id), query=query, generation=generation)

    def hosts(self, template_id: str, *, state: str | None = None, limit: int | None = None) -> Iterator[Member]:
        """Yield the hosts of a template by name, at most ``limit``; pages are fetched as they are needed."""
        return paging.items(self._transport, f"{_path(template_id)}/hosts", "hosts", {"state": state}, limit)

    def revisions(self, template_id: str) -> Sequence[Revision]:
        """Return what the template wanted, the oldest first."""
        answer = self._transport.request("GET", f"{_path(template_id)}/revisions", key="revisions")
        return cast(Sequence[Revision], answer["revisions"])

    def plan_create(self, body: LinkTemplateCreate) -> TemplatePlan:
        """Return which hosts would get a link; nothing is made."""
        return cast(TemplatePlan, self._transport.request("POST", f"{PATH}/plan", body=body))

    def plan_update(self, template_id: str, body: LinkTemplateUpdate) -> TemplatePlan:
        """Return which hosts would get, lose or change their link; nothing is changed."""
        return cast(TemplatePlan, self._transport.request("POST", f"{_path(template_id)}/plan", body=body))


def _path(template_id: str) -> str:
    return f"{PATH}/{urllib.parse.quote(template_id, safe='')}"
