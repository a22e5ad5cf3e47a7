"""Operations on link templates. A change is committed first; then whoever made it takes the first steps."""

import logging
import uuid
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import orm

from vethagent import logs, model
from vethagent.controller import casts, history, link_rows, paging
from vethagent.controller.db import models
from vethagent.controller.db.bytewise import Bytewise
from vethagent.controller.db.database import Database, retried
from vethagent.controller.errors import IdConflict, NameConflict, NotFound, PreconditionFailed
from vethagent.controller.fleet import placing, planning, showing, starting
from vethagent.controller.fleet.fleet import Fleet
from vethagent.controller.fleet.requests import TEMPLATE_SORT_KEYS, MemberQuery, TemplateQuery
from vethagent.controller.liveness import Liveness
from vethagent.model import Status
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)


class Templates:
    """What the API does with templates."""

    def __init__(self, database: Database, agent_api: AgentAPI, liveness: Liveness) -> None:
        self._database = database
        self._agent_api = agent_api
        self._liveness = liveness
        self._fleet = Fleet(database, agent_api, liveness)

    def create(self, context: bus.Context, body: model.LinkTemplateCreate) -> tuple[showing.LinkTemplate, bool]:
        """Store a template and begin its first roll-out; tell whether it is new. Raise NameConflict or IdConflict."""
        template_id, new = self._insert(context, body)
        if new:
            LOG.info("the link template %s (%s) is created", body.name, template_id, extra=_about(context))
        self._fleet.advance(template_id)
        return self.show(template_id), new

    def show(self, template_id: str) -> showing.LinkTemplate:
        """Return one template; raise NotFound."""
        with self._database.reader() as session:
            return _views(session, [get(session, template_id)])[0]

    def list(self, query: TemplateQuery) -> tuple[Sequence[showing.LinkTemplate], bool]:
        """Return the templates that ``query`` asks for, and whether there are more; raise UnknownMarker."""
        table = models.LinkTemplate
        statement = sqlalchemy.select(table)
        if query.name is not None:
            statement = statement.where(table.name == query.name)
        by = paging.order(query.sort, {name: getattr(table, name) for name in TEMPLATE_SORT_KEYS}, table.id)
        with self._database.reader() as session:
            page = paging.page(session, statement, by, query.marker, every=sqlalchemy.select(table))
            rows = session.scalars(page.limit(query.limit + 1)).all()
            return _views(session, rows[: query.limit]), len(rows) > query.limit

    def update(
        self,
        context: bus.Context,
        template_id: str,
        body: model.LinkTemplateUpdate,
        *,
        generations: Collection[int] | None = None,
    ) -> showing.LinkTemplate:
        """Change what ``body`` names; another link or selector is a new revision, with a roll-out of its own.

        Raise NotFound, NameConflict, or PreconditionFailed unless it is one of ``generations``.
        """
        if self._change(context, template_id, body, generations):
            LOG.info("the link template %s has a new revision", template_id, extra=_about(context))
        self._fleet.advance(template_id)
        return self.show(template_id)

    def delete(
        self,
        context: bus.Context,
        template_id: str,
        *,
        keep_links: bool = False,
        generations: Collection[int] | None = None,
    ) -> showing.LinkTemplate:
        """Delete a template and what it made, or with ``keep_links`` let its links be plain ones; raise as ``update``.

        Links of hosts whose agents are away go when these are back.
        """
        shown, deleted = self._delete(context, template_id, keep_links, generations)
        fate = "stay" if keep_links else "go"
        LOG.info("the link template %s is deleted, its links %s", shown.name, fate, extra=_about(context))
        casts.unplug(self._agent_api, context, deleted)
        return shown

    def hosts(self, template_id: str, query: MemberQuery) -> tuple[Sequence[showing.Member], bool]:
        """Return members by host, and whether there are more; raise NotFound."""
        member, link = models.TemplateMember, models.BridgeLink
        statement = (
            sqlalchemy.select(member, link.id)
            .outerjoin(link, (link.template_id == member.template_id) & (link.host == member.host))
            .where(member.template_id == template_id)
            .order_by(Bytewise(member.host))
            .limit(query.limit + 1)
        )
        if query.state is not None:
            statement = statement.where(member.state == query.state.value)
        if query.marker is not None:
            statement = statement.where(Bytewise(member.host) > query.marker)
        with self._database.reader() as session:
            get(session, template_id)
            rows = session.execute(statement).all()
        return [showing.member_of(*row) for row in rows[: query.limit]], len(rows) > query.limit

    def revisions(self, template_id: str) -> Sequence[showing.Revision]:
        """Return all revisions, the oldest first; raise NotFound."""
        table = models.TemplateRevision
        statement = sqlalchemy.select(table).where(table.template_id == template_id).order_by(table.number)
        with self._database.reader() as session:
            get(session, template_id)
            return [showing.revision_of(row) for row in session.scalars(statement)]

    def plan_new(self, body: model.LinkTemplateCreate) -> showing.TemplatePlan:
        """Return what creating the template would mean; raise NameConflict."""
        with self._database.reader() as session:
            _check_name(session, models.LinkTemplate(id="", name=body.name))
            return planning.plan(session, None, body.link, body.selector, body.policy, self._liveness.recent())

    def plan(self, template_id: str, body: model.LinkTemplateUpdate) -> showing.TemplatePlan:
        """Return what changing the template would mean; raise NotFound."""
        with self._database.reader() as session:
            template = get(session, template_id)
            revision = placing.revision_of(session, template)
            return planning.plan(
                session,
                template,
                body.link or model.TemplateLink.model_validate(revision.link),
                body.selector or model.Selector.model_validate(revision.selector),
                body.policy or model.RolloutPolicy.model_validate(template.policy),
                self._liveness.recent(),
            )

    @retried
    def _insert(self, context: bus.Context, body: model.LinkTemplateCreate) -> tuple[str, bool]:
        now = self._liveness.now()
        with self._database.writer() as session:
            placing.lock_membership(session)
            held = session.get(models.LinkTemplate, body.id) if body.id is not None else None
            if held is not None:
                _check_same(session, held, body)
                return held.id, False
            template = models.LinkTemplate(
                id=body.id or str(uuid.uuid4()),
                name=body.name,
                description=body.description,
                generation=1,
                revision=0,
                policy=body.policy.model_dump(mode="json"),
                created_at=now,
                updated_at=now,
            )
            _check_name(session, template)
            starting.start(session, template, link=body.link, selector=body.selector, context=context, now=now)
        return template.id, True

    @retried
    def _change(
        self,
        context: bus.Context,
        template_id: str,
        body: model.LinkTemplateUpdate,
        generations: Collection[int] | None,
    ) -> bool:
        """Return whether there is a new revision."""
        now = self._liveness.now()
        with self._database.writer() as session:
            placing.lock_membership(session)
            template = get(session, template_id, lock=True)
            _check_generation(template, generations)
            revision = placing.revision_of(session, template)
            link = body.link or model.TemplateLink.model_validate(revision.link)
            selector = body.selector or model.Selector.model_validate(revision.selector)
            columns: dict[str, Any] = body.model_dump(
                mode="json", include={"name", "description", "policy"}, exclude_unset=True
            )
            changed = {name for name, value in columns.items() if getattr(template, name) != value}
            for name, value in columns.items():
                setattr(template, name, value)
            with session.no_autoflush:
                _check_name(session, template)
            held = (revision.link, revision.selector)
            renewed = held != (link.model_dump(mode="json"), selector.model_dump(mode="json"))
            if changed or renewed:
                template.generation += 1
                template.updated_at = now
            if renewed:
                starting.start(session, template, link=link, selector=selector, context=context, now=now)
        return renewed

    @retried
    def _delete(
        self, context: bus.Context, template_id: str, keep_links: bool, generations: Collection[int] | None
    ) -> tuple[showing.LinkTemplate, Sequence[models.BridgeLink]]:
        now, link = self._liveness.now(), models.BridgeLink
        with self._database.writer() as session:
            template = get(session, template_id, lock=True)
            _check_generation(template, generations)
            shown = _views(session, [template])[0]
            made = sqlalchemy.select(link).where(link.template_id == template_id).order_by(link.id).with_for_update()
            rows = session.scalars(made).all()
            deleted = [row for row in rows if row.status == Status.PENDING_DELETE or not keep_links]
            changes = []
            for row in rows:
                row.template_id = None
            for row in deleted:
                if row.status != Status.PENDING_DELETE:
                    link_rows.mark_deleted(row, context, now)
                    request_id = context.get("request_id")
                    changes.append(history.change(row, now, by=history.user_of(context), request_id=request_id))
            session.flush()
            history.record(session, changes)
            session.execute(sqlalchemy.delete(models.LinkTemplate).where(models.LinkTemplate.id == template_id))
        return shown, deleted


def _about(context: bus.Context) -> casts.About:
    return logs.about(request_id=context.get("request_id"))


def get(session: orm.Session, template_id: str, *, lock: bool = False) -> models.LinkTemplate:
    """Return a template; raise NotFound."""
    found = placing.locked(session, [template_id]) if lock else [session.get(models.LinkTemplate, template_id)]
    if not found or found[0] is None:
        raise NotFound(f"there is no link template {template_id}")
    return found[0]


def _views(session: orm.Session, rows: Sequence[models.LinkTemplate]) -> Sequence[showing.LinkTemplate]:
    ids = [row.id for row in rows]
    revision, rollout, member = models.TemplateRevision, models.Rollout, models.TemplateMember
    newest = sqlalchemy.select(revision).join(
        models.LinkTemplate,
        (models.LinkTemplate.id == revision.template_id) & (models.LinkTemplate.revision == revision.number),
    )
    revisions = {each.template_id: each for each in session.scalars(newest.where(revision.template_id.in_(ids)))}
    begun = sqlalchemy.select(rollout).where(rollout.id.in_([row.rollout_id for row in rows]))
    rollouts = {each.template_id: each for each in session.scalars(begun)}
    counts: dict[str, dict[str, int]] = {template_id: {} for template_id in ids}
    counted = sqlalchemy.select(member.template_id, member.state, sqlalchemy.func.count())
    for template_id, state, count in session.execute(
        counted.where(member.template_id.in_(ids)).group_by(member.template_id, member.state)
    ):
        counts[template_id][state] = count
    return [showing.template_of(row, revisions[row.id], rollouts[row.id], counts[row.id]) for row in rows]


def _check_name(session: orm.Session, template: models.LinkTemplate) -> None:
    table = models.LinkTemplate
    other = session.scalar(sqlalchemy.select(table.id).where(table.name == template.name, table.id != template.id))
    if other is not None:
        raise NameConflict(f"name: {template.name!r} is the name of link template {other}", "name")


def _check_same(session: orm.Session, held: models.LinkTemplate, body: model.LinkTemplateCreate) -> None:
    revision = placing.revision_of(session, held)
    same = model.LinkTemplateCreate.model_validate(
        {
            "id": held.id,
            "name": held.name,
            "description": held.description,
            "link": revision.link,
            "selector": revision.selector,
            "policy": held.policy,
        }
    )
    if same != body:
        raise IdConflict(f"id: there is another link template {held.id}", "id")


def _check_generation(template: models.LinkTemplate, generations: Collection[int] | None) -> None:
    if generations is not None and template.generation not in generations:
        raise PreconditionFailed(
            f"link template {template.id} was changed meanwhile: it has generation {template.generation}, not the one "
            "of If-Match"
        )
