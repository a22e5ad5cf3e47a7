"""What became of each agent, and how often links and agents have changed lately."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_FLAPPING = ("agents", "bridge_links")


def upgrade() -> None:
    """History begins empty, and nothing changes over and over."""
    for table in _FLAPPING:
        op.add_column(table, sa.Column("flap_weight", sa.Double(), nullable=False, server_default="0"))
        op.add_column(table, sa.Column("flap_at", _TIME, nullable=True))
        op.add_column(table, sa.Column("flap_untold", sa.Integer(), nullable=True))
        op.create_index(op.f(f"ix_{table}_flap_untold"), table, ["flap_untold"], unique=False)
    op.add_column("agents", sa.Column("noted_down", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "agent_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=300), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **_MYSQL,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agent_history_host_id", "agent_history", ["host", "id"], unique=False)
    op.create_index(op.f("ix_agent_history_changed_at"), "agent_history", ["changed_at"], unique=False)


def downgrade() -> None:
    """All of it is lost."""
    op.drop_table("agent_history")
    for table in _FLAPPING:
        op.drop_index(op.f(f"ix_{table}_flap_untold"), table_name=table)
        with op.batch_alter_table(table) as altered:
            for column in ("flap_weight", "flap_at", "flap_untold"):
                altered.drop_column(column)
    with op.batch_alter_table("agents") as altered:
        altered.drop_column("noted_down")
