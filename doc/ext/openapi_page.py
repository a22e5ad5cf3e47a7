"""The directive ``openapi``: every operation and every schema of the OpenAPI document that the API serves."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from vethagent.controller.api import openapi

Schema = dict[str, Any]


class OpenApiDirective(SphinxDirective):
    """Takes neither argument nor content."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return self.parse_text_to_nodes("\n".join(_page(openapi.document())), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directive known."""
    app.add_directive("openapi", OpenApiDirective)
    return {"parallel_read_safe": True}


def _page(document: Schema) -> Iterator[str]:
    yield from _heading("Operations", "-")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(method.upper(), path, operation)
    yield from _heading("Schemas", "-")
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _schema(name, schema)


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from _heading(f"{method} {path}", "~")
    rule = f"Rule: ``vethagent:{operation['operationId']}``." if "security" in operation else "Open to everybody."
    yield from (f"{operation['summary']}. {rule}", "")
    if parameters := operation["parameters"]:
        rows = [(each["name"], each["in"], _type(each["schema"]), _told(each)) for each in parameters]
        yield from _table(("Parameter", "In", "Type", "What"), rows)
    if body := operation.get("requestBody"):
        yield from (f"Body: {_type(body['content']['application/json']['schema'])}.", "")
    answers = [(status, *_answer(answer)) for status, answer in operation["responses"].items()]
    yield from _table(("Status", "Answer", "What"), answers)


def _answer(answer: Schema) -> tuple[str, str]:
    content = answer.get("content", {}).get("application/json")
    return _type(content["schema"]) if content else "", answer.get("description", "")


def _schema(name: str, schema: Schema) -> Iterator[str]:
    yield from (f".. _schema-{name.lower()}:", "")
    yield from _heading(name, "~")
    yield from (schema.get("description", ""), "")
    required = schema.get("required", ())
    fields = schema.get("properties", {}).items()
    rows = [(field, _type(each), "yes" if field in required else "no", _told(each)) for field, each in fields]
    if rows:
        yield from _table(("Field", "Type", "Required", "What"), rows)


def _type(schema: Schema) -> str:
    """Return a schema in a few words of reStructuredText."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f":ref:`{name} <schema-{name.lower()}>`"
    if choices := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(map(_type, choices)))
    if "enum" in schema:
        return ", ".join(f"``{value}``" if value else "empty" for value in schema["enum"])
    if schema.get("type") == "array":
        items = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
        return f"list of {_type(items)}" if items else "list"
    kind = str(schema.get("format") or schema.get("type", "anything"))
    return f"{kind}{_range(schema)}"


def _range(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    return f", {'' if least is None else least} to {'' if most is None else most}"


def _told(schema: Schema) -> str:
    inner = schema.get("schema", schema)
    texts = [schema.get("description") or inner.get("description") or ""]
    default = inner.get("default")
    if default is not None:
        texts.append(f"Default ``{json.dumps(default)}``")
    return ". ".join(filter(None, texts))


def _heading(text: str, line: str) -> tuple[str, ...]:
    return text, line * len(text), ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "")
    for row in (heads, *rows):
        for number, cell in enumerate(row):
            yield f"   {'  -' if number else '* -'} {cell}"
    yield ""
