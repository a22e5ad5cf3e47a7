"""Whether a link is taken back if with it the host lost the way to the bus."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Links that are there already get what a new one gets."""
    with op.batch_alter_table("bridge_links") as table:
        table.add_column(sa.Column("confirm", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("bridge_links") as table:
        table.alter_column("confirm", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)


def downgrade() -> None:
    """Without it none is taken back."""
    with op.batch_alter_table("bridge_links") as table:
        table.drop_column("confirm")
