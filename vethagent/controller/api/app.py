"""The WSGI application, put together from values."""

from typing import Any
from wsgiref.types import WSGIApplication

import falcon
import oslo_middleware

from vethagent.controller import agents as agent_operations
from vethagent.controller.api import (
    agents,
    auth,
    body,
    bridge_links,
    errors,
    healthcheck,
    openapi,
    port_events,
    versions,
)
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.rpc.agent_api import AgentAPI

MAX_BODY = 1024 * 1024


def build(database: Database, agent_api: AgentAPI, *, liveness: Liveness, max_body: int = MAX_BODY) -> WSGIApplication:
    """Return the application. There is no authentication, so it serves requests from this host only."""
    middleware: Any = [auth.LoopbackOnly(), body.BodyLimit(max_body)]
    app = falcon.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app)
    links = Links(database, agent_api, liveness)
    agents_of_hosts = agent_operations.Agents(database, agent_api, liveness)
    resources: dict[str, Any] = {
        "versions": versions.Versions(),
        "version": versions.VersionOne(),
        "openapi": openapi.OpenApi(),
        "healthcheck": healthcheck.Healthcheck(database.ping),
        "bridge_links": bridge_links.BridgeLinks(links, max_body),
        "bridge_link": bridge_links.BridgeLink(links, max_body),
        "agents": agents.Agents(agents_of_hosts),
        "agent": agents.Agent(agents_of_hosts, max_body),
        "port_events": port_events.PortEvents(Events(database, liveness)),
    }
    for route in ROUTES:
        app.add_route(route.path, resources[route.resource])
    return oslo_middleware.RequestId(app)
