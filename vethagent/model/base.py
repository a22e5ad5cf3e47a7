"""What all models have in common, and the version that messages carry."""

import re
from typing import Any

import pydantic
from pydantic import Field
from pydantic_core import PydanticCustomError

MODEL_VERSION = "1.4"


def _without_null(schema: dict[str, Any]) -> None:
    schema |= next(each for each in schema.pop("anyOf") if each != {"type": "null"})
    del schema["default"]


#: Of a field that may be absent, which is None in Python, and must not be null on the wire.
NOT_NULL: Any = Field(default=None, json_schema_extra=_without_null)


class Model(pydantic.BaseModel):
    """Immutable; unknown fields are ignored unless the caller of ``model_validate`` says otherwise."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class Changes(Model):
    """What is absent stays as it is."""

    @pydantic.field_validator("*")
    @classmethod
    def _check_null(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        if value is None and cls.model_fields[str(info.field_name)].json_schema_extra is _without_null:
            raise ValueError("must not be null")
        return value


_VERSION = r"^[0-9]{1,4}\.[0-9]{1,4}$"


def is_newer_minor(version: object) -> bool:
    """Return whether ``version`` is of the same major version as this, and newer: it may have words of its own."""
    if not isinstance(version, str) or not re.fullmatch(_VERSION, version):
        return False
    major, minor = map(int, version.split("."))
    own_major, own_minor = map(int, MODEL_VERSION.split("."))
    return major == own_major and minor > own_minor


class Message(Model):
    """A model that travels by itself and so names the version of the contract."""

    version: str = Field(default=MODEL_VERSION, pattern=_VERSION)

    @pydantic.field_validator("version")
    @classmethod
    def _check_version(cls, version: str) -> str:
        if int(version.split(".")[0]) > int(MODEL_VERSION.split(".")[0]):
            raise ValueError(f"{version} is newer than {MODEL_VERSION}, the newest that is understood here")
        return version


#: The type of an error that no schema can tell: each part is good, and together they are not.
CONTRADICTION = "contradiction"


def contradiction(sentence: str) -> PydanticCustomError:
    """Return what a validator raises for it."""
    return PydanticCustomError(CONTRADICTION, "{sentence}", {"sentence": sentence})


#: What a pattern asks for, in words.
_MEANINGS: dict[str, str] = {}


def meaning(pattern: str, words: str) -> str:
    """Return ``pattern``; from now on ``explain`` has ``words`` for it, such as "must be a UUID"."""
    _MEANINGS[pattern] = words
    return pattern


def explain(error: pydantic.ValidationError) -> tuple[str, str]:
    """Return (field, sentence) for the first thing wrong in ``error``; the field is dotted, '' for the whole."""
    first: Any = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"] if part != "[key]")  # so pydantic says that a name is meant
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        text = _MEANINGS.get(first["ctx"]["pattern"], text)
    elif first["type"].endswith("too_short") and first["ctx"]["min_length"] == 1:
        text = "must not be empty"
    text = text[:1].lower() + text[1:]
    return field, f"{field}: {text}" if field else text
