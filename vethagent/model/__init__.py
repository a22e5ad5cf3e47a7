"""What the two sides say to each other: the wire, the REST bodies and the OpenAPI schema are these models.

Every message names the version of the contract that its sender speaks. A reader ignores fields that it does not know
(a newer minor version) and refuses a newer major version. REST bodies come from people, so there the API validates
with ``extra="forbid"``: a misspelt field is an error, not a silence.
"""

from vethagent.model.base import MODEL_VERSION, Message, Model, explain
from vethagent.model.digests import desired_digest, digest, observed_digest
from vethagent.model.fields import (
    BridgeKind,
    Count,
    DeviceName,
    Digest,
    EventKind,
    Flag,
    Host,
    LinkId,
    Mac,
    Mode,
    Mtu,
    Reason,
    Status,
    Tag,
    Text,
    Utc,
    check_device_name,
)
from vethagent.model.hosts import Bridge, BridgePort, HostDescription, HostPlan, PlannedLink, VethPair
from vethagent.model.links import BridgeLink, BridgeLinkCreate, BridgeLinkUpdate, Ends, HostState, LinkEnd, LinkRef
from vethagent.model.states import (
    Difference,
    EndState,
    Health,
    HealthReason,
    LinkState,
    PortEvent,
    PortEvents,
    ReportAnswer,
    StateReport,
)

__all__ = [
    "MODEL_VERSION",
    "Bridge",
    "BridgeKind",
    "BridgeLink",
    "BridgeLinkCreate",
    "BridgeLinkUpdate",
    "BridgePort",
    "Count",
    "DeviceName",
    "Difference",
    "Digest",
    "EndState",
    "Ends",
    "EventKind",
    "Flag",
    "Health",
    "HealthReason",
    "Host",
    "HostDescription",
    "HostPlan",
    "HostState",
    "LinkEnd",
    "LinkId",
    "LinkRef",
    "LinkState",
    "Mac",
    "Message",
    "Mode",
    "Model",
    "Mtu",
    "PlannedLink",
    "PortEvent",
    "PortEvents",
    "Reason",
    "ReportAnswer",
    "StateReport",
    "Status",
    "Tag",
    "Text",
    "Utc",
    "VethPair",
    "check_device_name",
    "desired_digest",
    "digest",
    "explain",
    "observed_digest",
]
