"""What the helper can be asked to do: one typed operation for each verb, checked field by field on arrival."""

from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from vethagent import constants, exceptions, model

#: How an outcome begins that says who has a wanted name.
NAME_TAKEN = "the name "

Ifindex = Annotated[int, Field(strict=True, gt=0, lt=1 << 31)]


class _Operation(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    link_id: model.LinkId

    @property
    def alias(self) -> str:
        """The mark that the link's devices carry."""
        return constants.ALIAS_PREFIX + self.link_id


class NewEnd(pydantic.BaseModel):
    """A device to be made; ``master`` is the ifindex of its Linux bridge, None for none."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: model.DeviceName
    mac: model.Mac
    mtu: model.Mtu
    master: Ifindex | None = None
    up: model.Flag = True
    tx_checksum: model.Flag = True


class CreatePair(_Operation):
    """Make a veth pair, whole: named, marked, in its bridges, up. If a part fails nothing of it is left."""

    verb: Literal["create_pair"] = "create_pair"
    ends: tuple[NewEnd, NewEnd]


class ChangeEnd(_Operation):
    """Change what is given of an owned device; ``master`` 0 takes it out of its bridge. The mark is set anew.

    With ``bridge_follows`` its bridge need not keep its MTU: it has it from this device, and follows it back.
    """

    verb: Literal["change_end"] = "change_end"
    ifindex: Ifindex
    name: model.DeviceName | None = None
    mac: model.Mac | None = None
    mtu: model.Mtu | None = None
    master: Annotated[int, Field(strict=True, ge=0, lt=1 << 31)] | None = None
    up: model.Flag | None = None
    tx_checksum: model.Flag | None = None
    gro: model.Flag | None = None
    bridge_follows: model.Flag | None = None


class AdoptPair(_Operation):
    """Mark both devices of a veth pair that carries no mark at all; nothing else of it changes."""

    verb: Literal["adopt_pair"] = "adopt_pair"
    ifindexes: tuple[Ifindex, Ifindex]


class DeletePair(_Operation):
    """Delete an owned device, and with it its peer."""

    verb: Literal["delete_pair"] = "delete_pair"
    ifindex: Ifindex


Operation = CreatePair | ChangeEnd | AdoptPair | DeletePair

_BATCH: pydantic.TypeAdapter[list[Operation]] = pydantic.TypeAdapter(
    list[Annotated[Operation, Field(discriminator="verb")]]
)


def dump(operations: list[Operation]) -> list[dict[str, Any]]:
    """Return ``operations`` as plain types that go through the helper's channel."""
    return [operation.model_dump(mode="json", exclude_none=True) for operation in operations]


def parse(body: object) -> list[Operation]:
    """Return ``body`` as operations; raise HelperRefused, the text naming the field, if any of it is wrong."""
    try:
        return _BATCH.validate_python(body)
    except pydantic.ValidationError as error:
        raise exceptions.HelperRefused(model.explain(error)[1]) from None
