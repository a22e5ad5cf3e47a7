"""Where a message enters: validation against the models, one sentence for what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pydantic

from vethagent import exceptions, model

M = TypeVar("M", bound=model.Message)

_TEXT: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(model.Text)


def parse(kind: type[M], body: object) -> M:
    """Return ``body`` as a ``kind``; raise InvalidMessage or UnsupportedVersion, the text naming the field."""
    try:
        return kind.model_validate(body)
    except pydantic.ValidationError as error:
        field, sentence = model.explain(error)
        if field == "version":
            raise exceptions.UnsupportedVersion(sentence) from None
        raise exceptions.InvalidMessage(f"{kind.__name__}: {sentence}") from None


def parse_link(body: object) -> model.BridgeLink | model.UnreadLink:
    """Return ``body`` as a link, which a newer minor version may want so that this one does not understand it."""
    try:
        return model.read_link(body)
    except pydantic.ValidationError:
        return parse(model.BridgeLink, body)


def request_id(context: Mapping[str, object]) -> str | None:
    """Return of which request a message is, None if it does not say so in a way that can be passed on."""
    try:
        return _TEXT.validate_python(context.get("request_id"))
    except pydantic.ValidationError:
        return None


def parse_all(kind: type[M], bodies: object) -> list[M]:
    """Return each of ``bodies`` as a ``kind``; one that is wrong makes the whole message invalid."""
    if not isinstance(bodies, list | tuple):
        raise exceptions.InvalidMessage(f"a list of {kind.__name__} is needed, not {type(bodies).__name__}")
    return [parse(kind, body) for body in bodies]


def dump(message: model.Message) -> dict[str, Any]:
    """Return ``message`` as plain JSON types."""
    return message.model_dump(mode="json")


def dump_all(messages: Sequence[model.Message]) -> list[dict[str, Any]]:
    """Return ``messages`` as plain JSON types."""
    return [dump(message) for message in messages]
