"""Templates, members and roll-outs as the API shows them, and what it takes to list them."""

import datetime
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from vethagent import model
from vethagent.controller.db import models
from vethagent.controller.fleet.deciding import MemberState, RolloutState


class Counts(model.Model):
    """Hosts by what has become of them."""

    total: int
    waiting: int = Field(description="Their turn has not come")
    started: int = Field(description="Were asked and have not answered yet")
    done: int = Field(description="Are as wanted")
    failed: int
    away: int = Field(description="Have no agent that would act now; it does when it is back")


class Rollout(model.Model):
    """The way of one revision of a template to its hosts."""

    id: str
    template_id: str
    template_name: str
    revision: int
    state: RolloutState
    message: str = Field(description="What it did last, or why it stopped")
    policy: model.RolloutPolicy = Field(description="As the template's was when it began")
    counts: Counts
    batches: int = Field(description="Batches that were begun, the canary too")
    request_id: str | None = Field(description="Of the request that began it")
    created_at: datetime.datetime
    state_changed_at: datetime.datetime


class RolloutChange(model.Model):
    """One thing that happened to a roll-out."""

    id: int
    state: RolloutState
    message: str
    changed_by: str = Field(description="'user' and the name, 'anonymous', or 'controller'")
    request_id: str | None
    changed_at: datetime.datetime


class LinkTemplate(model.Model):
    """A template, and how far its hosts are."""

    id: str
    name: str
    description: str | None
    link: model.TemplateLink
    selector: model.Selector
    policy: model.RolloutPolicy = Field(description="Of the next roll-out")
    generation: int = Field(description="Rises with every change; the ETag")
    revision: int = Field(description="Rises when link or selector change")
    hosts: Counts
    rollout: Rollout = Field(description="The newest one")
    created_at: datetime.datetime
    updated_at: datetime.datetime


class Revision(model.Model):
    """What a template wanted, and who wanted it."""

    number: int
    link: model.TemplateLink
    selector: model.Selector
    created_by: str
    request_id: str | None
    created_at: datetime.datetime


class Member(model.Model):
    """One host of a template."""

    host: str
    state: MemberState
    leaving: bool = Field(description="Whether it is to lose its link")
    message: str = Field(description="Why it is not as wanted")
    revision: int | None = Field(description="That its link has, or is to get now")
    link_id: str | None
    rollout_id: str | None = Field(description="That it has its turn in; null if it joined by itself")
    batch: int | None = Field(description="In which it had its turn; 0 is the first one")
    started_at: datetime.datetime | None


class PlannedHost(model.Model):
    """What a change would mean for one host."""

    host: str
    action: Literal["create", "change", "remove"]
    here: bool = Field(description="Whether its agent would act now; those that would not come last")
    batch: int = Field(description="0 is the first one")


class TemplatePlan(model.Model):
    """What a change would mean; hosts for which it means nothing are only counted."""

    hosts: tuple[PlannedHost, ...]
    unchanged: int


def rollout_of(row: models.Rollout, template_name: str) -> Rollout:
    """Return ``row`` as it is shown."""
    return Rollout(**_columns(row, Rollout) | {"template_name": template_name})


def change_of(row: models.RolloutChange) -> RolloutChange:
    """Return ``row`` as it is shown."""
    return RolloutChange(**_columns(row, RolloutChange))


def template_of(
    row: models.LinkTemplate,
    revision: models.TemplateRevision,
    rollout: models.Rollout,
    counts: Mapping[str, int],
) -> LinkTemplate:
    """Return ``row`` as it is shown; ``counts`` are of its members by state."""
    named = {name.lower(): count for name, count in counts.items()}
    return LinkTemplate(
        **_columns(row, LinkTemplate)
        | {
            "link": revision.link,
            "selector": revision.selector,
            "hosts": dict.fromkeys(Counts.model_fields, 0) | named | {"total": sum(counts.values())},
            "rollout": rollout_of(rollout, row.name),
        }
    )


def revision_of(row: models.TemplateRevision) -> Revision:
    """Return ``row`` as it is shown."""
    return Revision(**_columns(row, Revision))


def member_of(row: models.TemplateMember, link_id: str | None) -> Member:
    """Return ``row`` as it is shown."""
    return Member(**_columns(row, Member) | {"link_id": link_id})


def _columns(row: object, kind: type[model.Model]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in kind.model_fields if hasattr(row, name)}
