"""Digests that are kept, so that a report needs no look at all links of its host."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """No digest is known; the first report of each host makes it."""
    op.add_column("agents", sa.Column("report_digest", sa.String(length=32), nullable=True))
    op.create_table(
        "host_digests",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("digested", sa.BigInteger(), nullable=True),
        sa.Column("desired", sa.String(length=32), nullable=True),
        sa.Column("observed", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("host"),
        **_MYSQL,
    )
    op.execute("INSERT INTO host_digests (host, revision) SELECT host, 0 FROM agents")


def downgrade() -> None:
    """They are made anew from the links, with each report."""
    op.drop_table("host_digests")
    with op.batch_alter_table("agents") as table:
        table.drop_column("report_digest")
