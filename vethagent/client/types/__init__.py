"""Bodies and answers of the API as they travel: plain dicts, so that fields of a newer minor version pass through."""

from typing import Any

from vethagent.client.types.agents import Agent, AgentChange, AgentUpdate, HealthReason
from vethagent.client.types.hosts import (
    Bridge,
    BridgePort,
    BridgeWay,
    HostDescription,
    HostPlan,
    LinkState,
    PlannedLink,
    VethPair,
)
from vethagent.client.types.links import (
    Change,
    Condition,
    Diagnosis,
    Difference,
    End,
    EndState,
    Event,
    Link,
    LinkCreate,
    LinkUpdate,
)
from vethagent.client.types.templates import (
    HostCounts,
    LinkTemplate,
    LinkTemplateCreate,
    LinkTemplateUpdate,
    Member,
    PlannedHost,
    Revision,
    Rollout,
    RolloutChange,
    RolloutPolicy,
    Selector,
    TemplateLink,
    TemplatePlan,
)

#: Of a request, by name; None is left out.
Query = dict[str, Any]

__all__ = [
    "Agent",
    "AgentChange",
    "AgentUpdate",
    "Bridge",
    "BridgePort",
    "BridgeWay",
    "Change",
    "Condition",
    "Diagnosis",
    "Difference",
    "End",
    "EndState",
    "Event",
    "HealthReason",
    "HostCounts",
    "HostDescription",
    "HostPlan",
    "Link",
    "LinkCreate",
    "LinkState",
    "LinkTemplate",
    "LinkTemplateCreate",
    "LinkTemplateUpdate",
    "LinkUpdate",
    "Member",
    "PlannedHost",
    "PlannedLink",
    "Query",
    "Revision",
    "Rollout",
    "RolloutChange",
    "RolloutPolicy",
    "Selector",
    "TemplateLink",
    "TemplatePlan",
    "VethPair",
]
