"""Link templates: what many hosts get, which hosts those are, and how carefully a change is brought to them."""

from typing import Annotated, Self

import pydantic
from pydantic import BeforeValidator, Field

from vethagent.model.base import NOT_NULL, Changes, Model, contradiction, meaning
from vethagent.model.fields import Labels, LinkId, Text, whole
from vethagent.model.links import LinkShape

_NAME = r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?"
_VALUE = rf"({_NAME})?"

#: ``*`` is any text, ``?`` any character.
_HOSTS = meaning(
    r"^[A-Za-z0-9*?]([A-Za-z0-9._*?-]*[A-Za-z0-9*?])?$",
    "must be a host name, in which * and ? may stand for what is between",
)
HostPattern = Annotated[str, Field(min_length=1, max_length=255, pattern=_HOSTS)]
_EXPRESSION = meaning(
    rf"^(!?{_NAME}|{_NAME}!?={_VALUE}|{_NAME} (not)?in \({_VALUE}(,{_VALUE})*\))$",
    "must be NAME, !NAME, NAME=VALUE, NAME!=VALUE, NAME in (VALUE,…) or NAME notin (VALUE,…)",
)
LabelExpression = Annotated[
    str,
    Field(
        max_length=4096,
        pattern=_EXPRESSION,
        description="NAME, !NAME, NAME=VALUE, NAME!=VALUE, NAME in (VALUE,VALUE) or NAME notin (VALUE,VALUE)",
    ),
]


class Selector(Model):
    """The agents that have one of ``hosts`` as their name, if any is given, and labels to which all ``labels`` fit."""

    hosts: Annotated[tuple[HostPattern, ...], Field(max_length=1000)] = ()
    labels: Annotated[tuple[LabelExpression, ...], Field(max_length=64)] = ()

    @pydantic.model_validator(mode="after")
    def _check_any(self) -> Self:
        if not self.hosts and not self.labels:
            raise contradiction("must have hosts or labels; hosts ['*'] selects all")
        return self


class TemplateLink(LinkShape):
    """The link that each host gets."""

    labels: Labels = Field(default_factory=dict)


class RolloutPolicy(Model):
    """How a change of a template is brought to its hosts."""

    canary: Annotated[int, Field(strict=True, ge=0, le=200), BeforeValidator(whole)] = Field(
        default=1, description="Hosts in the first batch; 0 is no canary"
    )
    batch_size: Annotated[int, Field(strict=True, ge=1, le=200), BeforeValidator(whole)] = Field(
        default=10, description="Hosts in each other batch"
    )
    pause: Annotated[float, Field(ge=0, le=86400)] = Field(
        default=30, description="Seconds from the end of a batch to the next; it is heard within 30 of a host cut off"
    )
    max_failure_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0, description="Stop if more than this share of the hosts begun has failed"
    )
    time_limit: Annotated[float, Field(ge=1, le=86400)] = Field(
        default=120, description="Seconds that a host has until its link is as wanted"
    )


class LinkTemplateCreate(Model):
    """Body of ``POST /v1/link-templates``. With an ``id`` of the client's it may be sent again: it is made once."""

    id: LinkId | None = Field(default=None, description="A new one if not given")
    name: Text = Field(min_length=1)
    description: Text | None = None
    link: TemplateLink
    selector: Selector
    policy: RolloutPolicy = Field(default_factory=RolloutPolicy)


class LinkTemplateUpdate(Changes):
    """Body of ``PATCH /v1/link-templates/{id}``: what is absent stays as it is, what is there is taken whole."""

    name: Annotated[Text, Field(min_length=1)] | None = NOT_NULL
    description: Text | None = None
    link: TemplateLink | None = NOT_NULL
    selector: Selector | None = NOT_NULL
    policy: RolloutPolicy | None = NOT_NULL
