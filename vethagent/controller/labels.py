"""Labels: how they are changed, and what they select."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import sqlalchemy

from vethagent.controller.requests import parse_labels


def merge(held: MutableMapping[str, str], changes: Mapping[str, str | None]) -> None:
    """Set in ``held`` what ``changes`` name, and take away what they have None for."""
    for name, value in changes.items():
        if value is not None:
            held[name] = value
        elif name in held:
            del held[name]


def fitting(relation: Any, table: Any, selector: str | None) -> list[sqlalchemy.ColumnElement[bool]]:
    """Return what holds where all labels of ``selector`` fit; ``relation`` leads to rows of ``table``."""
    conditions = []
    for name, value in parse_labels(selector) if selector is not None else ():
        fits = table.name == name
        conditions.append(relation.any(fits if value is None else fits & (table.value == value)))
    return conditions
