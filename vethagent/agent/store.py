"""The links that are wanted on this host, on disk: from them everything is restored after a reboot without a bus."""

import contextlib
import json
import logging
import pathlib
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping

import pydantic

from vethagent import exceptions, faults, model
from vethagent.agent import store_file
from vethagent.agent.standing import Standing

LOG = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS link (id TEXT PRIMARY KEY, body TEXT NOT NULL, mtu INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removed (
    id TEXT PRIMARY KEY, generation INTEGER NOT NULL, body TEXT, gone_at REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS removed_gone_at ON removed (gone_at);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivered (id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS earlier (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""
#: Made beside the others, so that an older version can still read the file. What was wanted before has carried.
_STANDING = """
CREATE TABLE standing (id TEXT PRIMARY KEY, generation INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO standing SELECT id, json_extract(body, '$.generation'), 'proven' FROM link;
"""
_VERSION = 1
#: Seconds for which a link that is gone is remembered, so that a late cast does not bring it back.
_REMEMBER = 7 * 86400
#: Seconds to wait for a lock of somebody who has no business with the file, at the start and, in milliseconds, after
#: it: a repair waits for what has to be written before it, and on eventlet all of the agent does.
_LOCKED, _LOCKED_MS = 1.0, 20


#: What begins the checksum of a link, which is behind all else: an older version passes over a field that it does not
#: know.
_SUM = ',"crc32":'


class _NewerError(Exception):
    """The file was written by a version that this one cannot read."""


class Store:
    """SQLite, one row a link. A change is on disk when the call returns; a process that is killed loses nothing."""

    def __init__(self, path: str, *, read: bool = True) -> None:
        """Open or make the file; one that is damaged, or of a newer version, is set aside for a new one.

        One that can be read only is read, and each change tries to open it again: links have to be restored also while
        its disk is full. Without ``read`` damage is not looked for in what has been written. Raise StoreUnusable.
        """
        self._path = path
        self._read = read
        self._found: list[tuple[model.BridgeLink, int | None]] | None = None
        #: None after the end.
        self._opened: list[int | None] | None = None
        #: Why the file cannot be written: what was read of it is in memory. '' if it can be.
        self.unwritable = ""
        #: What befell the store since it was whole, None if it is: there may be more that is wanted here.
        self.damage: str | None = None
        try:
            self._open_or_set_aside(or_copy=True)
        except (OSError, sqlite3.Error, ValueError) as error:
            raise exceptions.StoreUnusable(f"the store {path} cannot be used: {error}") from error

    def _open_or_set_aside(self, *, or_copy: bool) -> None:
        try:
            try:
                self._open()
            except sqlite3.OperationalError as error:
                if not (or_copy and store_file.is_for_want_of_writing(error)):
                    raise
                self._read_only(error)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            if not store_file.is_damage(error):
                raise
            self._begin_anew(f"was damaged ({str(error).partition(chr(10))[0]})")
        except _NewerError as error:
            # Who goes back to an older version wants an agent that works. What is plugged stays meanwhile.
            self._begin_anew(str(error), suffix="newer")

    def _read_only(self, error: sqlite3.Error) -> None:
        """Go on with what can be read of the file; raise the error if nothing can."""
        try:
            copy = store_file.copied(self._path)
        except OSError:
            raise error from None
        self._take(copy)
        self._opened, self.unwritable = None, str(error)
        if self._read:
            LOG.error("The store %s cannot be written (%s), links are restored from what it has", self._path, error)

    def _open(self) -> None:
        if self._path != ":memory:":
            pathlib.Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        self._take(sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=_LOCKED))

    def _take(self, database: sqlite3.Connection) -> None:
        self._db = database
        try:
            self._prepare()
            self._opened = self._inodes()
            if self._read:
                self._check()
            self.damage = self._setting("damage")
            self._db.execute(f"PRAGMA busy_timeout = {_LOCKED_MS}")
        except BaseException:
            self._db.close()
            raise

    def _inodes(self) -> list[int | None]:
        """Return which file has the path now, and which that of its log; None where there is none, or none is needed.

        SQLite makes the log when it first looks into a file, and keeps it until that is closed.
        """
        return [store_file.inode(self._path), store_file.inode(f"{self._path}-wal")]

    def _check(self) -> None:
        for row in self._db.execute("PRAGMA quick_check(1)"):
            if row != ("ok",):
                raise sqlite3.DatabaseError(f"malformed: {row[0]}")
        self._found = self.links()
        # All else that is read later, where nobody would set the file aside for it.
        for link_id, generation, *_ in self.removed():
            model.LinkRef(link_id=link_id, generation=generation)
        for read in (self.standings, self.earlier, self.delivered, self.faces, self.mode, self.incarnation):
            read()

    def _begin_anew(self, befell: str, *, suffix: str = "damaged") -> None:
        """Set the file aside, as somebody may want to look at it, and remember that until it is told not to."""
        self._found = None
        aside = f"{self._path}.{suffix}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        for part in ("", "-wal", "-shm"):
            file = pathlib.Path(self._path + part)
            if file.exists():
                file.rename(aside + part)
        kept = f"; the old one is {aside}" if pathlib.Path(aside).exists() else ""
        sentence = f"the store {befell} and is made anew{kept}"
        self._open()
        LOG.error("%s", sentence)
        if kept:
            # What cut the host off once is not plugged again, and the way to the bus not taken away.
            held = (Standing.HELD.value,)
            standings = store_file.rows(
                aside, "SELECT id, CAST(generation AS INTEGER), value FROM standing WHERE value = ?", held
            )
            self._db.executemany("INSERT OR IGNORE INTO standing VALUES (?, ?, ?)", standings)
            earlier = store_file.rows(aside, "SELECT id, body FROM earlier")
            self._db.executemany("INSERT OR IGNORE INTO earlier VALUES (?, ?)", earlier)
            # Nor is a link plugged, before the controller has said so, where nobody wants anything to be done.
            mode = store_file.rows(aside, "SELECT name, value FROM setting WHERE name = 'mode'")
            self._db.executemany("INSERT OR IGNORE INTO setting VALUES (?, ?)", mode)
        self._save_setting("damage", sentence)
        self.damage = sentence

    def mended(self) -> None:
        """All that is wanted here has been saved again; raise StoreUnusable."""
        self._write_setting("DELETE FROM setting WHERE name = ?", "damage")
        self.damage = None

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise _NewerError(f"was written by a newer version ({version}, known is {_VERSION})")
        self._db.execute("PRAGMA journal_mode = WAL")
        # What a power cut may take are the last moments, and the digest brings those back.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'standing'").fetchone():
            self._db.executescript(f"BEGIN; {_STANDING} COMMIT;")
        self._db.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Close the file, of which the log goes."""
        self._opened, self.unwritable = None, ""
        self._db.close()

    def links(self) -> list[tuple[model.BridgeLink, int | None]]:
        """Return all links that are wanted, each with the MTU that was settled for it."""
        found, self._found = self._found, None
        if found is not None:
            return found  # by the look for damage; nothing has been written since
        rows = self._db.execute("SELECT id, body, mtu FROM link")
        return [(_link(body, link_id, mtu), None if mtu is None else int(mtu)) for link_id, body, mtu in rows]

    def removed(self) -> list[tuple[str, int, model.BridgeLink | None, bool]]:
        """Return (id, generation, as it was wanted, whether it is gone) of all that are not wanted any more.

        Those that are gone are in the order in which they went.
        """
        rows = self._db.execute("SELECT id, generation, body, gone_at FROM removed ORDER BY gone_at")
        return [
            (link_id, generation, _link(body, link_id) if body else None, gone_at is not None)
            for link_id, generation, body, gone_at in rows
        ]

    def standings(self) -> dict[str, tuple[int, Standing]]:
        """Return (generation, how far it has come) by link id."""
        rows = self._db.execute("SELECT id, generation, value FROM standing")
        # What a newer version has made of one is not known here.
        return {key: (generation, Standing(value)) for key, generation, value in rows if value in set(Standing)}

    def earlier(self) -> dict[str, model.BridgeLink]:
        """Return the links that do not carry yet as they were when they did, those that can be understood."""
        found: dict[str, model.BridgeLink] = {}
        for link_id, body in self._db.execute("SELECT id, body FROM earlier"):
            with contextlib.suppress(ValueError, TypeError, _NewerError):
                found[link_id] = _link(body, link_id)
        return found

    def delivered(self) -> dict[str, str]:
        """Return by link id the fingerprint of the state that the controller has heard last."""
        return dict(self._db.execute("SELECT id, fingerprint FROM delivered"))

    def save_delivered(self, fingerprints: Mapping[str, str]) -> None:
        """Keep some of those; raise StoreUnusable."""
        with self._judged(), self._transaction():
            self._db.executemany("REPLACE INTO delivered VALUES (?, ?)", fingerprints.items())

    def mode(self) -> model.Mode:
        """Return the mode that was set last; one that only a newer version knows may be one that changes nothing."""
        mode = self._setting("mode") or model.Mode.ENFORCE
        return model.Mode(mode) if mode in set(model.Mode) else model.Mode.OBSERVE

    def save_mode(self, mode: model.Mode) -> None:
        """Keep the mode; raise StoreUnusable."""
        self._save_setting("mode", mode.value)

    def incarnation(self) -> str | None:
        """Return the incarnation of the controller's record of this host, None if it was never heard of."""
        return self._setting("incarnation")

    def save_incarnation(self, incarnation: str) -> None:
        """Keep the incarnation; raise StoreUnusable."""
        self._save_setting("incarnation", incarnation)

    def faces(self) -> dict[str, str]:
        """Return the MAC addresses that neighbours had when they were last seen, by IP address."""
        return dict(json.loads(self._setting("faces") or "{}"))

    def save_faces(self, faces: Mapping[str, str]) -> None:
        """Keep those; raise StoreUnusable."""
        self._save_setting("faces", json.dumps(dict(faces)))

    def _setting(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def _save_setting(self, name: str, value: str) -> None:
        self._write_setting("REPLACE INTO setting VALUES (?, ?)", name, value)

    def _write_setting(self, statement: str, *values: str) -> None:
        with self._judged():
            self._db.execute(statement, values)

    @contextlib.contextmanager
    def _judged(self) -> Iterator[None]:
        """Tell what SQLite says in our own words; a file that turns out to be damaged is set aside."""
        if self.unwritable:
            self._open_again()
        try:
            if self._opened is not None and (found := self._inodes()) != self._opened:
                # SQLite would go on, with what nobody finds again.
                raise sqlite3.DatabaseError(f"somebody has {'replaced' if all(found) else 'deleted'} it or its log")
            yield
        except sqlite3.Error as error:
            if not store_file.is_damage(error):
                raise exceptions.StoreUnusable(str(error)) from error
            self._db.close()
            try:
                self._begin_anew(f"was damaged ({error})")
            except (OSError, sqlite3.Error) as another:
                raise exceptions.StoreUnusable(f"{error}; then {another}") from another
            raise exceptions.StoreLost(str(error)) from error

    def _open_again(self) -> None:
        """Have the file instead of what was read of it; raise StoreUnusable, or StoreLost if it is there: it is old."""
        copy, why, self.unwritable = self._db, self.unwritable, ""
        try:
            self._open_or_set_aside(or_copy=False)
        except (OSError, sqlite3.Error, ValueError) as error:
            self._db, self.unwritable = copy, why
            raise exceptions.StoreUnusable(str(error)) from error
        copy.close()
        self._found = None
        raise exceptions.StoreLost(f"it could not be written since the start: {why}")

    def save(
        self,
        *,
        wanted: Iterable[tuple[model.BridgeLink, int | None]] = (),
        removed: Iterable[tuple[str, int, model.BridgeLink | None]] = (),
        gone: Iterable[tuple[str, int]] = (),
        standings: Mapping[str, tuple[int, Standing]] | None = None,
        earlier: Mapping[str, model.BridgeLink | None] | None = None,
    ) -> None:
        """Keep changes, all or none: links that are wanted now, that are to go, and that went.

        Each wanted one comes with the MTU that was settled for it, if any; ``standings`` and ``earlier`` are as those
        that are read, with None for what is to be forgotten. Raise StoreUnusable, as on a full disk, and StoreLost if
        the file was damaged: in the new one is nothing.
        """
        self._found = None
        with self._judged(), self._transaction():
            self._write(wanted, removed, gone)
            for link_id, (generation, standing) in (standings or {}).items():
                row = (link_id, generation, standing.value)
                self._db.execute("REPLACE INTO standing VALUES (?, ?, ?)", row)
            for link_id, link in (earlier or {}).items():
                self._save_earlier(link_id, link)
            faults.point("agent-storing")

    def _save_earlier(self, link_id: str, link: model.BridgeLink | None) -> None:
        if link is None:
            self._db.execute("DELETE FROM earlier WHERE id = ?", (link_id,))
        else:
            self._db.execute("REPLACE INTO earlier VALUES (?, ?)", (link_id, _body(link)))

    def forget(self, link_ids: Collection[str] = ()) -> set[str]:
        """Forget these links, which are gone, and what went long ago; return the ids. Raise StoreUnusable."""
        with self._judged(), self._transaction():
            self._db.executemany("DELETE FROM removed WHERE id = ?", ((link_id,) for link_id in link_ids))
            old = self._db.execute("DELETE FROM removed WHERE gone_at < ? RETURNING id", (time.time() - _REMEMBER,))
            return {str(link_id) for (link_id,) in old.fetchall()}.union(link_ids)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _write(
        self,
        wanted: Iterable[tuple[model.BridgeLink, int | None]],
        removed: Iterable[tuple[str, int, model.BridgeLink | None]],
        gone: Iterable[tuple[str, int]],
    ) -> None:
        for link, mtu in wanted:
            self._db.execute("REPLACE INTO link VALUES (?, ?, ?)", (link.id, _body(link, mtu), mtu))
            self._db.execute("DELETE FROM removed WHERE id = ?", (link.id,))
        for link_id, generation, body in removed:
            self._delete(link_id)
            text = _body(body) if body else None
            self._db.execute("REPLACE INTO removed VALUES (?, ?, ?, NULL)", (link_id, generation, text))
        for link_id, generation in gone:
            self._delete(link_id)
            self._db.execute("REPLACE INTO removed VALUES (?, ?, NULL, ?)", (link_id, generation, time.time()))

    def _delete(self, link_id: str) -> None:
        for table in ("link", "standing", "delivered"):
            self._db.execute(f"DELETE FROM {table} WHERE id = ?", (link_id,))


def _body(link: model.BridgeLink, mtu: int | None = None) -> str:
    """Return what is kept of a link, with a checksum: with another letter in it it may be a link too."""
    body = link.model_dump_json()
    return f"{body[:-1]}{_SUM}{_sum(body, mtu)}}}"


def _sum(body: str, mtu: int | None) -> int:
    return zlib.crc32(f"{mtu} {body}".encode())


def _link(body: str, link_id: str, mtu: int | None = None) -> model.BridgeLink:
    """Raise _NewerError if only a newer version understands it, and ValueError or TypeError if none does."""
    content, found, number = body.rpartition(_SUM)
    if found and number != f"{_sum(content + '}', mtu)}}}":
        raise ValueError(f"malformed: the link {link_id!r} is not what was written")
    try:
        link = model.BridgeLink.model_validate_json(body)
        if link.id != link_id:
            raise ValueError(f"malformed: {link.id!r} has the place of {link_id!r}")
        return link
    except pydantic.ValidationError:
        with contextlib.suppress(ValueError):
            newer = model.read_link(json.loads(body))
            why = newer.why if isinstance(newer, model.UnreadLink) else ""
            raise _NewerError(f"has a link that only a newer version understands ({newer.id}: {why})") from None
        raise
