"""``/v1/link-templates``."""

import falcon

from vethagent import model
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
from vethagent.controller.fleet import showing
from vethagent.controller.fleet.requests import MemberQuery, TemplateDeleteQuery, TemplateQuery
from vethagent.controller.fleet.templates import Templates
from vethagent.controller.requests import NoQuery


class TemplateList(model.Model):
    """One page of templates; ``links`` has rel "next" if there are more."""

    link_templates: list[partial(showing.LinkTemplate)]  # type: ignore[valid-type]
    links: list[HyperLink]


class MemberList(model.Model):
    """One page of hosts; ``links`` has rel "next" if there are more."""

    hosts: list[showing.Member]
    links: list[HyperLink]


class RevisionList(model.Model):
    """All revisions of a template, the oldest first."""

    revisions: tuple[showing.Revision, ...]


class LinkTemplates:
    """All templates."""

    def __init__(self, templates: Templates, max_body: int) -> None:
        self._templates = templates
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        query = parse_query(TemplateQuery, request)
        answer_page(request, response, self._templates.list(query), name="link_templates", query=query)

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Create."""
        parse_query(NoQuery, request)
        body = parse_body(model.LinkTemplateCreate, request, self._max_body)
        template, new = self._templates.create(rpc_context(request), body)
        answer_created(request, response, template, new=new)


class LinkTemplate:
    """One template."""

    def __init__(self, templates: Templates, max_body: int) -> None:
        self._templates = templates
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response, template_id: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer_versioned(response, self._templates.show(_checked(template_id)))

    def on_patch(self, request: falcon.Request, response: falcon.Response, template_id: str) -> None:
        """Change."""
        parse_query(NoQuery, request)
        body = parse_body(model.LinkTemplateUpdate, request, self._max_body)
        context, found = rpc_context(request), _checked(template_id)
        answer_versioned(response, self._templates.update(context, found, body, generations=generations(request)))

    def on_delete(self, request: falcon.Request, response: falcon.Response, template_id: str) -> None:
        """Delete."""
        query = parse_query(TemplateDeleteQuery, request)
        template = self._templates.delete(
            rpc_context(request),
            _checked(template_id),
            keep_links=query.keep_links,
            generations=generations(request),
        )
        answer_versioned(response, template)


class Members:
    """The hosts of one template."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def on_get(self, request: falcon.Request, response: falcon.Response, template_id: str) -> None:
        """List."""
        query = parse_query(MemberQuery, request)
        found = self._templates.hosts(_checked(template_id), query)
        answer_page(request, response, found, name="hosts", query=query, key="host")


class Revisions:
    """What one template wanted, from the beginning."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def on_get(self, request: falcon.Request, response: falcon.Response, template_id: str) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, RevisionList(revisions=tuple(self._templates.revisions(_checked(template_id)))))


class PlanCreate:
    """What a template would mean that is not there."""

    def __init__(self, templates: Templates, max_body: int) -> None:
        self._templates = templates
        self._max_body = max_body

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Tell."""
        parse_query(NoQuery, request)
        body = parse_body(model.LinkTemplateCreate, request, self._max_body)
        answer(response, self._templates.plan_new(body))


class PlanUpdate:
    """What a change of one template would mean."""

    def __init__(self, templates: Templates, max_body: int) -> None:
        self._templates = templates
        self._max_body = max_body

    def on_post(self, request: falcon.Request, response: falcon.Response, template_id: str) -> None:
        """Tell."""
        parse_query(NoQuery, request)
        body = parse_body(model.LinkTemplateUpdate, request, self._max_body)
        answer(response, self._templates.plan(_checked(template_id), body))


def _checked(template_id: str) -> str:
    return checked_id("link template", template_id)
