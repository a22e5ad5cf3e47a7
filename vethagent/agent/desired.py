"""What the controller wants on this host, as far as the agent knows; casts change it in any order."""

import contextlib
import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Set

from vethagent import exceptions, model
from vethagent.agent.outlook import Outlook, Removal, is_another
from vethagent.agent.standing import Standing, Standings
from vethagent.agent.store import Store
from vethagent.agent.suspects import Suspects
from vethagent.agent.whereabouts import Whereabouts

LOG = logging.getLogger(__name__)

#: Links that are gone of which so many are remembered, the last, so that a late cast does not bring them back.
MOST_GONE = 10_000


class Desired:
    """Thread-safe. ``generation`` orders everything: what is older than what is known changes nothing.

    Changes are in memory at once and on disk with ``flush``, which the reconciler calls before it acts on them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        found = store.links()
        self._links = {link.id: link for link, _ in found}
        self._mtus = {link.id: mtu for link, mtu in found if mtu is not None}
        self._standings = Standings(store.standings(), store.earlier())
        self._removals: dict[str, Removal] = {}
        self._gone: dict[str, int] = {}
        for link_id, generation, before, gone in store.removed():
            if gone:
                self._gone[link_id] = generation
            else:
                self._removals[link_id] = Removal(model.LinkRef(link_id=link_id, generation=generation), before)
        self._whereabouts = Whereabouts()
        for link in self._links.values():
            self._whereabouts.add(link)
        self._unread: dict[str, model.UnreadLink] = {}
        self._unsaved: set[str] = set()
        self._epoch = self._answered = 0
        self._changed_in: dict[str, int] = {}
        self._suspects = Suspects()
        self._mode_unsaved = False
        self.mode = store.mode()
        self._incarnation = store.incarnation()
        self._incarnation_unsaved = False
        #: A store that was damaged before it was read may lack what is wanted.
        self._knows_all = store.damage is None
        if store.unwritable:
            self._lose()  # so it is tried again, and told

    # -- what the bus says ---------------------------------------------------------------------------------------

    def put(self, link: model.BridgeLink) -> bool:
        """A link is wanted; return whether that was news and not something older or the same."""
        with self._lock:
            if link.generation <= self._known_generation(link.id):
                return False
            self._changed(link.id)
            self._take(link)
            return True

    def put_unread(self, link: model.UnreadLink) -> bool:
        """The same, of a link that is not understood: what is there of it stays until it is."""
        with self._lock:
            if link.generation <= self._known_generation(link.id):
                return False
            self._changed(link.id)
            self._removals.pop(link.id, None)
            self._unread[link.id] = link
            return True

    def remove(self, ref: model.LinkRef) -> bool:
        """A link is not wanted any more as of ``ref.generation``; return whether that was news."""
        with self._lock:
            known = self._known_generation(ref.link_id)
            wanted = ref.link_id in self._links or ref.link_id in self._unread
            if ref.generation < known or (not wanted and ref.generation == known):
                return False
            self._changed(ref.link_id)
            self._drop(ref)
            return True

    def set_mode(self, mode: model.Mode) -> bool:
        """Take the mode; return whether it is another one."""
        with self._lock:
            if mode is self.mode:
                return False
            self.mode = mode
            self._mode_unsaved = True
            return True

    def recognise(self, incarnation: str | None) -> bool:
        """Return whether it is the controller's old record of this host that speaks, or the first one ever.

        A controller whose database is new, or was put in place of another, knows nothing of what it once wanted. What
        it does not know is then no reason to take anything down.
        """
        with self._lock:
            if self._incarnation is None and incarnation is not None:
                self._incarnation = incarnation
                self._incarnation_unsaved = True
            return incarnation == self._incarnation

    def accept(self, incarnation: str | None) -> None:
        """Take to a new record of this host: it knows all that is wanted here."""
        with self._lock:
            if incarnation is not None and incarnation != self._incarnation:
                self._incarnation = incarnation
                self._incarnation_unsaved = True

    def begin_sync(self) -> int:
        """Return a token for the answer that is about to be asked for."""
        with self._lock:
            self._epoch += 1
            return self._epoch

    def sync(self, state: model.HostState, token: int, owners: Iterable[str], *, confirm: bool) -> set[str]:
        """Take in everything that is wanted; return the ids of the links to look at.

        What a cast changed since ``begin_sync`` is newer than the answer and stays. A link that the controller neither
        wants nor waits to see gone, and a mark on the host (``owners``) that nobody knows, becomes a suspect, and is
        dropped by a later sync with ``confirm`` that finds it so still: a controller with an empty database must not
        take a network down at once. A mark of what is wanted on another host is none: this one may have another name.
        """
        with self._lock:
            dirty = set()
            for link in state.links:
                if self._since(link.id, token):
                    continue
                known = self._links.get(link.id)
                if known is None or is_another(known, link) or link.id in self._unread:
                    self._take(link)
                    dirty.add(link.id)
            dirty |= self._sync_unread(state, token)
            for ref in state.deleted:
                if not self._since(ref.link_id, token):
                    self._drop(ref)
                    dirty.add(ref.link_id)
            named = {link.id for link in state.links} | {ref.link_id for ref in state.deleted}
            named |= {link.id for link in state.unread}
            missing = {link_id for link_id in self._links.keys() - named if not self._since(link_id, token)}
            strange = self.marks(owners)[0] - named - set(state.elsewhere)
            for link_id in self._suspects.look(missing, strange, confirm=confirm):
                self._drop(model.LinkRef(link_id=link_id, generation=max(0, self._known_generation(link_id))))
                dirty.add(link_id)
            self._changed_in.clear()
            self._answered = self._epoch
            self._knows_all = True
            return dirty

    def _sync_unread(self, state: model.HostState, token: int) -> set[str]:
        dirty = set()
        for link in state.unread:
            if not self._since(link.id, token) and self._unread.get(link.id) != link:
                self._removals.pop(link.id, None)
                self._unread[link.id] = link
                dirty.add(link.id)
        for link_id in self._unread.keys() - {link.id for link in state.unread}:
            if not self._since(link_id, token):
                del self._unread[link_id]  # what there may be of it is wanted otherwise, or by nobody
                dirty.add(link_id)
        return dirty

    @property
    def suspects(self) -> Set[str]:
        """The ids of what another sync has to confirm as wanted by nobody."""
        return self._suspects.found

    def marks(self, owners: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return those of the link ids that marks on the host name which are neither wanted nor to go.

        First those that may be removed as strangers, then those that came back after that: they are left alone.
        """
        unknown = set(owners) - self.ids()
        returned = self._suspects.returned(unknown)
        return unknown - returned, returned

    def rows_are_known(self) -> None:
        """Rows of OVSDB are known from now on; of what was removed before some may be left."""
        self._suspects.forget()

    # -- what the reconciler asks --------------------------------------------------------------------------------

    def link(self, link_id: str) -> model.BridgeLink | None:
        """Return a link that is wanted."""
        return self._links.get(link_id)

    def unread(self, link_id: str) -> model.UnreadLink | None:
        """Return a link that is wanted and not understood as it is wanted now."""
        return self._unread.get(link_id)

    def removal(self, link_id: str) -> Removal | None:
        """Return a link that is to go and has not gone."""
        return self._removals.get(link_id)

    def ids(self) -> set[str]:
        """Return the ids of all links that are wanted or to go."""
        with self._lock:
            return self._links.keys() | self._removals.keys() | self._unread.keys()

    def with_device(self, name: str) -> set[str]:
        """Return the ids of the links that want a device of this name."""
        return self._whereabouts.with_device(name)

    def with_bridge(self, name: str) -> set[str]:
        """Return the ids of the links that want an end in this bridge."""
        return self._whereabouts.with_bridge(name)

    def settled_mtu(self, link_id: str) -> int | None:
        """Return the MTU in bytes that the devices had when this generation of a link was whole, None before that."""
        return self._mtus.get(link_id)

    def settle_mtu(self, link_id: str, mtu: int) -> None:
        """Keep the MTU that the devices of a link have as it is wanted now."""
        with self._lock:
            if link_id in self._links and self._mtus.get(link_id) != mtu:
                self._mtus[link_id] = mtu
                self._unsaved.add(link_id)

    def standing(self, link_id: str) -> Standing:
        """Return how far a link has come as it is wanted now; NEW also of one that is not wanted."""
        link = self._links.get(link_id)
        return self._standings.of(link) if link is not None else Standing.NEW

    def set_standing(self, link_id: str, generation: int, standing: Standing) -> bool:
        """Keep how far a generation of a link has come; return False if that is not the one that is wanted."""
        with self._lock:
            link = self._links.get(link_id)
            if link is None or link.generation != generation:
                return False
            if self._standings.keep(link, standing):
                self._unsaved.add(link_id)
            return True

    def earlier(self, link_id: str) -> model.BridgeLink | None:
        """Return a link as it was when it carried, None if it does so now or never did."""
        return self._standings.earlier(link_id)

    def keep_faces(self, faces: Mapping[str, str]) -> None:
        """Keep for the next start what neighbours look like; see Store."""
        with self._aside():
            self._store.save_faces(faces)

    def delivered(self) -> dict[str, str]:
        """Return what ``keep_delivered`` was told before the start."""
        return self._store.delivered()

    def keep_delivered(self, fingerprints: Mapping[str, str]) -> None:
        """Keep for the next start, by link id, what the controller has heard; see Journal.restored."""
        with self._aside():
            if known := {key: value for key, value in fingerprints.items() if key in self._links}:
                self._store.save_delivered(known)

    def gone(self, ref: model.LinkRef) -> None:
        """A link that was to go is gone."""
        with self._lock:
            removal = self._removals.get(ref.link_id)
            if removal is not None and removal.ref.generation == ref.generation:
                del self._removals[ref.link_id]
                self._gone[ref.link_id] = ref.generation
                self._unsaved.add(ref.link_id)

    def digest(self) -> str:
        """Return the digest over all that is wanted."""
        return self.outlook().digest()

    def outlook(self) -> Outlook:
        """Return what is wanted and what is to go, as of this moment."""
        with self._lock:
            wanted = {link.id: link.generation for link in self._links.values()}
            wanted |= {link.id: link.generation for link in self._unread.values()}
            return Outlook(wanted, {link_id: removal.ref.generation for link_id, removal in self._removals.items()})

    def flush(self) -> None:
        """Write to disk what changed since the last time, in one transaction; raise StoreUnusable.

        If the file was lost all that is known is written the next time.
        """
        with self._lock:
            try:
                self._flush_settings()
                self._flush_links()
            except exceptions.StoreLost:
                self._lose()
                raise

    @property
    def unsaved(self) -> bool:
        """Whether there is something about links that ``flush`` has to write."""
        return bool(self._unsaved)

    @property
    def damage(self) -> str | None:
        """What befell the store, None if it is whole: there may be more that is wanted than what is known."""
        return self._store.damage

    @property
    def mendable(self) -> bool:
        """Whether nothing is lost by the damage, once all that is known is written."""
        return self._knows_all and self._store.damage is not None

    def mend(self) -> None:
        """End the damage, after a flush; raise as that."""
        with self._lock:
            self._store.mended()

    # -- within --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Save what is of use for a restart at a bad moment only: that it cannot be saved holds nothing up."""
        with self._lock:
            try:
                yield
            except exceptions.StoreLost:
                self._lose()
            except exceptions.StoreUnusable:
                LOG.debug("The store takes nothing", exc_info=True)  # the next flush makes it known

    def _lose(self) -> None:
        """All that is known has to be written again."""
        self._unsaved |= self._links.keys() | self._removals.keys() | self._gone.keys() | self._standings.ids()
        self._mode_unsaved = self._incarnation_unsaved = True

    def _flush_settings(self) -> None:
        if self._mode_unsaved:
            self._store.save_mode(self.mode)
            self._mode_unsaved = False
        if self._incarnation_unsaved and self._incarnation is not None:
            self._store.save_incarnation(self._incarnation)
            self._incarnation_unsaved = False

    def _flush_links(self) -> None:
        unsaved, self._unsaved = self._unsaved, set()
        if not unsaved:
            return
        removals = [self._removals[link_id] for link_id in unsaved if link_id in self._removals]
        gone = [(link_id, self._gone[link_id]) for link_id in unsaved if link_id in self._gone]
        try:
            self._store.save(
                wanted=[(self._links[key], self._mtus.get(key)) for key in unsaved if key in self._links],
                removed=[(removal.ref.link_id, removal.ref.generation, removal.link) for removal in removals],
                gone=gone,
                standings={link_id: known for link_id in unsaved if (known := self._standings.known(link_id))},
                earlier={link_id: self._standings.earlier(link_id) for link_id in unsaved},
            )
            if gone:
                oldest = list(itertools.islice(self._gone, max(0, len(self._gone) - MOST_GONE)))
                for link_id in self._store.forget(oldest):
                    self._gone.pop(link_id, None)
        except BaseException:
            self._unsaved |= unsaved
            raise

    def _known_generation(self, link_id: str) -> int:
        if known := self._unread.get(link_id) or self._links.get(link_id):
            return known.generation
        if removal := self._removals.get(link_id):
            return removal.ref.generation
        return self._gone.get(link_id, -1)

    def _changed(self, link_id: str) -> None:
        """A cast has changed a link; that is of use only while an answer is waited for."""
        if self._epoch != self._answered:
            self._changed_in[link_id] = self._epoch

    def _since(self, link_id: str, token: int) -> bool:
        return self._changed_in.get(link_id, -1) >= token

    def _take(self, link: model.BridgeLink) -> None:
        if before := self._links.get(link.id):
            self._whereabouts.remove(before)
        self._standings.take(before, link)
        self._suspects.wanted(link.id)
        for book in (self._removals, self._unread, self._gone, self._mtus):
            book.pop(link.id, None)
        self._links[link.id] = link
        self._whereabouts.add(link)
        self._unsaved.add(link.id)

    def _drop(self, ref: model.LinkRef) -> None:
        known = self._removals.get(ref.link_id)
        link = self._links.pop(ref.link_id, None) or (known.link if known else None)
        if link is not None:
            self._whereabouts.remove(link)
        for book in (self._unread, self._gone, self._mtus):
            book.pop(ref.link_id, None)
        self._standings.drop(ref.link_id)
        self._removals[ref.link_id] = Removal(ref, link)
        self._unsaved.add(ref.link_id)
