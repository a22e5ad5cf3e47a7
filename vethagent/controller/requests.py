"""What the API takes beside the bodies of ``vethagent.model``; all of it is checked before anything is done."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from vethagent import model
from vethagent.controller import views

#: Ids of events are BIGINT in the database.
MAX_ID = (1 << 63) - 1

#: Links in one request.
MAX_BULK = 1000

#: Items on one page.
MAX_LIMIT = 1000

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]


class AgentUpdate(model.Changes):
    """Body of ``PATCH /v1/agents/{host}``: what is absent stays as it is."""

    mode: model.Mode | None = model.NOT_NULL
    description: model.Text | None = None
    labels: model.LabelChanges | None = model.NOT_NULL


def _listed(names: Iterable[str], suffix: str = "", more: str = "") -> str:
    """Return the pattern of one or more of ``names``, with commas between them; ``more`` says what the suffix is."""
    one = f"({'|'.join(sorted(names))}){suffix}"
    return model.meaning(f"^{one}(,{one})*$", f"must be of {', '.join(sorted(names))}{more}, with commas between them")


def _sorted_by(names: Iterable[str]) -> str:
    return _listed(names, "(:(asc|desc))?", ", each with :asc or :desc or without")


def fields_of(kind: type[model.Model]) -> Any:
    """Return the parameter that names some of the fields of ``kind``."""
    return Field(default=None, pattern=_listed(kind.model_fields), description="Only these, with commas between them")


_LABEL = r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?(=([A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?)?)?"
#: Each is a condition in SQL, of which a database takes a limited number.
_MAX_LABELS = 64
LabelSelector = Annotated[
    str,
    Field(
        pattern=model.meaning(
            f"^{_LABEL}(,{_LABEL}){{0,{_MAX_LABELS - 1}}}$",
            f"must be NAME or NAME=VALUE of labels, {_MAX_LABELS} at most, with commas between them",
        ),
        max_length=4096,
        description="NAME (whatever its value) or NAME=VALUE; with commas between them, all have to fit",
    ),
]


def parse_labels(selector: str) -> list[tuple[str, str | None]]:
    """Return names and values; None is any value."""
    parts = [part.partition("=") for part in selector.split(",")]
    return [(name, value if equals else None) for name, equals, value in parts]


#: What links can be sorted by.
LINK_SORT_KEYS = ("id", "host", "name", "status", "created_at", "updated_at", "status_changed_at")


def sort_of(keys: Iterable[str], key: str) -> Any:
    """Return the parameter that names some of ``keys``; among equals ``key`` decides."""
    return Field(
        default=None,
        pattern=_sorted_by(keys),
        description=f"KEY or KEY:desc, with commas between them; by {key} if not given, and among equals",
    )


def parse_sort(sort: str) -> list[tuple[str, bool]]:
    """Return names, each once as what is equal by it is not sorted by it again, and whether it is downwards."""
    found: dict[str, bool] = {}
    for part in sort.split(","):
        name, _, direction = part.partition(":")
        found.setdefault(name, direction == "desc")
    return list(found.items())


class LinkQuery(model.Model):
    """Which links to list; ``marker`` is the id of the last one already seen."""

    host: model.Host | None = None
    status: model.Status | None = None
    name: model.Text | None = None
    bridge: model.DeviceName | None = None
    template_id: model.LinkId | None = None
    label: LabelSelector | None = None
    sort: str | None = sort_of(LINK_SORT_KEYS, "id")
    fields: str | None = fields_of(views.Link)
    limit: Limit = 1000
    marker: model.LinkId | None = None


#: What agents can be sorted by.
AGENT_SORT_KEYS = ("host", "mode", "started_at", "reported_at", "agent_version")


class AgentQuery(model.Model):
    """Which agents to list; ``marker`` is the host of the last one already seen."""

    host: model.Host | None = None
    alive: bool | None = None
    mode: model.Mode | None = None
    label: LabelSelector | None = None
    sort: str | None = sort_of(AGENT_SORT_KEYS, "host")
    fields: str | None = fields_of(views.Agent)
    limit: Limit = 1000
    marker: model.Host | None = None


class DeleteQuery(model.Model):
    """``force`` forgets the link at once, whatever its agent does."""

    force: bool = False


class EventQuery(model.Model):
    """Which port events to list: those after the id ``after``, or without it the newest ones."""

    host: model.Host | None = None
    link_id: model.LinkId | None = None
    kind: model.EventKind | None = None
    status: model.Status | None = None
    request_id: model.Text | None = None
    fields: str | None = fields_of(views.Event)
    after: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None
    limit: Limit = 100


class NoQuery(model.Model):
    """No parameters."""


class LinksCreate(model.Model):
    """Body of ``POST /v1/bridge-links/bulk-create``: all of them are made, or none."""

    bridge_links: Annotated[tuple[model.BridgeLinkCreate, ...], Field(min_length=1, max_length=MAX_BULK)]


class LinksDelete(model.Model):
    """Body of ``POST /v1/bridge-links/bulk-delete``; ids that are not known (any more) are passed over."""

    ids: Annotated[tuple[model.LinkId, ...], Field(min_length=1, max_length=MAX_BULK)]
    force: model.Flag = Field(default=False, description="Forget them at once, whatever their agents do")
