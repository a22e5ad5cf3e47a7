"""Every route and what it takes and answers; the application and the OpenAPI document are made from this table."""

from vethagent import model
from vethagent.controller import diagnosis, requests, timing, views
from vethagent.controller.api import access, agents, bridge_links, port_events, versions
from vethagent.controller.api.fleet_routes import FLEET_ROUTES
from vethagent.controller.api.operation import BODY_ERRORS, ETAG, Operation, Route

_AGENT_ERRORS = ("AGENT_DOWN", "AGENT_BUSY", "BUS_UNAVAILABLE")
_CREATE_ERRORS = (
    "UNKNOWN_HOST",
    "CONTRADICTION",
    "NAME_CONFLICT",
    "LOOP",
    "PHYSNET_LOOP",
    "ID_CONFLICT",
    "PENDING_DELETE",
)

ROUTES = (
    Route("/", "versions", {"GET": Operation("List the versions of the API", versions.VersionList, None)}),
    Route("/v1", "version", {"GET": Operation("Show this version of the API", versions.Version, None)}),
    Route("/v1/openapi.json", "openapi", {"GET": Operation("Show this document", None, None)}),
    Route(
        "/v1/access",
        "access",
        {"GET": Operation("Tell what the user may do", access.Access, "reader")},
    ),
    Route(
        "/healthcheck",
        "healthcheck",
        {
            "GET": Operation("Tell whether requests are served", None, None, errors=("DATABASE_UNAVAILABLE",)),
            "HEAD": Operation("Tell whether requests are served", None, None, errors=("DATABASE_UNAVAILABLE",)),
        },
    ),
    Route(
        "/metrics",
        "metrics",
        {"GET": Operation("Show the metrics of the fleet", None, "reader")},
    ),
    Route(
        "/v1/bridge-links",
        "bridge_links",
        {
            "GET": Operation(
                "List links",
                bridge_links.LinkList,
                "reader",
                query=requests.LinkQuery,
                errors=("INVALID_REQUEST", "UNKNOWN_MARKER"),
            ),
            "POST": Operation(
                "Create a link",
                views.Link,
                "member",
                status=201,
                body=model.BridgeLinkCreate,
                errors=(*BODY_ERRORS, *_CREATE_ERRORS),
                repeated=True,
                headers=ETAG,
            ),
        },
    ),
    Route(
        "/v1/bridge-links/bulk-create",
        "bridge_links_create",
        {
            "POST": Operation(
                "Create many links",
                bridge_links.LinkBulk,
                "member",
                status=201,
                body=requests.LinksCreate,
                errors=(*BODY_ERRORS, *_CREATE_ERRORS),
            ),
        },
    ),
    Route(
        "/v1/bridge-links/bulk-delete",
        "bridge_links_delete",
        {
            "POST": Operation(
                "Delete many links",
                bridge_links.LinkBulk,
                "member",
                status=202,
                body=requests.LinksDelete,
                errors=(*BODY_ERRORS, "TEMPLATE_LINK"),
            ),
        },
    ),
    Route(
        "/v1/bridge-links/{link_id}",
        "bridge_link",
        {
            "GET": Operation(
                "Show a link", views.Link, "reader", errors=("INVALID_REQUEST", "NOT_FOUND"), headers=ETAG
            ),
            "PATCH": Operation(
                "Change a link",
                views.Link,
                "member",
                body=model.BridgeLinkUpdate,
                errors=(
                    *BODY_ERRORS,
                    "NOT_FOUND",
                    "NAME_CONFLICT",
                    "CONTRADICTION",
                    "LOOP",
                    "PHYSNET_LOOP",
                    "PENDING_DELETE",
                    "TEMPLATE_LINK",
                    "PRECONDITION_FAILED",
                ),
                if_match=True,
                headers=ETAG,
            ),
            "DELETE": Operation(
                "Delete a link",
                views.Link,
                "member",
                status=202,
                query=requests.DeleteQuery,
                errors=("INVALID_REQUEST", "NOT_FOUND", "TEMPLATE_LINK", "PRECONDITION_FAILED"),
                if_match=True,
                headers=ETAG,
            ),
        },
    ),
    Route(
        "/v1/bridge-links/{link_id}/history",
        "bridge_link_history",
        {
            "GET": Operation(
                "Tell what became of a link, also of one that is gone",
                bridge_links.LinkHistory,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/bridge-links/{link_id}/diagnosis",
        "bridge_link_diagnosis",
        {
            "GET": Operation(
                "Tell why a link is as it is", diagnosis.Diagnosis, "reader", errors=("INVALID_REQUEST", "NOT_FOUND")
            ),
        },
    ),
    Route(
        "/v1/bridge-links/{link_id}/timing",
        "bridge_link_timing",
        {
            "GET": Operation(
                "Tell how long each part of the newest change took",
                timing.LinkTiming,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/bridge-links/plan",
        "bridge_link_plan",
        {
            "POST": Operation(
                "Tell what would be done for a link that is not created",
                model.HostPlan,
                "member",
                body=model.BridgeLinkCreate,
                errors=(
                    *BODY_ERRORS,
                    "UNKNOWN_HOST",
                    "NAME_CONFLICT",
                    "PHYSNET_LOOP",
                    "CONTRADICTION",
                    "NOT_FOUND",
                    *_AGENT_ERRORS,
                ),
            ),
        },
    ),
    Route(
        "/v1/hosts/{host}/bridges",
        "host_bridges",
        {
            "GET": Operation(
                "Show bridges, their ports and veth pairs, as the agent sees them or has last told",
                views.Inventory,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND", *_AGENT_ERRORS),
            ),
        },
    ),
    Route(
        "/v1/hosts/{host}/plan",
        "host_plan",
        {
            "GET": Operation(
                "Tell what the agent would do now for each link of its host",
                model.HostPlan,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND", *_AGENT_ERRORS),
            ),
        },
    ),
    Route(
        "/v1/agents",
        "agents",
        {
            "GET": Operation(
                "List agents",
                agents.AgentList,
                "reader",
                query=requests.AgentQuery,
                errors=("INVALID_REQUEST", "UNKNOWN_MARKER"),
            )
        },
    ),
    Route(
        "/v1/agents/{host}",
        "agent",
        {
            "GET": Operation("Show an agent", views.OneAgent, "reader", errors=("INVALID_REQUEST", "NOT_FOUND")),
            "PATCH": Operation(
                "Change mode, description or labels of an agent",
                views.Agent,
                "admin",
                body=requests.AgentUpdate,
                errors=(*BODY_ERRORS, "NOT_FOUND", "CONTRADICTION"),
            ),
            "DELETE": Operation(
                "Forget an agent that is dead; its links stay, but those of templates",
                views.Agent,
                "admin",
                errors=("INVALID_REQUEST", "NOT_FOUND", "AGENT_ALIVE"),
            ),
        },
    ),
    Route(
        "/v1/agents/{host}/history",
        "agent_history",
        {
            "GET": Operation(
                "Tell what happened to an agent",
                agents.AgentHistory,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/port-events",
        "port_events",
        {"GET": Operation("List port events", port_events.EventList, "reader", query=requests.EventQuery)},
    ),
    *FLEET_ROUTES,
)
