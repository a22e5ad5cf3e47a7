"""Operations on bridge links."""

import datetime
import functools
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import orm

from vethagent import logs, model
from vethagent.controller import (
    casts,
    history,
    labels,
    link_queries,
    link_rows,
    loops,
    names,
    new_links,
    physical,
    views,
)
from vethagent.controller.db import models, revisions
from vethagent.controller.db.database import Database, retried
from vethagent.controller.db.pieces import pieces
from vethagent.controller.errors import NotFound, PendingDelete, UnknownHost
from vethagent.controller.inventories import Inventories, Newest
from vethagent.controller.liveness import Liveness
from vethagent.controller.new_links import NewLink
from vethagent.controller.requests import LinkQuery
from vethagent.model import Status
from vethagent.rpc import transport as bus
from vethagent.rpc.agent_api import AgentAPI

LOG = logging.getLogger(__name__)


class _Stored(NamedTuple):
    """A link, when its agent last reported, and what that said of its own health."""

    row: models.BridgeLink
    reported_at: datetime.datetime
    health: Sequence[Mapping[str, Any]] = ()


class _Created(NamedTuple):
    """A link that was asked for, as its agent gets it; ``view`` makes what is shown of it, for after the cast."""

    message: model.BridgeLink
    view: Callable[[], views.Link]
    new: bool


class Links:
    """What the API does with links. A change is committed first and cast to the agent afterwards."""

    def __init__(self, database: Database, agent_api: AgentAPI, liveness: Liveness) -> None:
        self._database = database
        self._agent_api = agent_api
        self._liveness = liveness
        self._inventories = Newest(Inventories(database, liveness), agent_api)

    def create(self, context: bus.Context, body: model.BridgeLinkCreate) -> views.Link:
        """Store a new link and have it plugged; raise what is wrong with it.

        That is UnknownHost, NameConflict, Loop, PhysicalLoop, IdConflict or PendingDelete.
        """
        return self.create_once(context, body)[0]

    def create_once(self, context: bus.Context, body: model.BridgeLinkCreate) -> tuple[views.Link, bool]:
        """Do the same, and tell whether it is new: one that is there already, as wanted and with that id, is not."""
        [created] = self._insert(context, [body], [""])
        casts.plug(self._agent_api, context, [created.message])
        return created.view(), created.new

    def create_all(self, context: bus.Context, bodies: Sequence[model.BridgeLinkCreate]) -> Sequence[views.Link]:
        """Create all or none; one cast a host. What is raised names the link that is to blame."""
        created = self._insert(context, bodies, [f"bridge_links.{index}." for index in range(len(bodies))])
        casts.plug(self._agent_api, context, [each.message for each in created])
        return [each.view() for each in created]

    def show(self, link_id: str) -> views.Link:
        """Return one link; raise NotFound."""
        with self._database.reader() as session:
            return self._view(_get(session, link_id))

    def list(self, query: LinkQuery) -> tuple[list[views.Link], bool]:
        """Return the links that ``query`` asks for, and whether there are more; raise UnknownMarker."""
        with self._database.reader() as session:
            statement = link_queries.page(session, query, self._liveness.recent())
            found = session.execute(statement.limit(query.limit + 1)).all()
            shown = [self._view(_Stored(*each)) for each in found[: query.limit]]
        return shown, len(found) > query.limit

    def update(
        self,
        context: bus.Context,
        link_id: str,
        body: model.BridgeLinkUpdate,
        *,
        generations: Collection[int] | None = None,
    ) -> views.Link:
        """Change what ``body`` names and have it plugged so.

        The generation rises only if there is a change, or to try again what is in ERROR: so the answer to this attempt
        can be told from the one before. The cast goes out in any case, it does no harm. Labels are nothing to the
        agent, so for them alone there is neither.

        Raise NotFound, NameConflict, Loop, PhysicalLoop, PendingDelete, or PreconditionFailed unless it is one of
        ``generations``.
        """

        def change(claim: bool) -> _Stored:
            return self._change(context, link_id, body, generations, claim=claim)

        stored = self._inventories.newest(context, lambda: physical.in_turn(change))
        if body.model_fields_set != {"labels"}:
            casts.plug(self._agent_api, context, [views.message_of(stored.row)])
        return self._view(stored)

    def delete(
        self,
        context: bus.Context,
        link_id: str,
        *,
        force: bool = False,
        generations: Collection[int] | None = None,
    ) -> views.Link:
        """Have a link unplugged; it is gone when its agent says so, or at once with ``force``.

        Raise NotFound, or PreconditionFailed unless it is one of ``generations``.
        """
        deleted = self._mark_deleted(context, [link_id], force=force, generations=generations)
        if not deleted:
            raise NotFound(f"there is no link {link_id}")
        casts.unplug(self._agent_api, context, [each.row for each in deleted], force=force)
        return self._view(deleted[0])

    def delete_all(self, context: bus.Context, link_ids: Iterable[str], *, force: bool = False) -> Sequence[views.Link]:
        """Have all of them that there are unplugged, and return these; one cast a host."""
        ids = sorted(set(link_ids))
        parts = list(pieces(ids))
        if len(parts) > 1:
            self._check_all_plain(parts)
        deleted: list[_Stored] = []
        try:
            for piece in parts:
                deleted += self._mark_deleted(context, piece, force=force)
        finally:  # what is stored by now stays so, whatever has come of the rest
            casts.unplug(self._agent_api, context, [each.row for each in deleted], force=force)
        return [self._view(each) for each in deleted]

    def _check_all_plain(self, parts: Iterable[Sequence[str]]) -> None:
        """Raise TemplateLink before anything is done: the pieces of a deletion are transactions of their own."""
        link = models.BridgeLink
        others = link.template_id.is_not(None) & (link.status != Status.PENDING_DELETE)
        with self._database.reader() as session:
            for piece in parts:
                statement = sqlalchemy.select(link).where(link.id.in_(piece), others)
                for row in session.scalars(statement.order_by(link.id).limit(1)):
                    link_rows.check_plain(row)

    def _view(self, stored: _Stored) -> views.Link:
        return views.link_of(stored.row, stored.reported_at, self._liveness, stored.health)

    def _insert(
        self, context: bus.Context, bodies: Sequence[model.BridgeLinkCreate], where: Sequence[str]
    ) -> Sequence[_Created]:
        def insert(claim: bool) -> Sequence[_Created]:
            return self._insert_once(context, bodies, where, claim=claim)

        return self._inventories.newest(context, lambda: physical.in_turn(insert))

    @retried
    def _insert_once(
        self, context: bus.Context, bodies: Sequence[model.BridgeLinkCreate], where: Sequence[str], *, claim: bool
    ) -> Sequence[_Created]:
        now = self._liveness.now()
        with self._database.writer() as session:
            several = physical.claim(session, {body.host for body in bodies}, every=claim)
            reported = _reported(session, {body.host for body in bodies})
            known: dict[str, models.BridgeLink | NewLink] = {**_with_ids(session, [body.id for body in bodies])}
            # An agent passes over what is not newer than the link of this id that went.
            before = history.generations(session, [body.id for body in bodies if body.id and body.id not in known])
            created, new = [], []
            for body, prefix in zip(bodies, where, strict=True):
                if body.host not in reported:
                    field = f"{prefix}host"
                    raise UnknownHost(f"{field}: no agent has ever reported from {body.host!r}", field)
                link = known.get(body.id) if body.id is not None else None
                if is_new := link is None:
                    link = new_links.new_link(context, body, now, after=before.get(body.id or "", 0))
                    known[link.message.id] = link
                    new.append((link, prefix))
                else:
                    link_rows.check_same(link, body, prefix)
                created.append(self._created(link, reported[body.host], new=is_new))
            links, prefixes = [link for link, _ in new], [prefix for _, prefix in new]
            messages = [link.message for link in links]
            for check in (names.check, loops.check):
                check(session, messages, prefixes)
            if several:
                physical.check(session, messages, prefixes, claimed=claim)
            new_links.insert(session, links)
            history.record(session, [history.creation(link, by=history.user_of(context)) for link in links])
        return created

    def _created(self, link: models.BridgeLink | NewLink, reported_at: datetime.datetime, *, new: bool) -> _Created:
        if isinstance(link, NewLink):
            view = functools.partial(views.new_link_of, link, reported_at, self._liveness)
            return _Created(link.message, view, new)
        return _Created(views.message_of(link), functools.partial(self._view, _Stored(link, reported_at)), new)

    @retried
    def _change(
        self,
        context: bus.Context,
        link_id: str,
        body: model.BridgeLinkUpdate,
        generations: Collection[int] | None,
        *,
        claim: bool,
    ) -> _Stored:
        hosts = () if body.model_fields_set.isdisjoint(link_rows.JOINING) else self._hosts_of(link_id)
        with self._database.writer() as session:
            physical.claim(session, hosts, every=claim)
            stored = _get(session, link_id, lock=True)
            row = stored.row
            link_rows.check_generation(row, generations)
            if row.status == Status.PENDING_DELETE:
                raise PendingDelete(f"link {link_id} is being deleted")
            link_rows.check_plain(row)
            labels.merge(row.labels, body.labels or {})
            changes = link_rows.changes_of(row, body)
            again = row.status == Status.ERROR and bool(body.model_fields_set - {"labels"})
            if not changes and not again:
                return stored
            link_rows.apply_changes(session, row, changes, claimed=claim)
            link_rows.renew(row, context, self._liveness.now())
            history.record(session, [_by_user(row, context)])
        about = _about(context, row.host, [row])
        LOG.info("link %s changed: %s", row.id, ", ".join(sorted(changes)), extra=about)
        return stored

    def _hosts_of(self, link_id: str) -> Sequence[str]:
        # By itself: no transaction waits for its turn once it has read something.
        with self._database.reader() as session:
            statement = sqlalchemy.select(models.BridgeLink.host).where(models.BridgeLink.id == link_id)
            return session.scalars(statement).all()

    @retried
    def _mark_deleted(
        self,
        context: bus.Context,
        link_ids: Sequence[str],
        *,
        force: bool,
        generations: Collection[int] | None = None,
    ) -> Sequence[_Stored]:
        now = self._liveness.now()
        with self._database.writer() as session:
            found = session.execute(_locked(link_queries.with_report().where(models.BridgeLink.id.in_(link_ids))))
            stored = [_Stored(*each) for each in found]
            for row, *_ in stored:
                link_rows.check_generation(row, generations)
                if row.status != Status.PENDING_DELETE:
                    link_rows.check_plain(row)
            session.expunge_all()  # of many rows the session would look at each attribute
            going = [row for row, *_ in stored if row.status != Status.PENDING_DELETE]
            link_rows.mark_all_deleted(session, going, context, now)
            changes = [_by_user(row, context) for row in going]
            if force:
                changes += [_by_user(row, context, status=history.DELETED, reason="FORCED") for row, *_ in stored]
                session.execute(sqlalchemy.delete(models.BridgeLink).where(models.BridgeLink.id.in_(link_ids)))
                revisions.raised(session, {row.host for row, *_ in stored})
            history.record(session, changes)
        return stored


def _get(session: orm.Session, link_id: str, *, lock: bool = False) -> _Stored:
    statement = link_queries.with_report().where(models.BridgeLink.id == link_id)
    found = session.execute(_locked(statement) if lock else statement).one_or_none()
    if found is None:
        raise NotFound(f"there is no link {link_id}")
    return _Stored(*found)


def _locked(statement: link_queries.Selected) -> link_queries.Selected:
    # In one order for all, so that none waits for another that waits for it.
    return statement.order_by(models.BridgeLink.id).with_for_update(of=models.BridgeLink)


def _reported(session: orm.Session, hosts: Iterable[str]) -> dict[str, datetime.datetime]:
    agent = models.Agent
    statement = sqlalchemy.select(agent.host, agent.reported_at).where(
        agent.host.in_(list(hosts)), agent.deleted_at.is_(None)
    )
    return {row.host: row.reported_at for row in session.execute(statement)}


def _with_ids(session: orm.Session, given: Sequence[str | None]) -> dict[str, models.BridgeLink]:
    ids = [link_id for link_id in given if link_id is not None]
    found: dict[str, models.BridgeLink] = {}
    for piece in pieces(ids):
        statement = sqlalchemy.select(models.BridgeLink).where(models.BridgeLink.id.in_(piece))
        found |= {row.id: row for row in session.scalars(statement)}
    return found


def _by_user(row: models.BridgeLink, context: bus.Context, **instead: str) -> dict[str, Any]:
    return history.change(
        row, row.updated_at, by=history.user_of(context), request_id=context.get("request_id"), **instead
    )


def _about(context: bus.Context, host: str, rows: Sequence[models.BridgeLink]) -> casts.About:
    return logs.about(request_id=context.get("request_id"), links=[row.id for row in rows], host=host)
