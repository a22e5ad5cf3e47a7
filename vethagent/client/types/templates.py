"""A link template, its members and its roll-outs."""

from typing import NotRequired, TypedDict

from vethagent.client.types.links import End


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
