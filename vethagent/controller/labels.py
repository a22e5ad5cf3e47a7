"""Labels: how they are changed, and what they select."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import sqlalchemy

from vethagent.controller.errors import Contradiction
from vethagent.controller.requests import parse_labels

#: As many as a new link may have.
_MOST = 64


def merge(held: MutableMapping[str, str], changes: Mapping[str, str | None]) -> None:
    """Set in ``held`` what ``changes`` name, and take away what they have None for; raise Contradiction."""
    before = len(held)
    for name, value in changes.items():
        if value is not None:
            held[name] = value
        elif name in held:
            del held[name]
    if len(held) > max(before, _MOST):
        raise Contradiction(f"labels: there would be {len(held)} then, {_MOST} at most", "labels")


def fitting(relation: Any, table: Any, selector: str | None) -> list[sqlalchemy.ColumnElement[bool]]:
    """Return what holds where all labels of ``selector`` fit; ``relation`` leads to rows of ``table``."""
    conditions = []
    for name, value in parse_labels(selector) if selector is not None else ():
        fits = table.name == name
        conditions.append(relation.any(fits if value is None else fits & (table.value == value)))
    return conditions
