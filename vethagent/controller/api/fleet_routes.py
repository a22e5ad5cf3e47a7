"""The routes of link templates and roll-outs."""

from vethagent import model
from vethagent.controller.api import link_templates, rollouts
from vethagent.controller.api.operation import BODY_ERRORS, ETAG, Operation, Route
from vethagent.controller.fleet import requests, showing

FLEET_ROUTES = (
    Route(
        "/v1/link-templates",
        "link_templates",
        {
            "GET": Operation(
                "List link templates",
                link_templates.TemplateList,
                "reader",
                query=requests.TemplateQuery,
                errors=("INVALID_REQUEST", "UNKNOWN_MARKER"),
            ),
            "POST": Operation(
                "Create a link template and roll it out",
                showing.LinkTemplate,
                "member",
                status=201,
                body=model.LinkTemplateCreate,
                errors=(*BODY_ERRORS, "CONTRADICTION", "NAME_CONFLICT", "ID_CONFLICT"),
                repeated=True,
                headers=ETAG,
            ),
        },
    ),
    Route(
        "/v1/link-templates/plan",
        "link_template_plan_create",
        {
            "POST": Operation(
                "Tell which hosts a link template would give a link",
                showing.TemplatePlan,
                "member",
                body=model.LinkTemplateCreate,
                errors=(*BODY_ERRORS, "CONTRADICTION", "NAME_CONFLICT", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/link-templates/{template_id}",
        "link_template",
        {
            "GET": Operation(
                "Show a link template",
                showing.LinkTemplate,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND"),
                headers=ETAG,
            ),
            "PATCH": Operation(
                "Change a link template and roll the change out",
                showing.LinkTemplate,
                "member",
                body=model.LinkTemplateUpdate,
                errors=(*BODY_ERRORS, "NOT_FOUND", "CONTRADICTION", "NAME_CONFLICT", "PRECONDITION_FAILED"),
                if_match=True,
                headers=ETAG,
            ),
            "DELETE": Operation(
                "Delete a link template and the links that it made",
                showing.LinkTemplate,
                "member",
                query=requests.TemplateDeleteQuery,
                errors=("INVALID_REQUEST", "NOT_FOUND", "PRECONDITION_FAILED"),
                if_match=True,
                headers=ETAG,
            ),
        },
    ),
    Route(
        "/v1/link-templates/{template_id}/plan",
        "link_template_plan_update",
        {
            "POST": Operation(
                "Tell which hosts would get, lose or change their link",
                showing.TemplatePlan,
                "member",
                body=model.LinkTemplateUpdate,
                errors=(*BODY_ERRORS, "CONTRADICTION", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/link-templates/{template_id}/hosts",
        "link_template_hosts",
        {
            "GET": Operation(
                "List the hosts of a link template",
                link_templates.MemberList,
                "reader",
                query=requests.MemberQuery,
                errors=("INVALID_REQUEST", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/link-templates/{template_id}/revisions",
        "link_template_revisions",
        {
            "GET": Operation(
                "List what a link template wanted, from the beginning",
                link_templates.RevisionList,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/rollouts",
        "rollouts",
        {
            "GET": Operation(
                "List roll-outs",
                rollouts.RolloutList,
                "reader",
                query=requests.RolloutQuery,
                errors=("INVALID_REQUEST", "UNKNOWN_MARKER"),
            ),
        },
    ),
    Route(
        "/v1/rollouts/{rollout_id}",
        "rollout",
        {"GET": Operation("Show a roll-out", showing.Rollout, "reader", errors=("INVALID_REQUEST", "NOT_FOUND"))},
    ),
    Route(
        "/v1/rollouts/{rollout_id}/history",
        "rollout_history",
        {
            "GET": Operation(
                "Tell what happened to a roll-out",
                rollouts.RolloutHistory,
                "reader",
                errors=("INVALID_REQUEST", "NOT_FOUND"),
            ),
        },
    ),
    Route(
        "/v1/rollouts/{rollout_id}/pause",
        "rollout_pause",
        {
            "POST": Operation(
                "Begin no more batches of a roll-out",
                showing.Rollout,
                "member",
                errors=("INVALID_REQUEST", "NOT_FOUND", "ROLLOUT_OVER"),
            ),
        },
    ),
    Route(
        "/v1/rollouts/{rollout_id}/resume",
        "rollout_resume",
        {
            "POST": Operation(
                "Go on with a roll-out, and try again what has failed",
                showing.Rollout,
                "member",
                errors=("INVALID_REQUEST", "NOT_FOUND", "ROLLOUT_OVER"),
            ),
        },
    ),
    Route(
        "/v1/rollouts/{rollout_id}/undo",
        "rollout_undo",
        {
            "POST": Operation(
                "Roll an earlier revision of the link template out",
                showing.Rollout,
                "member",
                status=201,
                query=requests.UndoQuery,
                errors=("INVALID_REQUEST", "NOT_FOUND", "ROLLOUT_OVER", "UNKNOWN_REVISION"),
            ),
        },
    ),
)
