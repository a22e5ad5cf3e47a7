"""Bodies and answers of the API as they travel: plain dicts, so that fields of a newer minor version pass through."""

from typing import Any, NotRequired, TypedDict


class End(TypedDict):
    """One end of a link as wanted."""

    bridge: str
    kind: NotRequired[str]
    device: NotRequired[str | None]
    mac: NotRequired[str | None]
    tag: NotRequired[int | None]


class EndState(TypedDict):
    """One end of a link as its agent saw it; None is 'unknown'."""

    bridge: str
    kind: str
    device: str
    present: bool
    ifindex: int | None
    peer_ifindex: int | None
    attached_to: str | None
    mac: str | None
    mtu: int | None
    up: bool | None
    carrier: bool | None
    tx_checksum: bool | None
    stp: bool | None
    datapath_type: str | None
    ofport: int | None
    tag: int | None
    error: str | None


class Difference(TypedDict):
    """One thing that is not as wanted."""

    code: str
    device: str
    wanted: str
    observed: str


class LinkCreate(TypedDict):
    """Body that makes a link."""

    host: str
    ends: list[End]
    name: NotRequired[str | None]
    mtu: NotRequired[int | None]
    adopt: NotRequired[bool]
    allow_loop: NotRequired[bool]
    admin_state_up: NotRequired[bool]
    confirm: NotRequired[bool]
    id: NotRequired[str]
    labels: NotRequired[dict[str, str]]


class LinkUpdate(TypedDict, total=False):
    """Body that changes a link: what is absent stays as it is."""

    ends: list[End]
    name: str | None
    mtu: int | None
    adopt: bool
    allow_loop: bool
    admin_state_up: bool
    confirm: bool
    labels: dict[str, str | None]


class Link(TypedDict):
    """A link: what is wanted, and what its agent made of it; times are RFC 3339."""

    id: str
    template_id: str | None
    host: str
    name: str | None
    ends: list[End]
    mtu: int | None
    adopt: bool
    allow_loop: bool
    admin_state_up: bool
    confirm: bool
    labels: dict[str, str]
    generation: int
    request_id: str | None
    status: str
    reason: str
    message: str
    flapping: NotRequired[bool]
    observed: list[EndState]
    differences: list[Difference]
    observed_generation: int | None
    created_at: str
    updated_at: str
    status_changed_at: str


class AgentUpdate(TypedDict, total=False):
    """Body that changes an agent: what is absent stays as it is."""

    mode: str
    description: str | None
    labels: dict[str, str | None]


class HealthReason(TypedDict):
    """One part of an agent that does not work as it should."""

    part: str
    message: str


class Agent(TypedDict):
    """The agent of one host; ``report_interval`` is in seconds, times are RFC 3339."""

    host: str
    alive: bool
    flapping: NotRequired[bool]
    ready: bool
    health: list[HealthReason]
    mode: str
    reported_mode: str
    description: str | None
    labels: dict[str, str]
    agent_version: str
    contract_version: str
    started_at: str
    reported_at: str
    report_interval: float
    links: dict[str, int]
    drifted: int
    counters: dict[str, int]
    desired_in_step: bool
    observed_in_step: bool


class AgentChange(TypedDict):
    """One thing that happened to an agent: who, when and why."""

    id: int
    host: str
    kind: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: str


class Event(TypedDict):
    """A port event as it was stored; ``took_ms`` is in milliseconds, times are RFC 3339."""

    id: int
    host: str
    link_id: str
    link_name: str | None
    seq: int
    kind: str
    generation: int
    status: str
    reason: str
    message: str
    repaired: list[Difference]
    differences: list[Difference]
    ends: list[EndState]
    took_ms: float | None
    observed_at: str
    received_at: str
    request_id: str | None


class Change(TypedDict):
    """One change of a link: who, when and why."""

    id: int
    link_id: str
    host: str
    link_name: str | None
    generation: int
    status: str
    reason: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: str


class Condition(TypedDict):
    """One thing that has to be so for a link to be as wanted."""

    name: str
    wanted: str
    observed: str
    met: bool
    since: str | None


class Diagnosis(TypedDict):
    """Why a link is as it is."""

    link_id: str
    status: str
    reason: str
    sentence: str
    conditions: list[Condition]


class BridgePort(TypedDict):
    """One device in a bridge; ``link_id`` if it is owned."""

    device: str
    link_id: str | None


class Bridge(TypedDict):
    """One bridge of a host."""

    name: str
    kind: str
    mtu: int | None
    datapath_type: str | None
    stp: bool
    physical_network: NotRequired[str | None]
    ports: list[BridgePort]


class VethPair(TypedDict):
    """One veth pair with the bridges that its two devices are in; ``link_id`` if it is owned."""

    devices: list[str]
    bridges: list[str | None]
    link_id: str | None


class BridgeWay(TypedDict):
    """One way from a bridge to another one of the same host; ``link_id`` if it is owned."""

    bridges: list[str]
    device: str
    patch: bool
    link_id: str | None


class HostDescription(TypedDict):
    """A host as its agent sees it; if it could not be asked (``live``), as it told at ``reported_at``."""

    host: str
    bridges: list[Bridge]
    pairs: list[VethPair]
    ways: NotRequired[list[BridgeWay]]
    live: NotRequired[bool]
    reported_at: NotRequired[str]


class LinkState(TypedDict):
    """A link as it is on its host."""

    link_id: str
    generation: int
    status: str
    reason: str
    message: str
    ends: list[EndState]
    differences: list[Difference]


class PlannedLink(TypedDict):
    """The steps that an agent would take for one link, each a sentence."""

    link_id: str
    steps: list[str]
    state: LinkState


class HostPlan(TypedDict):
    """What an agent would do."""

    host: str
    links: list[PlannedLink]


class TemplateLink(TypedDict):
    """The link that each host of a template gets."""

    ends: list[End]
    name: NotRequired[str | None]
    mtu: NotRequired[int | None]
    adopt: NotRequired[bool]
    allow_loop: NotRequired[bool]
    admin_state_up: NotRequired[bool]
    confirm: NotRequired[bool]
    labels: NotRequired[dict[str, str]]


class Selector(TypedDict):
    """Which agents: one of the host names, with ``*`` and ``?``, and labels that fit to all expressions."""

    hosts: NotRequired[list[str]]
    labels: NotRequired[list[str]]


class RolloutPolicy(TypedDict, total=False):
    """How a change is brought to the hosts; ``pause`` and ``time_limit`` are in seconds."""

    canary: int
    batch_size: int
    pause: float
    max_failure_share: float
    time_limit: float


class LinkTemplateCreate(TypedDict):
    """Body that makes a template."""

    name: str
    link: TemplateLink
    selector: Selector
    description: NotRequired[str | None]
    policy: NotRequired[RolloutPolicy]
    id: NotRequired[str]


class LinkTemplateUpdate(TypedDict, total=False):
    """Body that changes a template: what is absent stays as it is, what is there is taken whole."""

    name: str
    description: str | None
    link: TemplateLink
    selector: Selector
    policy: RolloutPolicy


class HostCounts(TypedDict):
    """Hosts by what has become of them."""

    total: int
    waiting: int
    started: int
    done: int
    failed: int
    away: int


class Rollout(TypedDict):
    """The way of one revision of a template to its hosts; times are RFC 3339."""

    id: str
    template_id: str
    template_name: str
    revision: int
    state: str
    message: str
    policy: RolloutPolicy
    counts: HostCounts
    batches: int
    request_id: str | None
    created_at: str
    state_changed_at: str


class RolloutChange(TypedDict):
    """One thing that happened to a roll-out."""

    id: int
    state: str
    message: str
    changed_by: str
    request_id: str | None
    changed_at: str


class LinkTemplate(TypedDict):
    """A template, how far its hosts are, and its newest roll-out; times are RFC 3339."""

    id: str
    name: str
    description: str | None
    link: TemplateLink
    selector: Selector
    policy: RolloutPolicy
    generation: int
    revision: int
    hosts: HostCounts
    rollout: Rollout
    created_at: str
    updated_at: str


class Revision(TypedDict):
    """What a template wanted, and who wanted it."""

    number: int
    link: TemplateLink
    selector: Selector
    created_by: str
    request_id: str | None
    created_at: str


class Member(TypedDict):
    """One host of a template; ``message`` is why it is not as wanted."""

    host: str
    state: str
    leaving: bool
    message: str
    revision: int | None
    link_id: str | None
    rollout_id: str | None
    batch: int | None
    started_at: str | None


class PlannedHost(TypedDict):
    """What a change would mean for one host; ``action`` is create, change or remove."""

    host: str
    action: str
    here: bool
    batch: int


class TemplatePlan(TypedDict):
    """What a change of a template would mean."""

    hosts: list[PlannedHost]
    unchanged: int


#: Of a request, by name; None is left out.
Query = dict[str, Any]
