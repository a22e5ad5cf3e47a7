"""Tables of link templates, their revisions, members and roll-outs."""

import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vethagent.controller.db.base import MYSQL, Base, RowNumber


class LinkTemplate(Base):
    """A template as it is now. Who changes anything of it, of its roll-outs or its members holds the lock of its row.

    ``revision`` is the number of the newest revision, ``rollout_id`` names the newest roll-out. At ``look_at`` somebody
    has to look whether there is something to do, if no event came before.
    """

    __tablename__ = "link_templates"
    __table_args__ = MYSQL

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    description: Mapped[str | None] = mapped_column(String(255))
    generation: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int]
    policy: Mapped[dict[str, Any]]
    rollout_id: Mapped[str] = mapped_column(String(36))
    look_at: Mapped[datetime.datetime | None] = mapped_column(index=True)
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]


class TemplateRevision(Base):
    """What a template wanted of which hosts, from one change to the next."""

    __tablename__ = "template_revisions"
    __table_args__ = MYSQL

    template_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("link_templates.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    link: Mapped[dict[str, Any]]
    selector: Mapped[dict[str, Any]]
    created_by: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime.datetime]


class Rollout(Base):
    """The way of one revision to its hosts. ``counts`` are of its members by state, as they were at the last look."""

    __tablename__ = "rollouts"
    __table_args__ = MYSQL

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    template_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("link_templates.id", ondelete="CASCADE"), index=True
    )
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), index=True)
    message: Mapped[str] = mapped_column(Text)
    policy: Mapped[dict[str, Any]]
    counts: Mapped[dict[str, Any]]
    batches: Mapped[int]
    settled_at: Mapped[datetime.datetime | None]
    request_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime.datetime]
    state_changed_at: Mapped[datetime.datetime]


class RolloutChange(Base):
    """One change of the state of a roll-out, or one batch that it began."""

    __tablename__ = "rollout_history"
    __table_args__ = (Index("ix_rollout_history_rollout_id_id", "rollout_id", "id"), MYSQL)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    rollout_id: Mapped[str] = mapped_column(String(36), ForeignKey("rollouts.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(255))
    changed_at: Mapped[datetime.datetime]


class TemplateMember(Base):
    """One host of a template, on its way to ``revision`` or there; one that is ``leaving`` is to lose its link.

    ``rollout_id`` names the roll-out whose turn it waits for, or by which it was begun; None if it came by itself.
    """

    __tablename__ = "template_members"
    __table_args__ = (
        Index("ix_template_members_rollout_id_state", "rollout_id", "state"),
        Index("ix_template_members_template_id_state", "template_id", "state"),
        MYSQL,
    )

    template_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("link_templates.id", ondelete="CASCADE"), primary_key=True
    )
    host: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text)
    leaving: Mapped[bool]
    revision: Mapped[int | None]
    rollout_id: Mapped[str | None] = mapped_column(String(36))
    batch: Mapped[int | None]
    started_at: Mapped[datetime.datetime | None]
