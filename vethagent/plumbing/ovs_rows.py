"""Columns of rows as the server has them.

Read by name, as ``row.name``, the library first looks for what a transaction is about to change, and makes a new datum
of what it finds: a third of the time that the replica takes for many ports, and the more the more ports a bridge has.
"""

from typing import Any

from ovs.db import idl as ovs_idl


def scalar(row: ovs_idl.Row, column: str) -> Any:
    """Return the one value of a column, None if it has none."""
    return row._data[column].as_scalar()


def values(row: ovs_idl.Row, column: str) -> list[Any]:
    """Return the values of a set, in no order; of rows they are the UUIDs."""
    found: list[Any] = row._data[column].as_list()
    return found


def mapping(row: ovs_idl.Row, column: str) -> dict[str, str]:
    """Return a map."""
    return dict(row._data[column].as_list())
