"""What all tables of the controller have in common."""

import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Integer, orm
from sqlalchemy.dialects import mysql

MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

#: SQLite numbers rows only in a column of exactly INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(sqlalchemy.types.TypeDecorator[datetime.datetime]):
    """An instant, to the microsecond; UTC in the database and aware in Python."""

    impl = sqlalchemy.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: object) -> datetime.datetime | None:
        """Take the zone away; a value without one is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(datetime.UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime.datetime | None, dialect: object) -> datetime.datetime | None:
        """Put the zone back."""
        return None if value is None else value.replace(tzinfo=datetime.UTC)


class Base(orm.DeclarativeBase):
    """Of all tables."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it off the class
        datetime.datetime: UtcDateTime,
        # SQLAlchemy 2.0 and 2.1 disagree on what a float is by itself.
        float: sqlalchemy.Double,
        dict[str, Any]: sqlalchemy.JSON,
        list[dict[str, Any]]: sqlalchemy.JSON,
    }
