"""``/`` and ``/v1``: which versions of the API there are."""

import falcon

from vethagent import model
from vethagent.controller.api.body import parse_query
from vethagent.controller.api.resource import HyperLink, answer
from vethagent.controller.requests import NoQuery


class Version(model.Model):
    """One version of the API."""

    id: str
    status: str
    links: list[HyperLink]


class VersionList(model.Model):
    """All versions of the API."""

    versions: list[Version]


class Versions:
    """All versions."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, VersionList(versions=[_v1(request)]))


class VersionOne:
    """The one version."""

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer(response, _v1(request))


def _v1(request: falcon.Request) -> Version:
    return Version(id="v1.0", status="CURRENT", links=[HyperLink(rel="self", href=f"{request.prefix}/v1")])
