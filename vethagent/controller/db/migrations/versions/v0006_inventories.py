"""What agents tell of their hosts, and the physical networks of bridges."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_COUNTERS = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
_COUNTER = "physical_networks"


def upgrade() -> None:
    """Agents tell of their hosts with their next report; the counter is what those wait for who join networks."""
    op.add_column("agents", sa.Column("inventory_digest", sa.String(length=32), nullable=True))
    op.create_table(
        "host_inventories",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("topology", sa.JSON(), nullable=False),
        sa.Column("networks", sa.Integer(), nullable=False),
        sa.Column("reported_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["host"], ["agents.host"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("host"),
        **_MYSQL,
    )
    op.create_table(
        "physical_networks",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("bridge", sa.String(length=15), nullable=False),
        sa.Column("physical_network", sa.String(length=64), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["host"], ["agents.host"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("host", "bridge"),
        **_MYSQL,
    )
    op.bulk_insert(_COUNTERS, [{"name": _COUNTER, "value": 0}])


def downgrade() -> None:
    """They are lost."""
    op.execute(_COUNTERS.delete().where(_COUNTERS.c.name == _COUNTER))
    op.drop_table("physical_networks")
    op.drop_table("host_inventories")
    with op.batch_alter_table("agents") as table:
        table.drop_column("inventory_digest")
