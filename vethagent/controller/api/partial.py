"""Models of which a client asks for some fields only."""

import types
from typing import Any

import pydantic

from vethagent import model


def partial(kind: type[model.Model]) -> Any:
    """Return a model whose schema is that of ``kind`` with nothing required; it is there for the document."""

    def extra(schema: dict[str, Any]) -> None:
        schema.pop("required", None)

    body = {
        "__doc__": f"{kind.__name__}, or those of its fields that were asked for.",
        "__module__": __name__,
        "model_config": pydantic.ConfigDict(json_schema_extra=extra),
    }
    return types.new_class(f"{kind.__name__}Fields", (kind,), exec_body=lambda namespace: namespace.update(body))
