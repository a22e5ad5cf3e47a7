"""What all models have in common, and the version that messages carry."""

from typing import Any

import pydantic
from pydantic import Field

MODEL_VERSION = "1.1"


class Model(pydantic.BaseModel):
    """Immutable; unknown fields are ignored unless the caller of ``model_validate`` says otherwise."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class Message(Model):
    """A model that travels by itself and so names the version of the contract."""

    version: str = Field(default=MODEL_VERSION, pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")

    @pydantic.field_validator("version")
    @classmethod
    def _check_version(cls, version: str) -> str:
        if int(version.split(".")[0]) > int(MODEL_VERSION.split(".")[0]):
            raise ValueError(f"{version} is newer than {MODEL_VERSION}, the newest that is understood here")
        return version


def explain(error: pydantic.ValidationError) -> tuple[str, str]:
    """Return (field, sentence) for the first thing wrong in ``error``; the field is dotted, '' for the whole."""
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return field, f"{field}: {text}" if field else text
