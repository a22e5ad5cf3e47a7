"""How far the events of the agent before the present one have been taken in: its last ones may come late."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """It is not known of any until another agent is started. A controller of an older release leaves it as it is."""
    op.add_column("event_streams", sa.Column("earlier_stream", sa.String(length=36), nullable=True))
    op.add_column("event_streams", sa.Column("earlier_seq", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """It is lost."""
    with op.batch_alter_table("event_streams") as table:
        table.drop_column("earlier_seq")
        table.drop_column("earlier_stream")
