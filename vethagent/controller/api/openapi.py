"""The OpenAPI 3.1 document, made from the route table and the models that really check and answer."""

import json
import re
from collections.abc import Iterable
from typing import Any

import falcon
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from vethagent.controller.api import errors
from vethagent.controller.api.body import parse_query
from vethagent.controller.api.operation import Operation, Route
from vethagent.controller.api.routes import ROUTES
from vethagent.controller.requests import NoQuery

_REF = "#/components/schemas/{model}"
_COMMON_ERRORS = ("FORBIDDEN", "TOO_MANY_REQUESTS", "INTERNAL", "DATABASE_UNAVAILABLE")

#: By strategy; without authentication none is needed.
_SECURITY = {
    "http_basic": {"type": "http", "scheme": "basic"},
    "keystone": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
}


class OpenApi:
    """The document, made once."""

    def __init__(self) -> None:
        self._document = json.dumps(document()).encode()

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show."""
        parse_query(NoQuery, request)
        response.content_type = falcon.MEDIA_JSON
        response.data = self._document


def document() -> dict[str, Any]:
    """Return the whole document as plain JSON types."""
    schemas = models_json_schema(sorted(_models(ROUTES), key=lambda pair: pair[0].__name__), ref_template=_REF)[1]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vethagent",
            "version": "1.0",
            "description": "Veth pairs between bridges, driven from one place on many hosts.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            route.path: {
                method.lower(): _operation(route, method, operation) for method, operation in route.operations.items()
            }
            for route in ROUTES
        },
        "components": {
            "schemas": _closed(schemas["$defs"]),
            "securitySchemes": _SECURITY,
        },
    }


def _bodies() -> set[type[Any]]:
    return {operation.body for route in ROUTES for operation in route.operations.values() if operation.body}


def _models(routes: Iterable[Route]) -> set[tuple[type[Any], JsonSchemaMode]]:
    used: set[tuple[type[Any], JsonSchemaMode]] = {(errors.ErrorBody, "serialization")}
    used |= {(body, "validation") for body in _bodies()}
    for route in routes:
        used |= {(each.answer, "serialization") for each in route.operations.values() if each.answer}
    return used


def _closed(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return ``schemas`` with no more fields allowed than those that are named in all that a body is made of.

    The API refuses fields that it does not know, though the models by themselves do not.
    """
    closed: set[str] = set()
    found = {body.__name__ for body in _bodies()}
    while found - closed:
        name = (found - closed).pop()
        closed.add(name)
        found |= set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(schemas[name])))
    return {
        name: schema | {"additionalProperties": False} if name in closed and schema.get("properties") else schema
        for name, schema in schemas.items()
    }


def _operation(route: Route, method: str, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.operation_id(method),
        "summary": operation.summary,
        "parameters": _path_parameters(route.path) + _query_parameters(operation) + _header_parameters(operation),
        "responses": {str(status): _answer(operation) for status in _statuses(operation)} | _errors(operation),
    }
    if operation.role is not None:
        described["security"] = [{}, *({name: []} for name in _SECURITY)]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    schema = operation.query.model_json_schema()
    parameters = []
    for name, field in schema.get("properties", {}).items():
        inlined = _inlined(field, schema.get("$defs", {}))
        parameters.append({"name": name, "in": "query", "required": False, "schema": inlined})
    return parameters


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    if not operation.if_match:
        return []
    described = "Done only if it has this generation, as ETag had it"
    schema = {"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'}
    return [{"name": "If-Match", "in": "header", "required": False, "description": described, "schema": schema}]


def _statuses(operation: Operation) -> set[int]:
    return {operation.status, 200} if operation.repeated else {operation.status}


def _inlined(field: Any, definitions: dict[str, Any]) -> Any:
    """Return ``field`` with what it refers to in its place, as a parameter has no definitions of its own."""
    if isinstance(field, list):
        return [_inlined(each, definitions) for each in field]
    if not isinstance(field, dict):
        return field
    if "$ref" in field:
        return definitions[field["$ref"].rpartition("/")[2]]
    return {name: _inlined(value, definitions) for name, value in field.items()}


def _answer(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "Done"}
    if operation.answer is not None:
        described["content"] = _json(operation.answer)
    if operation.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in operation.headers
        }
    return described


def _errors(operation: Operation) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    refused = () if operation.role is None else ("UNAUTHORIZED", "KEYSTONE_UNAVAILABLE", "USER_FILE_ERROR")
    for code in dict.fromkeys((*operation.errors, *refused, *_COMMON_ERRORS)):
        by_status.setdefault(str(errors.STATUS[code]), []).append(code)
    return {
        status: {"description": ", ".join(codes), "content": _json(errors.ErrorBody)}
        for status, codes in sorted(by_status.items())
    }


def _json(kind: type[Any]) -> dict[str, Any]:
    return {falcon.MEDIA_JSON: {"schema": {"$ref": _REF.format(model=kind.__name__)}}}
