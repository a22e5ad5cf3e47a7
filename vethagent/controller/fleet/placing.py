"""Bringing the link of one host to what its template wants, within a transaction that holds the template's lock."""

import dataclasses
import datetime
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import model
from vethagent.controller import history, labels, link_rows, loops, names, new_links, physical, views
from vethagent.controller.db import models, revisions, turns
from vethagent.controller.errors import Loop, OperationError
from vethagent.controller.fleet.deciding import MemberState
from vethagent.model import Status
from vethagent.rpc import transport as bus


@dataclasses.dataclass
class Placed:
    """What is to be cast once it is committed.

    ``doubted`` are the hosts whose inventories made one fail that is here, and whose turn it is.
    """

    plugged: list[model.BridgeLink] = dataclasses.field(default_factory=list)
    unplugged: list[models.BridgeLink] = dataclasses.field(default_factory=list)
    doubted: set[str] = dataclasses.field(default_factory=set)


class Placer:
    """Works on the members of one template, for the request that ``context`` names."""

    def __init__(
        self,
        session: orm.Session,
        template: models.LinkTemplate,
        context: bus.Context,
        now: datetime.datetime,
        *,
        claimed: bool,
    ) -> None:
        """``claimed`` tells whether the transaction said that links may join physical networks."""
        self.placed = Placed()
        self._claimed = claimed
        self._session = session
        self._template = template
        self._context = context
        self._now = now
        self._link: model.TemplateLink | None = None

    def start(self, member: models.TemplateMember, *, here: bool) -> None:
        """Ask for what the member is to have; FAILED if that cannot be, AWAY if nobody will hear it now.

        Raise Unclaimed.
        """
        failed_before = member.state == MemberState.FAILED
        member.state = MemberState.STARTED if here else MemberState.AWAY
        member.message = "" if here else "its agent was not there"
        member.started_at = self._now
        row = link_of(self._session, self._template.id, member.host)
        if member.leaving:
            self._remove(member, row)
        elif row is not None and row.status == Status.PENDING_DELETE:
            member.message = "its link from before is still going"
        else:
            doubted = self._bring(member, row)
            if here and not failed_before:
                self.placed.doubted.update(doubted)

    def forget(self, member: models.TemplateMember) -> None:
        """Let go of a host that is gone for good, with its link: there is nobody who would say that it is gone."""
        row = link_of(self._session, self._template.id, member.host)
        if row is not None:
            self._record(row, status=history.DELETED, reason="FORCED")
            self.placed.unplugged.append(row)
            self._session.expunge(row)
            self._session.execute(sqlalchemy.delete(models.BridgeLink).where(models.BridgeLink.id == row.id))
            revisions.raised(self._session, [row.host])
        self._session.delete(member)

    def _remove(self, member: models.TemplateMember, row: models.BridgeLink | None) -> None:
        if row is None:
            member.state, member.message = MemberState.DONE, ""
            return
        if row.status != Status.PENDING_DELETE:
            link_rows.mark_deleted(row, self._context, self._now)
            self._record(row)
        self.placed.unplugged.append(row)

    def _bring(self, member: models.TemplateMember, row: models.BridgeLink | None) -> Collection[str]:
        """Return the hosts whose inventories say that it cannot be."""
        try:
            with self._session.begin_nested():
                row = row or self._adopt(member.host)
                changed = self._make(member.host) if row is None else self._change(row)
        except OperationError as error:
            member.state, member.message = MemberState.FAILED, f"{error.code}: {error.message}"
            return error.hosts if isinstance(error, Loop) else ()
        member.revision = self._template.revision
        if changed is not None:
            self.placed.plugged.append(changed)
        return ()

    def _adopt(self, host: str) -> models.BridgeLink | None:
        """Return the link that nobody's template wants with exactly the ends of this one, which is its link now."""
        if not self._wanted().adopt:
            return None
        link, ends = models.BridgeLink, model.BridgeLinkUpdate(ends=self._wanted().ends)
        statement = sqlalchemy.select(link).where(link.host == host, link.template_id.is_(None)).with_for_update()
        for row in self._session.scalars(statement.order_by(link.id)):
            if row.status != Status.PENDING_DELETE and not link_rows.changes_of(row, ends):
                row.template_id = self._template.id
                return row
        return None

    def _make(self, host: str) -> model.BridgeLink:
        body = model.BridgeLinkCreate(host=host, **_fields_of(self._wanted()), labels=self._wanted().labels)
        link = new_links.new_link(self._context, body, self._now, template_id=self._template.id)
        with self._session.no_autoflush:
            names.check(self._session, [link.message])
            loops.check(self._session, [link.message])
            physical.check(self._session, [link.message], claimed=self._claimed)
        new_links.insert(self._session, [link])
        history.record(self._session, [history.creation(link, by=history.template_of(self._template.name))])
        return link.message

    def _change(self, row: models.BridgeLink) -> model.BridgeLink | None:
        """Return None if the agent need not be told. What is in ERROR is tried again."""
        wanted = self._wanted()
        labels.merge(row.labels, dict.fromkeys(row.labels) | wanted.labels)
        changes = link_rows.changes_of(row, model.BridgeLinkUpdate(**_fields_of(wanted)))
        if not changes and row.status != Status.ERROR:
            return None
        link_rows.apply_changes(self._session, row, changes, claimed=self._claimed)
        link_rows.renew(row, self._context, self._now)
        self._session.flush()
        self._record(row)
        return views.message_of(row)

    def _wanted(self) -> model.TemplateLink:
        if self._link is None:
            self._link = model.TemplateLink.model_validate(revision_of(self._session, self._template).link)
        return self._link

    def _record(self, row: models.BridgeLink, **instead: str) -> None:
        by, request_id = history.template_of(self._template.name), self._context.get("request_id")
        history.record(self._session, [history.change(row, self._now, by=by, request_id=request_id, **instead)])


def link_of(session: orm.Session, template_id: str, host: str) -> models.BridgeLink | None:
    """Return the link of a member, locked, and as it is now, should it have been read before."""
    link = models.BridgeLink
    statement = sqlalchemy.select(link).where(link.template_id == template_id, link.host == host).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def revision_of(
    session: orm.Session, template: models.LinkTemplate, *, current: bool = False
) -> models.TemplateRevision:
    """Return the newest revision of ``template``.

    With ``current`` it is read past what MySQL showed the transaction when it began, as the locked template is.
    """
    table = models.TemplateRevision
    statement = sqlalchemy.select(table).where(table.template_id == template.id, table.number == template.revision)
    return session.scalars(statement.with_for_update(read=True) if current else statement).one()


def lock_membership(session: orm.Session) -> None:
    """Have nobody else decide which hosts are members of which templates until the end, and then lock a template.

    A label that is set while a template is made would be seen by neither.
    """
    turns.take(session, models.LinkTemplate)


def locked(session: orm.Session, template_ids: Sequence[str] | None = None) -> Sequence[models.LinkTemplate]:
    """Return templates, all if no ids are given, and hold their locks until the end; in one order for everybody."""
    table = models.LinkTemplate
    statement = sqlalchemy.select(table).order_by(table.id).with_for_update()
    if template_ids is None:
        lock_membership(session)
    else:
        statement = statement.where(table.id.in_(template_ids))
    return session.scalars(statement).all()


def _fields_of(link: model.TemplateLink) -> dict[str, Any]:
    return {name: getattr(link, name) for name in model.LinkShape.model_fields}
