"""``/v1/agents``."""

import falcon

from vethagent import model
from vethagent.controller import agents, views
from vethagent.controller.api.body import parse_body, parse_query
from vethagent.controller.api.partial import partial
from vethagent.controller.api.resource import HyperLink, answer, answer_page, checked_host, rpc_context
from vethagent.controller.closed_rings import ClosedRings
from vethagent.controller.requests import AgentQuery, AgentUpdate, NoQuery


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
        answer_page(request, response, self._agents.list(query), name="agents", query=query, key="host")


class Agent:
    """One agent."""

    def __init__(self, operations: agents.Agents, rings: ClosedRings, max_body: int) -> None:
        self._agents = operations
        self._rings = rings
        self._max_body = max_body

    def on_get(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Show."""
        parse_query(NoQuery, request)
        agent = self._agents.show(checked_host(host))
        answer(response, views.OneAgent(**dict(agent), rings=self._rings.on(agent.host)))

    def on_patch(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Change."""
        parse_query(NoQuery, request)
        body = parse_body(AgentUpdate, request, self._max_body)
        answer(response, self._agents.update(rpc_context(request), checked_host(host), body))

    def on_delete(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """Forget."""
        parse_query(NoQuery, request)
        answer(response, self._agents.delete(rpc_context(request), checked_host(host)))


class History:
    """What happened to one agent."""

    def __init__(self, operations: agents.Agents) -> None:
        self._agents = operations

    def on_get(self, request: falcon.Request, response: falcon.Response, host: str) -> None:
        """List."""
        parse_query(NoQuery, request)
        answer(response, AgentHistory(history=tuple(self._agents.history(checked_host(host)))))
