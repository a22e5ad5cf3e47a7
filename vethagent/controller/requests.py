"""What the API takes beside the bodies of ``vethagent.model``; all of it is checked before anything is done."""

from typing import Annotated, Self

import pydantic
from pydantic import Field

from vethagent import model

#: Ids of events are BIGINT in the database.
MAX_ID = (1 << 63) - 1

Limit = Annotated[int, Field(ge=1, le=1000)]


class AgentUpdate(model.Model):
    """Body of ``PATCH /v1/agents/{host}``: what is absent stays as it is."""

    mode: model.Mode | None = None
    description: model.Text | None = None

    @pydantic.model_validator(mode="after")
    def _check_nulls(self) -> Self:
        if "mode" in self.model_fields_set and self.mode is None:
            raise ValueError("mode must not be null")
        return self


class LinkQuery(model.Model):
    """Which links to list; ``marker`` is the id of the last one already seen."""

    host: model.Host | None = None
    status: model.Status | None = None
    name: model.Text | None = None
    bridge: model.DeviceName | None = None
    limit: Limit = 1000
    marker: model.LinkId | None = None


class DeleteQuery(model.Model):
    """``force`` forgets the link at once, whatever its agent does."""

    force: bool = False


class EventQuery(model.Model):
    """Which port events to list: those after the id ``after``, or without it the newest ones."""

    host: model.Host | None = None
    link_id: model.LinkId | None = None
    kind: model.EventKind | None = None
    after: Annotated[int, Field(ge=0, le=MAX_ID)] | None = None
    limit: Limit = 100


class NoQuery(model.Model):
    """No parameters."""
