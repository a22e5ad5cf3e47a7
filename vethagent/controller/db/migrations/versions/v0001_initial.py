"""Agents, links and port events."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration stays what it was while the models move on, so it names nothing of theirs.
_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Agents, links and port events."""
    _create_agents()
    _create_bridge_links()
    _create_link_ends()
    _create_event_streams()
    _create_port_events()


def downgrade() -> None:
    """Nothing is left."""
    for table in ("port_events", "event_streams", "link_ends", "bridge_links", "agents"):
        op.drop_table(table)


def _create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("agent_version", sa.String(length=255), nullable=False),
        sa.Column("contract_version", sa.String(length=16), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("reported_at", _TIME, nullable=False),
        sa.Column("report_interval", sa.Double(), nullable=False),
        sa.Column("reported_mode", sa.String(length=16), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("health", sa.JSON(), nullable=False),
        sa.Column("links", sa.JSON(), nullable=False),
        sa.Column("counters", sa.JSON(), nullable=False),
        sa.Column("desired_digest", sa.String(length=32), nullable=False),
        sa.Column("observed_digest", sa.String(length=32), nullable=False),
        sa.Column("incarnation", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("host"),
        **_MYSQL,
    )


def _create_bridge_links() -> None:
    op.create_table(
        "bridge_links",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("mtu", sa.Integer(), nullable=True),
        sa.Column("adopt", sa.Boolean(), nullable=False),
        sa.Column("allow_loop", sa.Boolean(), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("observed_generation", sa.BigInteger(), nullable=True),
        sa.Column("reported_status", sa.String(length=16), nullable=True),
        sa.Column("reported_reason", sa.String(length=32), nullable=True),
        sa.Column("observed", sa.JSON(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("status_changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["host"], ["agents.host"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("host", "name", name="uq_bridge_links_host_name"),
        **_MYSQL,
    )
    op.create_index(op.f("ix_bridge_links_host"), "bridge_links", ["host"], unique=False)
    op.create_index(op.f("ix_bridge_links_status"), "bridge_links", ["status"], unique=False)


def _create_link_ends() -> None:
    op.create_table(
        "link_ends",
        sa.Column("link_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("bridge", sa.String(length=15), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("device", sa.String(length=15), nullable=True),
        sa.Column("mac", sa.String(length=17), nullable=True),
        sa.Column("tag", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["link_id"], ["bridge_links.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link_id", "position"),
        sa.UniqueConstraint("host", "device", name="uq_link_ends_host_device"),
        **_MYSQL,
    )
    op.create_index(op.f("ix_link_ends_bridge"), "link_ends", ["bridge"], unique=False)


def _create_event_streams() -> None:
    op.create_table(
        "event_streams",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("stream", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host"),
        **_MYSQL,
    )


def _create_port_events() -> None:
    op.create_table(
        "port_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("link_id", sa.String(length=36), nullable=False),
        sa.Column("link_name", sa.String(length=255), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("repaired", sa.JSON(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("ends", sa.JSON(), nullable=False),
        sa.Column("took_ms", sa.Double(), nullable=True),
        sa.Column("observed_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **_MYSQL,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_port_events_host_id", "port_events", ["host", "id"], unique=False)
    op.create_index(op.f("ix_port_events_link_id"), "port_events", ["link_id"], unique=False)
    op.create_index(op.f("ix_port_events_received_at"), "port_events", ["received_at"], unique=False)
