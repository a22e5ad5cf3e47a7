"""Numbers of port events that are given in the order in which they come to be seen."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: The last number that a column has given by itself; no row need have it any more.
_GIVEN = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = 'port_events'",
    "mysql": "SELECT auto_increment - 1 FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = 'port_events'",
    "postgresql": "SELECT last_value FROM port_events_id_seq",
}


def upgrade() -> None:
    """Go on where the column itself has come to."""
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    connection = op.get_bind()
    given = connection.scalar(sa.text(_GIVEN[_dialect()]))
    connection.execute(sa.insert(counters), {"name": "port_events", "value": given or 0})


def downgrade() -> None:
    """Only PostgreSQL has to be told where its column goes on."""
    if _dialect() == "postgresql":
        op.execute(
            "SELECT setval('port_events_id_seq', (SELECT GREATEST(value, 1) FROM counters WHERE name = 'port_events'))"
        )
    op.drop_table("counters")


def _dialect() -> str:
    name = op.get_bind().dialect.name
    return "mysql" if name == "mariadb" else name
