"""What the route table is made of."""

import dataclasses
from typing import Literal

import pydantic

from vethagent.controller import requests

ETAG = (("ETag", "The generation"),)
BODY_ERRORS = ("INVALID_REQUEST", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")


@dataclasses.dataclass(frozen=True)
class Operation:
    """One method of a route; ``answer`` None is an answer that no model describes.

    ``role`` is what it takes by default, None if it is for everybody without a look who it is.
    It takes If-Match if ``if_match``, answers 200 to what was there already if ``repeated``, and ``headers`` are names
    and descriptions of those that the answer has.
    """

    summary: str
    answer: type[pydantic.BaseModel] | None
    role: Literal["reader", "member", "admin"] | None
    status: int = 200
    query: type[pydantic.BaseModel] = requests.NoQuery
    body: type[pydantic.BaseModel] | None = None
    errors: tuple[str, ...] = ("INVALID_REQUEST",)
    if_match: bool = False
    repeated: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Route:
    """One path; ``resource`` is the key of the object that serves it."""

    path: str
    resource: str
    operations: dict[str, Operation]

    def operation_id(self, method: str) -> str:
        """Return the name of one of the operations, in the OpenAPI document and in the rule for it."""
        return f"{method.lower()}_{self.resource}"
