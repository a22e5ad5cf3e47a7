"""Labels of links, and what became of each link."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Both begin empty."""
    op.create_table(
        "link_labels",
        sa.Column("link_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("value", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["bridge_links.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link_id", "name"),
        **_MYSQL,
    )
    op.create_index("ix_link_labels_name_value", "link_labels", ["name", "value"], unique=False)
    op.create_table(
        "link_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("link_name", sa.String(length=255), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=300), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_MYSQL,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_link_history_link_id_id", "link_history", ["link_id", "id"], unique=False)
    op.create_index(op.f("ix_link_history_changed_at"), "link_history", ["changed_at"], unique=False)


def downgrade() -> None:
    """They are lost."""
    op.drop_table("link_history")
    op.drop_table("link_labels")
