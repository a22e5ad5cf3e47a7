"""Text that is ordered byte by byte on every database, as names of hosts and devices are compared everywhere else.

The tables say so to MySQL, and SQLite knows nothing else. PostgreSQL orders by the collation of its database: with most
of them ``a`` comes before ``B``, and a person would find another order than on the other two.
"""

from typing import Any

import sqlalchemy
from sqlalchemy.ext import compiler
from sqlalchemy.sql import functions


class Bytewise(functions.GenericFunction[str]):
    """``Bytewise(column)`` is for ORDER BY, and to be compared by that order."""

    type = sqlalchemy.String()
    inherit_cache = True


@compiler.compiles(Bytewise)
def _plain(element: Bytewise, made: Any, **named: Any) -> str:
    return str(made.process(element.clauses, **named))


@compiler.compiles(Bytewise, "postgresql")
def _collated(element: Bytewise, made: Any, **named: Any) -> str:
    return f'({made.process(element.clauses, **named)}) COLLATE "C"'
