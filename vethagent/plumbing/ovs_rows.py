"""Columns of rows as the server has them, and operations (RFC 7047, 5.2) as it takes them.

Read by name, as ``row.name``, the library first looks for what a transaction is about to change, and makes a new datum
of what it finds: a third of the time that the replica takes for many ports, and the more the more ports a bridge has.
"""

from typing import Any

from ovs.db import idl as ovs_idl

from vethagent import constants
from vethagent.plumbing.steps import AttachPort


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


def unchanged(row: ovs_idl.Row, column: str) -> dict[str, object]:
    """Return the operation without which a transaction is done although somebody has just changed a column, a map.

    With it the library makes the transaction anew. It has this itself, for rows only of which something is changed.
    """
    where = [["_uuid", "==", ["uuid", str(row.uuid)]]]
    rows = [{column: ["map", [list(pair) for pair in mapping(row, column).items()]]}]
    return {
        "op": "wait",
        "table": row._table.name,
        "timeout": 0,
        "where": where,
        "until": "==",
        "columns": [column],
        "rows": rows,
    }


def insertions(step: AttachPort, number: int) -> list[dict[str, object]]:
    """Return the operations (RFC 7047, 5.2) that make the rows of one port."""
    mark = [constants.OVS_LINK_ID, step.link_id]
    cause = [[constants.OVS_REQUEST_ID, step.request_id]] if step.request_id else []
    interface = {"name": step.device, "external_ids": ["map", [mark, *cause]]}
    port: dict[str, object] = {
        "name": step.device,
        "external_ids": ["map", [mark]],
        "interfaces": ["named-uuid", f"interface{number}"],
    }
    if step.tag is not None:
        port["tag"] = step.tag
    return [
        {"op": "insert", "table": "Interface", "uuid-name": f"interface{number}", "row": interface},
        {"op": "insert", "table": "Port", "uuid-name": f"port{number}", "row": port},
    ]
