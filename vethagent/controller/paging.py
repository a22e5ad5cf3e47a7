"""In which order a list is, and where a page of it begins; as SQL."""

from collections.abc import Mapping
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import orm

from vethagent.controller.db.bytewise import Bytewise
from vethagent.controller.errors import UnknownMarker
from vethagent.controller.requests import parse_sort

Selected = TypeVar("Selected", bound=sqlalchemy.Select[*tuple[Any, ...]])

#: What is sorted by, and whether downwards; the last is the key, so that no two rows are equal.
Order = list[tuple[Any, bool]]


def order(sort: str | None, columns: Mapping[str, Any], key: Any) -> Order:
    """Return the order that ``sort`` asks for: names of ``columns``, and among equals the ``key``.

    It is the same on all databases if ``key`` is: ids are, a name has to be Bytewise.
    """
    asked = parse_sort(sort) if sort is not None else []
    return [*((_ordered(columns[name]), down) for name, down in asked), (key, False)]


def _ordered(column: Any) -> Any:
    return Bytewise(column) if isinstance(column.type, sqlalchemy.String) else column


def page(
    session: orm.Session,
    statement: Selected,
    by: Order,
    marker: str | None,
    *,
    every: Selected,
) -> Selected:
    """Return ``statement`` in its order and after the row with the key ``marker``, which ``every`` row is looked for.

    Raises UnknownMarker if that is gone and only it could tell where to go on.
    """
    statement = statement.order_by(*(column.desc() if down else column for column, down in by))
    if marker is None:
        return statement
    key = by[-1][0]
    if len(by) == 1:
        return statement.where(key > marker)
    last = session.execute(every.with_only_columns(*(column for column, _ in by)).where(key == marker)).one_or_none()
    if last is None:
        raise UnknownMarker(f"marker: {marker} is not there any more; begin again", "marker")
    return statement.where(_after(by, tuple(last)))


def _after(by: Order, last: tuple[Any, ...]) -> sqlalchemy.ColumnElement[bool]:
    """Return what holds for all that comes after ``last``: equal in the first columns, and beyond it in the next."""
    ways = []
    for index, ((column, down), value) in enumerate(zip(by, last, strict=True)):
        equal = [earlier == known for (earlier, _), known in zip(by[:index], last, strict=False)]
        ways.append(sqlalchemy.and_(*equal, column < value if down else column > value))
    return sqlalchemy.or_(*ways)
