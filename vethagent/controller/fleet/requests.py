"""What the API takes beside the bodies of ``vethagent.model`` for templates and roll-outs."""

from typing import Annotated

from pydantic import Field

from vethagent import model
from vethagent.controller.fleet import showing
from vethagent.controller.fleet.deciding import MemberState, RolloutState
from vethagent.controller.requests import Limit, fields_of, sort_of

#: What templates can be sorted by.
TEMPLATE_SORT_KEYS = ("id", "name", "created_at", "updated_at")

#: What roll-outs can be sorted by.
ROLLOUT_SORT_KEYS = ("id", "state", "created_at", "state_changed_at")


class TemplateQuery(model.Model):
    """Which templates to list; ``marker`` is the id of the last one already seen."""

    name: model.Text | None = None
    sort: str | None = sort_of(TEMPLATE_SORT_KEYS, "id")
    fields: str | None = fields_of(showing.LinkTemplate)
    limit: Limit = 1000
    marker: model.LinkId | None = None


class MemberQuery(model.Model):
    """Which hosts of a template to list; ``marker`` is the last one already seen."""

    state: MemberState | None = None
    limit: Limit = 1000
    marker: model.Host | None = None


class RolloutQuery(model.Model):
    """Which roll-outs to list; ``marker`` is the id of the last one already seen."""

    template_id: model.LinkId | None = None
    state: RolloutState | None = None
    sort: str | None = sort_of(ROLLOUT_SORT_KEYS, "id")
    fields: str | None = fields_of(showing.Rollout)
    limit: Limit = 1000
    marker: model.LinkId | None = None


class TemplateDeleteQuery(model.Model):
    """``keep_links`` leaves the links, as plain ones."""

    keep_links: bool = False


class UndoQuery(model.Model):
    """``revision`` is the one to go back to; the one before the newest if not given."""

    revision: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
