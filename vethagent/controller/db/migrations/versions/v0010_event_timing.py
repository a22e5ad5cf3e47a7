"""When each part of what led to a port event was done."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of earlier events that is not known."""
    op.add_column("port_events", sa.Column("timing", sa.JSON(), nullable=True))


def downgrade() -> None:
    """It is lost."""
    with op.batch_alter_table("port_events") as table:
        table.drop_column("timing")
