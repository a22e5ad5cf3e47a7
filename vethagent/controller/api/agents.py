"""``/v1/agents``."""

import falcon
import pydantic

from vethagent import model
from vethagent.controller import agents, views
from vethagent.controller.api.body import parse_body, parse_query
from vethagent.controller.api.partial import partial
from vethagent.controller.api.resource import HyperLink, answer, answer_page, checked, following, rpc_context
from vethagent.controller.requests import AgentQuery, AgentUpdate, NoQuery

_HOST = pydantic.TypeAdapter(model.Host)


class AgentList(model.Model):
    """One page of agents; ``links`` has rel "next" if there are more."""

    agents: list[partial(views.Agent)]  # type: ignore[valid-type]
    links: list[HyperLink]


class AgentHistory(model.Model):
    """What happened to one agent, the oldest first."""

    history: tuple[views.AgentChange, ...]


class Agents:
    """All agents."""

    def __init__(self, operations: agents.Agents) -> None:
        self._agents = operations

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List."""
        query = parse_query(AgentQuery, request)
        found, more = self._agents.list(query)
        links = following(request, query, found[-1].host) if more else []
        answer_page(response, "agents", found, fields=query.fields, links=links)


class Agent:
    """One agent."""

    def __init__(self, operations: agents.Agents, max_body: int) -> None:
        self._agents = operations
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        answer(response, self._agents.show(_checked(host)))

    def on_patch(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Change."""
        parse_query(NoQuery, request)
        body = parse_body(AgentUpdate, request, self._max_body)
        answer(response, self._agents.update(rpc_context(request), _checked(host), body))

    def on_delete(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Forget."""
        parse_query(NoQuery, request)
        answer(response, self._agents.delete(rpc_context(request), _checked(host)))


class History:
    """What happened to one agent."""

    def __init__(self, operations: agents.Agents) -> None:
        self._agents = operations

    def on_get(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, AgentHistory(history=tuple(self._agents.history(_checked(host)))))


def _checked(host: str) -> str:
    return checked(_HOST, host, f"no agent has ever reported from {host!r}")
