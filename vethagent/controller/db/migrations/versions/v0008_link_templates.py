"""Link templates, their revisions, roll-outs and members, and the links that they make."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """There is no template yet, and no link of one."""
    _create_templates()
    _create_rollouts()
    # Whoever decides which hosts are members of which templates locks this row.
    op.execute("INSERT INTO counters (name, value) VALUES ('link_templates', 0)")
    with op.batch_alter_table("bridge_links") as table:
        table.add_column(sa.Column("template_id", sa.String(length=36), nullable=True))
        table.create_foreign_key("fk_bridge_links_template_id", "link_templates", ["template_id"], ["id"])
        table.create_unique_constraint("uq_bridge_links_template_id_host", ["template_id", "host"])


def _create_templates() -> None:
    op.create_table(
        "link_templates",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("rollout_id", sa.String(length=36), nullable=False),
        sa.Column("look_at", _TIME, nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        **_MYSQL,
    )
    op.create_index(op.f("ix_link_templates_look_at"), "link_templates", ["look_at"], unique=False)
    op.create_table(
        "template_revisions",
        sa.Column("template_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("link", sa.JSON(), nullable=False),
        sa.Column("selector", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=300), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["template_id"], ["link_templates.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("template_id", "number"),
        **_MYSQL,
    )
    op.create_table(
        "template_members",
        sa.Column("template_id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("leaving", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("rollout_id", sa.String(length=36), nullable=True),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("started_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["template_id"], ["link_templates.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("template_id", "host"),
        **_MYSQL,
    )
    op.create_index(op.f("ix_template_members_host"), "template_members", ["host"], unique=False)
    for column in ("rollout_id", "template_id"):
        op.create_index(f"ix_template_members_{column}_state", "template_members", [column, "state"], unique=False)


def _create_rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("template_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("settled_at", _TIME, nullable=True),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("state_changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["template_id"], ["link_templates.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        **_MYSQL,
    )
    for column in ("state", "template_id"):
        op.create_index(op.f(f"ix_rollouts_{column}"), "rollouts", [column], unique=False)
    op.create_table(
        "rollout_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rollout_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=300), nullable=False),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollouts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        **_MYSQL,
    )
    op.create_index("ix_rollout_history_rollout_id_id", "rollout_history", ["rollout_id", "id"], unique=False)


def downgrade() -> None:
    """Templates are lost; the links that they made stay, as plain ones."""
    with op.batch_alter_table("bridge_links") as table:
        table.drop_constraint("fk_bridge_links_template_id", type_="foreignkey")
        table.drop_constraint("uq_bridge_links_template_id_host", type_="unique")
        table.drop_column("template_id")
    op.execute("DELETE FROM counters WHERE name = 'link_templates'")
    for name in ("rollout_history", "rollouts", "template_members", "template_revisions", "link_templates"):
        op.drop_table(name)
