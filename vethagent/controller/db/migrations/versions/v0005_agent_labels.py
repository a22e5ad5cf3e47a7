"""Labels of agents, and agents that were deleted while their links stay."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """No agent has a label, and none is deleted."""
    op.add_column("agents", sa.Column("deleted_at", _TIME, nullable=True))
    op.create_table(
        "agent_labels",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("value", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["agents.host"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("host", "name"),
        **_MYSQL,
    )
    op.create_index("ix_agent_labels_name_value", "agent_labels", ["name", "value"], unique=False)


def downgrade() -> None:
    """Labels are lost; agents that were deleted are shown again, as dead."""
    op.drop_table("agent_labels")
    with op.batch_alter_table("agents") as table:
        table.drop_column("deleted_at")
