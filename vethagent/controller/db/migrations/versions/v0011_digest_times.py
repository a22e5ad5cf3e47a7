"""When digests were made, so that those are noticed that a controller of an older release has left as they were."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    """It is not known of any, so the next report of each host makes them anew."""
    op.add_column("host_digests", sa.Column("digested_at", _TIME, nullable=True))
    op.add_column("agents", sa.Column("report_digest_at", _TIME, nullable=True))


def downgrade() -> None:
    """It is lost."""
    with op.batch_alter_table("agents") as table:
        table.drop_column("report_digest_at")
    with op.batch_alter_table("host_digests") as table:
        table.drop_column("digested_at")
