"""``/v1/hosts``: what is asked of an agent at once."""

import falcon

from vethagent import model
from vethagent.controller.api.body import parse_body, parse_query
from vethagent.controller.api.resource import answer, checked_host, rpc_context
from vethagent.controller.hosts import Hosts
from vethagent.controller.requests import NoQuery


class Bridges:
    """The bridges of one host."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def on_get(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, self._hosts.describe(rpc_context(request), checked_host(host)))


class Plan:
    """What the agent of one host would do."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def on_get(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer(response, self._hosts.plan(rpc_context(request), checked_host(host)))


class LinkPlan:
    """What an agent would do for a link that is not created."""

    def __init__(self, hosts: Hosts, max_body: int) -> None:
        self._hosts = hosts
        self._max_body = max_body

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show."""
        parse_query(NoQuery, request)
        body = parse_body(model.BridgeLinkCreate, request, self._max_body)
        answer(response, self._hosts.plan_link(rpc_context(request), body))
