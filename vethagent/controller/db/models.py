"""Tables of the controller.

Status, reason and kind are kept as text and not as database enums, so that a new value needs no migration. Names are
compared byte by byte, as the kernel does: MySQL's default collation takes ``a`` and ``A`` for the same.
"""

import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, orm
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, mapped_column

from vethagent.controller.damping import Flaps
from vethagent.controller.db.base import MYSQL, Base, RowNumber
from vethagent.controller.db.template_models import (
    LinkTemplate,
    Rollout,
    RolloutChange,
    TemplateMember,
    TemplateRevision,
)

__all__ = [
    "AgentChange",
    "AgentLabel",
    "Base",
    "Counter",
    "EventStream",
    "HostInventory",
    "LinkChange",
    "LinkEnd",
    "LinkLabel",
    "LinkTemplate",
    "PhysicalNetwork",
    "PortEvent",
    "Rollout",
    "RolloutChange",
    "TemplateMember",
    "TemplateRevision",
]


def _by_name() -> Any:
    """Return the relationship with labels, which are their owner's and go with it."""
    return orm.relationship(
        collection_class=orm.attribute_keyed_dict("name"),
        cascade="all, delete-orphan",
        passive_deletes=True,
        lazy="selectin",
    )


class Flapping:
    """How often something has changed lately; ``flap_untold`` is None unless changes are only counted."""

    flap_weight: Mapped[float] = mapped_column(default=0.0)
    flap_at: Mapped[datetime.datetime | None]
    flap_untold: Mapped[int | None] = mapped_column(index=True)

    @property
    def flaps(self) -> Flaps:
        """What decides whether the next change is told."""
        return Flaps(self.flap_weight or 0.0, self.flap_at, self.flap_untold)

    def keep(self, flaps: Flaps) -> None:
        """Take in what has become of ``flaps``."""
        self.flap_weight, self.flap_at, self.flap_untold = flaps.weight, flaps.at, flaps.untold


class Agent(Flapping, Base):
    """One agent as it last reported, and the mode it is wanted in.

    One that was deleted stays for its links until it reports again, and is not shown.
    """

    __tablename__ = "agents"
    __table_args__ = MYSQL

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    description: Mapped[str | None] = mapped_column(String(255))
    agent_version: Mapped[str] = mapped_column(String(255))
    contract_version: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime.datetime]
    reported_at: Mapped[datetime.datetime]
    report_interval: Mapped[float]
    reported_mode: Mapped[str] = mapped_column(String(16))
    ready: Mapped[bool]
    health: Mapped[list[dict[str, Any]]]
    links: Mapped[dict[str, Any]]
    counters: Mapped[dict[str, Any]]
    desired_digest: Mapped[str] = mapped_column(String(32))
    observed_digest: Mapped[str] = mapped_column(String(32))
    incarnation: Mapped[str] = mapped_column(String(36))
    inventory_digest: Mapped[str | None] = mapped_column(String(32))
    noted_down: Mapped[bool] = mapped_column(default=False)
    #: Of the whole report, so that one that says what the last one said is known without a look at all its fields.
    report_digest: Mapped[str | None] = mapped_column(String(32))
    #: ``reported_at`` of the report that it was last seen to be the digest of; an older release stores only that.
    report_digest_at: Mapped[datetime.datetime | None]
    deleted_at: Mapped[datetime.datetime | None]

    label_rows: Mapped[dict[str, "AgentLabel"]] = _by_name()
    labels: AssociationProxy[dict[str, str]] = association_proxy(
        "label_rows", "value", creator=lambda name, value: AgentLabel(name=name, value=value)
    )


class AgentLabel(Base):
    """One label of an agent."""

    __tablename__ = "agent_labels"
    __table_args__ = (Index("ix_agent_labels_name_value", "name", "value"), MYSQL)

    host: Mapped[str] = mapped_column(String(255), ForeignKey("agents.host", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    value: Mapped[str] = mapped_column(String(63))


class HostInventory(Base):
    """What an agent has last told of its host: the whole of it, what matters for loops, and in how many networks it is.

    Big as it may be, it is not read with each agent.
    """

    __tablename__ = "host_inventories"
    __table_args__ = MYSQL

    host: Mapped[str] = mapped_column(String(255), ForeignKey("agents.host", ondelete="CASCADE"), primary_key=True)
    body: Mapped[dict[str, Any]]
    topology: Mapped[dict[str, Any]]
    networks: Mapped[int]
    reported_at: Mapped[datetime.datetime]


class PhysicalNetwork(Base):
    """A bridge that is connected to a physical network; ``joined`` if others have joined bridges of the host."""

    __tablename__ = "physical_networks"
    __table_args__ = MYSQL

    host: Mapped[str] = mapped_column(String(255), ForeignKey("agents.host", ondelete="CASCADE"), primary_key=True)
    bridge: Mapped[str] = mapped_column(String(15), primary_key=True)
    physical_network: Mapped[str] = mapped_column(String(64))
    joined: Mapped[bool]


class EventStream(Base):
    """How far the numbered events of one host have been taken in, of its newest stream and of the one before."""

    __tablename__ = "event_streams"
    __table_args__ = MYSQL

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    stream: Mapped[str] = mapped_column(String(36))
    seq: Mapped[int] = mapped_column(BigInteger)
    earlier_stream: Mapped[str | None] = mapped_column(String(36))
    earlier_seq: Mapped[int | None] = mapped_column(BigInteger)


class HostDigests(Base):
    """The digests over the links of one host, and which ``revision`` of them they are over.

    Every transaction that changes a link of the host raises ``revision``; ``digested`` is the one that the digests were
    made at, None if they never were, and ``digested_at`` when that was. It is no part of the agent, whose row each link
    that is created locks.
    """

    __tablename__ = "host_digests"
    __table_args__ = MYSQL

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    digested: Mapped[int | None] = mapped_column(BigInteger)
    digested_at: Mapped[datetime.datetime | None]
    desired: Mapped[str | None] = mapped_column(String(32))
    observed: Mapped[str | None] = mapped_column(String(32))


class BridgeLink(Flapping, Base):
    """A link as it is wanted, what its agent last said of it (``reported_*``), and what is shown of it.

    ``status`` and ``reported_status`` differ while a change or a deletion has not been answered by the agent yet.
    """

    __tablename__ = "bridge_links"
    __table_args__ = (
        UniqueConstraint("host", "name", name="uq_bridge_links_host_name"),
        UniqueConstraint("template_id", "host", name="uq_bridge_links_template_id_host"),
        MYSQL,
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    host: Mapped[str] = mapped_column(String(255), ForeignKey("agents.host"), index=True)
    template_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("link_templates.id", name="fk_bridge_links_template_id")
    )
    name: Mapped[str | None] = mapped_column(String(255))
    mtu: Mapped[int | None]
    adopt: Mapped[bool]
    allow_loop: Mapped[bool]
    admin_state_up: Mapped[bool]
    confirm: Mapped[bool]
    generation: Mapped[int] = mapped_column(BigInteger)
    request_id: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    observed_generation: Mapped[int | None] = mapped_column(BigInteger)
    reported_status: Mapped[str | None] = mapped_column(String(16))
    reported_reason: Mapped[str | None] = mapped_column(String(32))
    observed: Mapped[list[dict[str, Any]]]
    differences: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime.datetime]
    updated_at: Mapped[datetime.datetime]
    status_changed_at: Mapped[datetime.datetime]

    ends: Mapped[list["LinkEnd"]] = orm.relationship(
        order_by="LinkEnd.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )
    label_rows: Mapped[dict[str, "LinkLabel"]] = _by_name()
    labels: AssociationProxy[dict[str, str]] = association_proxy(
        "label_rows", "value", creator=lambda name, value: LinkLabel(name=name, value=value)
    )


class LinkEnd(Base):
    """One end of a link. ``host`` is there again so that the database itself refuses a device given twice."""

    __tablename__ = "link_ends"
    __table_args__ = (UniqueConstraint("host", "device", name="uq_link_ends_host_device"), MYSQL)

    link_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("bridge_links.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    host: Mapped[str] = mapped_column(String(255))
    bridge: Mapped[str] = mapped_column(String(15), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    device: Mapped[str | None] = mapped_column(String(15))
    mac: Mapped[str | None] = mapped_column(String(17))
    tag: Mapped[int | None]


class LinkLabel(Base):
    """One label of a link."""

    __tablename__ = "link_labels"
    __table_args__ = (Index("ix_link_labels_name_value", "name", "value"), MYSQL)

    link_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("bridge_links.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    value: Mapped[str] = mapped_column(String(63))


class LinkChange(Base):
    """One change of what is shown of a link; it outlives its link."""

    __tablename__ = "link_history"
    __table_args__ = (Index("ix_link_history_link_id_id", "link_id", "id"), {**MYSQL, "sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    link_id: Mapped[str] = mapped_column(String(36))
    host: Mapped[str] = mapped_column(String(255))
    link_name: Mapped[str | None] = mapped_column(String(255))
    generation: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(255))
    changed_at: Mapped[datetime.datetime] = mapped_column(index=True)


class AgentChange(Base):
    """One thing that happened to an agent."""

    __tablename__ = "agent_history"
    __table_args__ = (Index("ix_agent_history_host_id", "host", "id"), {**MYSQL, "sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str] = mapped_column(String(300))
    request_id: Mapped[str | None] = mapped_column(String(255))
    changed_at: Mapped[datetime.datetime] = mapped_column(index=True)


class Counter(Base):
    """The last number that was given, by the name of the table that is numbered."""

    __tablename__ = "counters"
    __table_args__ = MYSQL

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class PortEvent(Base):
    """One port event; it outlives its link. Readers follow by the ids, which only rise, also after a purge.

    They come from a counter and not from the column itself, which would give them in the order in which transactions
    write: a reader may have seen the next one when the one before is committed, and would never look back.
    """

    __tablename__ = "port_events"
    __table_args__ = (Index("ix_port_events_host_id", "host", "id"), {**MYSQL, "sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    link_id: Mapped[str] = mapped_column(String(36), index=True)
    link_name: Mapped[str | None] = mapped_column(String(255))
    seq: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    generation: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    repaired: Mapped[list[dict[str, Any]]]
    differences: Mapped[list[dict[str, Any]]]
    ends: Mapped[list[dict[str, Any]]]
    took_ms: Mapped[float | None]
    observed_at: Mapped[datetime.datetime]
    received_at: Mapped[datetime.datetime] = mapped_column(index=True)
    request_id: Mapped[str | None] = mapped_column(String(255))
    timing: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
