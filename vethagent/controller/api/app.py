"""The WSGI application, put together from values."""

import functools
from typing import Any
from wsgiref.types import WSGIApplication

import falcon
import oslo_middleware

from vethagent.controller import agents as agent_operations
from vethagent.controller.api import (
    access,
    agents,
    auth,
    body,
    bridge_links,
    errors,
    healthcheck,
    hosts,
    link_templates,
    metrics,
    openapi,
    page,
    policies,
    port_events,
    rate,
    rollouts,
    versions,
)
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.closed_rings import ClosedRings
from vethagent.controller.db.database import Database
from vethagent.controller.events import Events
from vethagent.controller.fleet.rollouts import Rollouts as RolloutOperations
from vethagent.controller.fleet.templates import Templates
from vethagent.controller.hosts import Hosts
from vethagent.controller.links import Links
from vethagent.controller.liveness import Liveness
from vethagent.controller.metrics import FleetMetrics
from vethagent.rpc.agent_api import AgentAPI

MAX_BODY = 1024 * 1024


def build(
    database: Database,
    agent_api: AgentAPI,
    *,
    liveness: Liveness,
    authentication: auth.Authentication,
    rules: policies.Rules,
    max_body: int = MAX_BODY,
    rate_limit: int = 0,
) -> WSGIApplication:
    """Return the application; ``rate_limit`` is in requests a second from one address, 0 is none."""
    middleware: list[Any] = [policies.Gate(authentication, rules), body.BodyLimit(max_body)]
    if rate_limit:
        middleware.insert(0, rate.RateLimit(rate_limit))
    app = falcon.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app)
    resources = _resources(database, agent_api, liveness, rules=rules, max_body=max_body)
    for route in ROUTES:
        app.add_route(route.path, _headed(resources[route.resource]))
    # No part of the API, so not in its table, and for everybody: it shows only what the API gives its user.
    app.add_route("/ui", _headed(page.Entry()))
    app.add_route("/ui/{name}", page.Page())
    return oslo_middleware.RequestId(app)


def _headed(resource: Any) -> Any:
    """Return ``resource``, which answers HEAD as GET if it has that: Falcon leaves the body out.

    HTTP wants so of a server, and many a proxy, browser or ``curl --head`` takes it for granted.
    """
    if hasattr(resource, "on_get"):
        resource.on_head = resource.on_get
    return resource


def _resources(
    database: Database, agent_api: AgentAPI, liveness: Liveness, *, rules: policies.Rules, max_body: int
) -> dict[str, Any]:
    """Return what serves the routes, by the names in the table of routes."""
    links = Links(database, agent_api, liveness)
    events = Events(database, liveness)
    agents_of_hosts = agent_operations.Agents(database, agent_api, liveness)
    hosts_asked = Hosts(database, agent_api, liveness)
    templates = Templates(database, agent_api, liveness)
    rolled_out = RolloutOperations(database, agent_api, liveness)
    rings = ClosedRings(database)
    return {
        "versions": versions.Versions(),
        "version": versions.VersionOne(),
        "openapi": openapi.OpenApi(),
        "access": access.OwnAccess(functools.partial(policies.allowed, rules)),
        "healthcheck": healthcheck.Healthcheck(database.ping),
        "metrics": metrics.Metrics(FleetMetrics(database, liveness)),
        "bridge_links": bridge_links.BridgeLinks(links, max_body),
        "bridge_links_create": bridge_links.BulkCreate(links, max_body),
        "bridge_links_delete": bridge_links.BulkDelete(links, max_body),
        "bridge_link": bridge_links.BridgeLink(links, max_body),
        "bridge_link_history": bridge_links.History(events),
        "bridge_link_diagnosis": bridge_links.Diagnosis(links, agents_of_hosts, events, rings),
        "bridge_link_timing": bridge_links.Timing(links, events),
        "bridge_link_plan": hosts.LinkPlan(hosts_asked, max_body),
        "host_bridges": hosts.Bridges(hosts_asked),
        "host_plan": hosts.Plan(hosts_asked),
        "agents": agents.Agents(agents_of_hosts),
        "agent": agents.Agent(agents_of_hosts, rings, max_body),
        "agent_history": agents.History(agents_of_hosts),
        "link_templates": link_templates.LinkTemplates(templates, max_body),
        "link_template": link_templates.LinkTemplate(templates, max_body),
        "link_template_plan_create": link_templates.PlanCreate(templates, max_body),
        "link_template_plan_update": link_templates.PlanUpdate(templates, max_body),
        "link_template_hosts": link_templates.Members(templates),
        "link_template_revisions": link_templates.Revisions(templates),
        "rollouts": rollouts.Rollouts(rolled_out),
        "rollout": rollouts.Rollout(rolled_out),
        "rollout_history": rollouts.History(rolled_out),
        "rollout_pause": rollouts.Pause(rolled_out),
        "rollout_resume": rollouts.Resume(rolled_out),
        "rollout_undo": rollouts.Undo(rolled_out),
        "port_events": port_events.PortEvents(events),
    }
