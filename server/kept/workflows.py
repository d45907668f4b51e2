"""A person's saved workflows: the files in `workflows`, which every front end knows, and each version of them.

The file is what counts; versions are kept beside it. What others put there, through `/userdata` or on the disk, is
noticed by its content and becomes a version before it is replaced. Everything here touches the disk, so it belongs
into a thread.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem, HeddleError
from heddle.graph.said import say
from heddle.graph.workflow import MAX_BYTES, is_crowded
from server.kept.database import KeptDatabase
from server.user_files import Absent, Taken, UserFiles

FOLDER = "workflows"  # among a person's files, where editors of this ecosystem save them
ENDING = ".json"
LONGEST_LABEL = 200
_NEWEST = "SELECT max(id) FROM versions GROUP BY path"


@dataclass(frozen=True, slots=True)
class VersionLimits:
    """How much is kept. The newest version of a workflow always stays."""

    each: int = 200  # versions of one workflow
    days: int = 0  # 0: however old
    bytes: int = 1 << 30  # of all of a person's, packed


@dataclass(frozen=True, slots=True)
class Expected:
    """What must lie at a name for a write to happen: one of these revisions, anything (`is_any`), else nothing."""

    revisions: frozenset[str] = frozenset()
    is_any: bool = False

    def allows(self, revision: str | None) -> bool:
        return self.is_any or (revision in self.revisions if revision is not None else not self.revisions)


class Changed(HeddleError):
    """Something else lies there than the writer thought."""

    def __init__(self, message: str, current: dict[str, Any] | None) -> None:
        super().__init__(message)
        self.current = current


@dataclass(frozen=True, slots=True)
class _Content:
    data: bytes
    revision: str
    modified_ms: int


class WorkflowFiles:
    """The workflows of one person, by their names below the folder, such as `faces/close up.json`.

    Raises: FileProblem, from every method, for a name that would lead out of the folder or ends otherwise; and if the
    disk refuses.
    """

    def __init__(self, files: UserFiles, database: KeptDatabase, limits: VersionLimits) -> None:
        self._files = files
        self._database = database
        self._limits = limits
        self._revisions: dict[str, tuple[tuple[int, int, int], str]] = {}  # by name: of which state of the file

    def list(self) -> list[dict[str, Any]]:
        """`{path, size, modified, revision, thumbnail_ms}` of each file, by name; times in ms since 1970."""
        try:
            paths = self._files.list(FOLDER, recurse=True)
        except Absent:
            return []
        thumbnails = self.thumbnails()
        found: list[dict[str, Any]] = []
        for path in paths:
            name = self._files.name_of(path, FOLDER)
            if name.lower().endswith(ENDING) and (record := self._record(name, path)) is not None:
                found.append({**record, "thumbnail_ms": thumbnails.get(name)})
        names = {each["path"] for each in found}
        self._revisions = {name: kept for name, kept in self._revisions.items() if name in names}
        return found

    def read(self, name: str) -> tuple[bytes, str, int]:
        """The bytes of a workflow, its revision, and when it was changed, in ms since 1970. Raises: Absent."""
        name, path = self._place(name)
        content = _read(path)
        if content is None:
            raise Absent(say("there is no workflow {name!r}", name=name))
        return content.data, content.revision, content.modified_ms

    def save(
        self, name: str, data: bytes, expected: Expected, label: str | None = None, nodes: int | None = None
    ) -> dict[str, Any]:
        """Put a workflow in place and keep it as a version.

        Args:
            nodes: how many it has, if that is known; they are counted otherwise.
        Returns: `{path, size, modified, revision, version, created}`. Raises: Changed, if something else lies there.
        """
        name, path = self._place(name)
        with self._files.writing:
            revision = _revision_of(data)
            before = self._compare(name, path, expected, revision)
            with self._database.changing() as db:
                if before is not None:
                    self._keep_found(db, name, before)
                version = self._keep(db, name, data, revision, _now_ms(), label, nodes)
                self._forget_old(db, name)
                # Inside the change: if this fails, the version is not kept either. Killed between the two, the file
                # is there and becomes a version the next time.
                if before is None or before.revision != revision:
                    self._files.write(f"{FOLDER}/{name}", data, overwrite=True)
        record = self._record(name, path)
        if record is None:
            raise Changed(say("{name!r} was taken away while it was being saved; save it again", name=name), None)
        return {**record, "version": version, "created": before is None}

    def delete(self, name: str, expected: Expected) -> None:
        """Take a workflow away; its versions stay, and it can be restored from them. Raises: Absent, Changed."""
        name, path = self._place(name)
        with self._files.writing:
            if (before := _read(path)) is None:
                raise Absent(say("there is no workflow {name!r}", name=name))
            self._compare(name, path, expected)
            with self._database.changing() as db:
                self._keep_found(db, name, before)
            self._files.delete(f"{FOLDER}/{name}")

    def move(self, name: str, wanted: str, *, overwrite: bool = False) -> dict[str, Any]:
        """Give a workflow another name; its versions and thumbnail go along.

        What lies under that name already is kept as a version of it if it may be overwritten.
        Raises: Absent, Taken.
        """
        name, path = self._place(name)
        wanted, target = self._place(wanted)
        with self._files.writing:
            if (content := _read(path)) is None:
                raise Absent(say("there is no workflow {name!r}", name=name))
            if name != wanted:
                with self._database.changing() as db:
                    if overwrite and (replaced := _read(target)) is not None:
                        self._keep_found(db, wanted, replaced)
                    # With new numbers, so that they are the newest of that name.
                    self._keep_found(db, name, content)
                    rows = db.execute("SELECT * FROM versions WHERE path = ? ORDER BY id", (name,)).fetchall()
                    db.execute("DELETE FROM versions WHERE path = ?", (name,))
                    db.executemany(
                        "INSERT INTO versions (path, revision, saved_ms, label) VALUES (?, ?, ?, ?)",
                        [(wanted, row["revision"], row["saved_ms"], row["label"]) for row in rows],
                    )
                    db.execute("DELETE FROM thumbnails WHERE path = ?", (wanted,))
                    db.execute("UPDATE thumbnails SET path = ? WHERE path = ?", (wanted, name))
                    db.execute("UPDATE drafts SET path = ? WHERE path = ?", (wanted, name))
                    self._forget_old(db, wanted)
                    self._files.move(f"{FOLDER}/{name}", f"{FOLDER}/{wanted}", overwrite=overwrite)
        record = self._record(wanted, target)
        if record is None:
            raise Absent(say("{wanted!r} was taken away while it was being moved", wanted=wanted))
        return record

    def versions(self, name: str) -> dict[str, Any]:
        """`{path, is_there, versions}`, the newest first: `{id, saved, size, nodes, label, revision, is_current}`.

        What lies in the file is among them, whoever put it there. Raises: Absent, if there never was such a workflow.
        """
        name, path = self._place(name)
        with self._files.writing:
            content = _read(path)
            if content is not None and not self._is_kept(name, content.revision):
                with self._database.changing() as db:
                    self._keep_found(db, name, content)
                    self._forget_old(db, name)
            with self._database.reading() as db:
                rows = db.execute(
                    "SELECT id, saved_ms, label, revision, size, nodes FROM versions JOIN contents USING (revision) "
                    "WHERE path = ? ORDER BY id DESC",
                    (name,),
                ).fetchall()
        if not rows:
            raise Absent(say("there is no workflow {name!r}, and none was deleted", name=name))
        current = None if content is None else next((r["id"] for r in rows if r["revision"] == content.revision), None)
        told = [
            {
                "id": row["id"],
                "saved": row["saved_ms"],
                "size": row["size"],
                "nodes": row["nodes"],
                "label": row["label"],
                "revision": row["revision"],
                "is_current": row["id"] == current,
            }
            for row in rows
        ]
        return {"path": name, "is_there": content is not None, "versions": told}

    def version(self, name: str, number: int) -> tuple[bytes, str, int]:
        """The bytes of one version, its revision, and when it was saved, in ms since 1970. Raises: Absent."""
        name, _ = self._place(name)
        with self._database.reading() as db:
            row = _find(db, name, number)
            packed = db.execute("SELECT packed FROM contents WHERE revision = ?", (row["revision"],)).fetchone()[0]
        return _unpack(packed), row["revision"], row["saved_ms"]

    def name_version(self, name: str, number: int, label: str | None) -> None:
        """Give a version a label, or take it away. Raises: Absent."""
        name, _ = self._place(name)
        with self._database.changing() as db:
            _find(db, name, number)
            db.execute("UPDATE versions SET label = ? WHERE id = ?", (label, number))

    def restore(self, name: str, number: int, expected: Expected) -> dict[str, Any]:
        """Put a version in place of what lies there now; it is a new version then.

        Returns: what `save` does. Raises: Absent, Changed.
        """
        data, _, saved_ms = self.version(name, number)
        with self._database.reading() as db:
            label = _find(db, self._place(name)[0], number)["label"]
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(saved_ms / 1000))
        return self.save(name, data, expected, label or f"{moment} UTC")

    def deleted(self) -> list[dict[str, Any]]:
        """`{path, saved, versions, size, nodes, revision, version}` of those that have versions and no file.

        All but the number of versions is of the newest one. The workflow saved last comes first.
        """
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT v.path, v.saved_ms, v.id, v.revision, size, nodes, "
                "(SELECT count(*) FROM versions w WHERE w.path = v.path) AS count "
                f"FROM versions v JOIN contents USING (revision) WHERE v.id IN ({_NEWEST}) ORDER BY v.id DESC"
            ).fetchall()
        return [
            {
                "path": row["path"],
                "saved": row["saved_ms"],
                "versions": row["count"],
                "size": row["size"],
                "nodes": row["nodes"],
                "revision": row["revision"],
                "version": row["id"],
            }
            for row in rows
            if not self._files.path(f"{FOLDER}/{row['path']}").is_file()
        ]

    def forget(self, name: str) -> None:
        """Drop the versions and the thumbnail of a deleted workflow for good. Raises: Absent; Taken, if it is there."""
        name, path = self._place(name)
        with self._files.writing:
            if path.is_file():
                raise Taken(say("{name!r} is there; delete it first to forget its versions", name=name))
            with self._database.changing() as db:
                if db.execute("DELETE FROM versions WHERE path = ?", (name,)).rowcount == 0:
                    raise Absent(say("there are no versions of {name!r}", name=name))
                db.execute("DELETE FROM thumbnails WHERE path = ?", (name,))
                _drop_unused(db)

    def thumbnail(self, name: str) -> bytes:
        """A picture of a workflow, as it was sent. Raises: Absent."""
        name, _ = self._place(name)
        with self._database.reading() as db:
            row = db.execute("SELECT data FROM thumbnails WHERE path = ?", (name,)).fetchone()
        if row is None:
            raise Absent(say("{name!r} has no thumbnail", name=name))
        return row["data"]

    def thumbnails(self) -> dict[str, int]:
        """When the picture of each workflow that has one was made, in ms since 1970."""
        with self._database.reading() as db:
            return dict(db.execute("SELECT path, made_ms FROM thumbnails").fetchall())

    def set_thumbnail(self, name: str, data: bytes) -> int:
        """Keep a picture of a workflow that is there; when it was made, in ms since 1970. Raises: Absent."""
        name, path = self._place(name)
        if not path.is_file():
            raise Absent(say("there is no workflow {name!r}", name=name))
        made_ms = _now_ms()
        with self._database.changing() as db:
            db.execute("INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?)", (name, made_ms, data))
        return made_ms

    def _place(self, name: str) -> tuple[str, Path]:
        """The one name that means this file, and where it lies."""
        self._files.path(name)  # as a name of its own: behind the folder's, an absolute one would look harmless
        path = self._files.path(f"{FOLDER}/{name}")
        if name.endswith(("/", "\\")):
            raise FileProblem(say("{name!r}: the name of the file is missing", name=name))
        name = self._files.name_of(path, FOLDER)
        if not name.lower().endswith(ENDING) or any(part.startswith(".") for part in name.split("/")):
            words = "{name!r}: a workflow's name ends in {ending} and has no part that begins with a dot"
            raise FileProblem(say(words, name=name, ending=ENDING))
        return name, path

    def _record(self, name: str, path: Path) -> dict[str, Any] | None:
        try:
            state = path.stat()
            known = (state.st_mtime_ns, state.st_size, state.st_ino)
            if (kept := self._revisions.get(name)) is None or kept[0] != known:
                if state.st_size > MAX_BYTES:  # no workflow
                    return None
                kept = self._revisions[name] = (known, _revision_of(path.read_bytes()))
        except OSError:
            return None
        return {
            "path": name,
            "size": state.st_size,
            "modified": state.st_mtime_ns // 1_000_000,
            "revision": kept[1],
        }

    def _compare(self, name: str, path: Path, expected: Expected, coming: str | None = None) -> _Content | None:
        """What lies there. Raises: Changed, if the writer does not know of it.

        Args:
            coming: the revision that is to be written. If that lies there, all is well: an answer was lost on its way.
        """
        content = _read(path)
        revision = None if content is None else content.revision
        if expected.allows(revision) or (coming is not None and revision == coming):
            return content
        if content is None:
            words = "{name!r} is gone: it was deleted or moved; save it as a new one"
            raise Changed(say(words, name=name), None)
        words = say("was changed by somebody else") if expected.revisions else say("is there already")
        raise Changed(
            say("{name!r} {words}; look at it, then save over it or under another name", name=name, words=words),
            self._record(name, path),
        )

    def _is_kept(self, name: str, revision: str) -> bool:
        with self._database.reading() as db:
            found = db.execute("SELECT 1 FROM versions WHERE path = ? AND revision = ?", (name, revision)).fetchone()
        return found is not None

    def _keep_found(self, db: sqlite3.Connection, name: str, content: _Content) -> None:
        """Make what others put there a version, if it is none yet."""
        asked = "SELECT 1 FROM versions WHERE path = ? AND revision = ?"
        if db.execute(asked, (name, content.revision)).fetchone() is None:
            self._keep(db, name, content.data, content.revision, content.modified_ms, None)

    def _keep(
        self,
        db: sqlite3.Connection,
        name: str,
        data: bytes,
        revision: str,
        saved_ms: int,
        label: str | None,
        nodes: int | None = None,
    ) -> int:
        """The number of the version; that of the newest one if it has the same content."""
        newest = db.execute("SELECT * FROM versions WHERE path = ? ORDER BY id DESC LIMIT 1", (name,)).fetchone()
        if newest is not None and newest["revision"] == revision:
            if label is not None:
                db.execute("UPDATE versions SET label = ? WHERE id = ?", (label, newest["id"]))
            return newest["id"]
        if db.execute("SELECT 1 FROM contents WHERE revision = ?", (revision,)).fetchone() is None:
            packed = zlib.compress(data, 6)
            nodes = _count_in(data) if nodes is None else nodes
            row = (revision, len(data), nodes, len(packed), packed)
            db.execute("INSERT INTO contents VALUES (?, ?, ?, ?, ?)", row)
        added = db.execute(
            "INSERT INTO versions (path, revision, saved_ms, label) VALUES (?, ?, ?, ?)",
            (name, revision, saved_ms, label),
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def _forget_old(self, db: sqlite3.Connection, name: str) -> None:
        """Drop what is more than the limits allow, the oldest first and never a workflow's newest."""
        db.execute(
            "DELETE FROM versions WHERE path = ? AND id NOT IN "
            "(SELECT id FROM versions WHERE path = ? ORDER BY id DESC LIMIT ?)",
            (name, name, max(1, self._limits.each)),
        )
        if self._limits.days:
            oldest_ms = _now_ms() - self._limits.days * 86_400_000
            db.execute(f"DELETE FROM versions WHERE saved_ms < ? AND id NOT IN ({_NEWEST})", (oldest_ms,))
        _drop_unused(db)
        total = db.execute("SELECT coalesce(sum(packed_size), 0) FROM contents").fetchone()[0]
        if total <= self._limits.bytes:
            return
        uses = dict(db.execute("SELECT revision, count(*) FROM versions GROUP BY revision").fetchall())
        sizes = dict(db.execute("SELECT revision, packed_size FROM contents").fetchall())
        old = db.execute(f"SELECT id, revision FROM versions WHERE id NOT IN ({_NEWEST}) ORDER BY id").fetchall()
        for number, revision in old:
            if total <= self._limits.bytes:
                break
            db.execute("DELETE FROM versions WHERE id = ?", (number,))
            uses[revision] -= 1
            if not uses[revision]:
                total -= sizes[revision]
        _drop_unused(db)


def _find(db: sqlite3.Connection, name: str, number: int) -> sqlite3.Row:
    row = db.execute("SELECT * FROM versions WHERE path = ? AND id = ?", (name, number)).fetchone()
    if row is None:
        words = "{name!r} has no version {number}; it may have been dropped as one of the oldest"
        raise Absent(say(words, name=name, number=number))
    return row


def _drop_unused(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM contents WHERE revision NOT IN (SELECT revision FROM versions)")


def _read(path: Path) -> _Content | None:
    """What a file holds; None if there is none."""
    try:
        state = path.stat()
        if not path.is_file():
            return None
        if state.st_size > MAX_BYTES:
            raise FileProblem(
                say("{file}: larger than {limit} MB, which no workflow is", file=path.name, limit=MAX_BYTES >> 20),
                path=path,
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _Content(data, _revision_of(data), state.st_mtime_ns // 1_000_000)


def _revision_of(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _count_in(data: bytes) -> int | None:
    """How many nodes a workflow has; None if it cannot be read."""
    try:
        return None if is_crowded(data) else count_nodes(json.loads(data))
    except (ValueError, RecursionError):
        return None


def count_nodes(document: Any) -> int | None:
    """How many nodes a workflow has, those inside subgraphs once for each definition; None if it is none."""
    if not isinstance(document, Mapping):
        return None
    if not isinstance(document.get("nodes"), list):
        nodes = [each for each in document.values() if isinstance(each, Mapping) and "class_type" in each]
        return len(nodes) if nodes or not document else None
    definitions = document.get("definitions")
    inner = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
    graphs = [document, *(inner if isinstance(inner, list) else ())]
    lists = [graph.get("nodes") for graph in graphs if isinstance(graph, Mapping)]
    return sum(len(nodes) for nodes in lists if isinstance(nodes, list))


def _unpack(packed: bytes) -> bytes:
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        words = "this version is damaged ({why}); choose another one"
        raise FileProblem(say(words, why=str(error))) from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
