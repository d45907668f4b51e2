"""The index of results: one row per file, in the order of their times, with what is known of each.

It is a copy of what the folders say, so it may be lost. `walking.py` reads the folders, jobs say what they wrote, and
what only the file itself tells (its size in pixels) is written down when somebody has read it. Everything here waits
for a disk, so it belongs into a thread: one that writes, one that reads.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.settings.scratch import connect, open_scratch
from server.outputs.kinds import KINDS, SHOWN, kind_of

VERSION = 1
ROWS_AT_ONCE = 500  # in one statement; older SQLite takes 999 values
COUNTS_KEPT = 100
LONGEST_WORDS = 2_000  # characters of a job's prompts that can be searched

# The one index that lists walk holds all that they ask of a file, so that none is looked up that is not shown.
_SCHEMA = """
    CREATE TABLE files (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        place TEXT NOT NULL,             -- output, input, temp
        subfolder TEXT NOT NULL,         -- forward slashes; empty for the folder itself
        filename TEXT NOT NULL,
        folded TEXT NOT NULL,            -- subfolder and name as they are searched
        kind TEXT NOT NULL,
        inode INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        job_id TEXT,
        node_id TEXT,
        looked INTEGER NOT NULL DEFAULT 0, -- the file itself was read for what follows
        width INTEGER,
        height INTEGER,
        duration_s REAL,
        has_workflow INTEGER,
        UNIQUE (place, subfolder, filename)
    );
    CREATE INDEX files_by_time ON files (place, modified_ns, id, kind, subfolder, job_id, folded);
    CREATE INDEX files_of_jobs ON files (job_id) WHERE job_id IS NOT NULL;
    CREATE TABLE folders (
        place TEXT NOT NULL,
        subfolder TEXT NOT NULL,
        modified_ns INTEGER NOT NULL,    -- when it was walked
        walked_ns INTEGER NOT NULL,
        PRIMARY KEY (place, subfolder)
    ) WITHOUT ROWID;
    CREATE TABLE counts (
        place TEXT NOT NULL,
        subfolder TEXT NOT NULL,
        kind TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (place, subfolder, kind)
    ) WITHOUT ROWID;
    CREATE TABLE words (job_id TEXT PRIMARY KEY, folded TEXT NOT NULL);
    CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TRIGGER count_new AFTER INSERT ON files BEGIN
        INSERT INTO counts VALUES (NEW.place, NEW.subfolder, NEW.kind, 1, NEW.bytes)
        ON CONFLICT DO UPDATE SET files = files + 1, bytes = bytes + NEW.bytes;
    END;
    CREATE TRIGGER count_gone AFTER DELETE ON files BEGIN
        UPDATE counts SET files = files - 1, bytes = bytes - OLD.bytes
        WHERE place = OLD.place AND subfolder = OLD.subfolder AND kind = OLD.kind;
        DELETE FROM counts WHERE place = OLD.place AND subfolder = OLD.subfolder AND kind = OLD.kind AND files <= 0;
        DELETE FROM words WHERE job_id = OLD.job_id
        AND NOT EXISTS (SELECT 1 FROM files WHERE files.job_id = OLD.job_id);
    END;
    CREATE TRIGGER count_grown AFTER UPDATE OF bytes ON files BEGIN
        UPDATE counts SET bytes = bytes - OLD.bytes + NEW.bytes
        WHERE place = NEW.place AND subfolder = NEW.subfolder AND kind = NEW.kind;
    END;
"""
_COLUMNS = (
    "id, place, subfolder, filename, kind, bytes, modified_ns, job_id, node_id, looked, width, height, duration_s,"
    " has_workflow"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order of times: that of one file."""

    modified_ns: int
    id: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as its folder shows it."""

    filename: str
    inode: int
    bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a file says of itself. Sizes in pixels, as it is shown; None: it has none, or it cannot be told."""

    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    has_workflow: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the index."""

    id: int
    place: str
    subfolder: str
    filename: str
    kind: str
    bytes: int
    modified_ns: int
    job_id: str | None
    node_id: str | None
    looked: bool
    look: Look

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.modified_ns, self.id)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which files, in which order, from where on."""

    place: str = "output"
    folder: str | None = None  # None: all of them
    is_deep: bool = True  # with the folders below it
    kinds: tuple[str, ...] = SHOWN
    text: str = ""  # words that the name or the job's prompts have, each of them
    job_id: str | None = None
    job_ids: tuple[str, ...] | None = None  # of one of these jobs
    since_ms: int | None = None  # modified then or later
    until_ms: int | None = None  # modified before
    newest_first: bool = True
    limit: int = 100
    offset: int = 0
    beyond: Cursor | None = None  # only what comes after it in this order
    backwards: bool = False  # instead, what comes before it, the nearest `limit` of them


@dataclass(frozen=True, slots=True)
class Page:
    """Files of one page in their order, whether there are more beyond its end, and how many there are on all pages."""

    entries: list[Entry]
    has_more: bool
    total: int
    total_bytes: int | None  # None where it would have to be counted


class OutputIndex:
    """The index in one file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing: sqlite3.Connection
        self._reading: sqlite3.Connection
        self._counted: dict[tuple[Any, ...], int] = {}  # what was asked -> how many
        self._counted_at = -1

    def open(self) -> None:
        """Raises: sqlite3.Error, OSError."""
        self._writing = open_scratch(self._path, _SCHEMA, VERSION)
        self._reading = connect(self._path)

    def close(self) -> None:
        self.close_reading()
        self.close_writing()

    def close_reading(self) -> None:
        """To be called where it is read: a connection must not go while another thread uses it."""
        self._reading.close()

    def close_writing(self) -> None:
        self._writing.close()

    # Reading

    def page(self, wish: Wish) -> Page:
        """The files that are asked for."""
        db = self._reading
        where, values = _where(wish)
        goes_up = wish.newest_first == wish.backwards
        order = "ASC" if goes_up else "DESC"
        beyond = ""
        bound: list[Any] = list(values)
        if wish.beyond is not None:
            beyond = f" AND (modified_ns, id) {'>' if goes_up else '<'} (?, ?)"
            bound += [wish.beyond.modified_ns, wish.beyond.id]
        statement = f"SELECT id FROM files INDEXED BY files_by_time WHERE {where}{beyond}"
        found = db.execute(
            f"{statement} ORDER BY modified_ns {order}, id {order} LIMIT ? OFFSET ?",
            (*bound, wish.limit + 1, wish.offset),
        ).fetchall()
        ids = [row[0] for row in found[: wish.limit]]
        if wish.backwards:
            ids.reverse()
        total, total_bytes = self._count(wish, where, values)
        return Page(self.entries(ids), len(found) > wish.limit, total, total_bytes)

    def entries(self, ids: Sequence[int]) -> list[Entry]:
        """These files in this order, without those that are gone."""
        found: dict[int, Entry] = {}
        for start in range(0, len(ids), ROWS_AT_ONCE):
            some = ids[start : start + ROWS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            for row in self._reading.execute(f"SELECT {_COLUMNS} FROM files WHERE id IN ({marks})", some):
                found[row[0]] = _entry(row)
        return [found[each] for each in ids if each in found]

    def find(self, place: str, subfolder: str, filename: str) -> Entry | None:
        row = self._reading.execute(
            f"SELECT {_COLUMNS} FROM files WHERE place = ? AND subfolder = ? AND filename = ?",
            (place, subfolder, filename),
        ).fetchone()
        return None if row is None else _entry(row)

    def folders(self, place: str) -> dict[str, dict[str, Any]]:
        """Each folder that holds files: `{kind: files}` as `kinds`, and `bytes`."""
        told: dict[str, dict[str, Any]] = {}
        rows = self._reading.execute(
            "SELECT subfolder, kind, files, bytes FROM counts WHERE place = ? ORDER BY subfolder", (place,)
        )
        for subfolder, kind, files, size in rows:
            entry = told.setdefault(subfolder, {"kinds": {}, "bytes": 0})
            entry["kinds"][kind] = files
            entry["bytes"] += size
        return told

    def walked(self, place: str) -> dict[str, tuple[int, int]]:
        """Every folder that was walked: its time then, and when that was, both in ns."""
        rows = self._reading.execute("SELECT subfolder, modified_ns, walked_ns FROM folders WHERE place = ?", (place,))
        return {subfolder: (modified_ns, walked_ns) for subfolder, modified_ns, walked_ns in rows}

    def known(self, place: str, subfolder: str) -> dict[str, Seen]:
        """The files of one folder as they were seen last."""
        rows = self._reading.execute(
            "SELECT filename, inode, bytes, modified_ns FROM files WHERE place = ? AND subfolder = ?",
            (place, subfolder),
        )
        return {row[0]: Seen(*row) for row in rows}

    def number(self, name: str) -> int:
        """A number that was kept; 0 if none was."""
        row = self._reading.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
        return 0 if row is None else row[0]

    def _count(self, wish: Wish, where: str, values: Sequence[Any]) -> tuple[int, int | None]:
        bounds = (wish.job_id, wish.job_ids, wish.since_ms, wish.until_ms)
        if wish.text or any(each is not None for each in bounds):
            return self._count_all(where, values), None
        counted = f"SELECT coalesce(sum(files), 0), coalesce(sum(bytes), 0) FROM counts WHERE {where}"
        return self._reading.execute(counted, values).fetchone()

    def _count_all(self, where: str, values: Sequence[Any]) -> int:
        """How many files a walk of all finds: counted once for all pages, as long as nobody writes."""
        (version,) = self._reading.execute("PRAGMA data_version").fetchone()
        if version != self._counted_at or len(self._counted) >= COUNTS_KEPT:
            self._counted.clear()
            self._counted_at = version
        asked = (where, *values)
        if asked not in self._counted:
            counted = f"SELECT count(*) FROM files INDEXED BY files_by_time WHERE {where}"
            (self._counted[asked],) = self._reading.execute(counted, values).fetchone()
        return self._counted[asked]

    # Writing

    def put(self, place: str, subfolder: str, seen: Iterable[Seen]) -> None:
        """Take in files as their folder shows them; of those that are different now, what was known is forgotten."""
        prefix, seen = f"{subfolder}/" if subfolder else "", list(seen)
        with self.together() as db:
            db.executemany(
                "INSERT INTO files (place, subfolder, filename, folded, kind, inode, bytes, modified_ns)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (place, subfolder, filename) DO UPDATE SET"
                " bytes = excluded.bytes, modified_ns = excluded.modified_ns,"
                " looked = 0, width = NULL, height = NULL, duration_s = NULL, has_workflow = NULL,"
                " job_id = NULL, node_id = NULL"
                " WHERE bytes <> excluded.bytes OR modified_ns <> excluded.modified_ns",
                [
                    (
                        *(place, subfolder, each.filename, (prefix + each.filename).casefold()),
                        *(kind_of(each.filename), signed(each.inode), each.bytes, each.modified_ns),
                    )
                    for each in seen
                ],
            )
            db.executemany(  # the same file on another disk
                "UPDATE files SET inode = ? WHERE place = ? AND subfolder = ? AND filename = ? AND inode <> ?",
                [(n := signed(each.inode), place, subfolder, each.filename, n) for each in seen],
            )

    def sign(self, job_id: str, node_id: str | None, files: Iterable[tuple[str, str, str]], *, is_new: bool) -> None:
        """Write down which job wrote these files, as (place, subfolder, name).

        Args: is_new: the job wrote them just now; otherwise files that have a job keep it.
        """
        there = "" if is_new else " AND job_id IS NULL"
        with self.together() as db:
            db.executemany(
                f"UPDATE files SET job_id = ?, node_id = ? WHERE place = ? AND subfolder = ? AND filename = ?{there}",
                [(job_id, node_id, *each) for each in files],
            )

    def put_words(self, job_id: str, words: str) -> None:
        """Keep what a job's prompts said, to be searched."""
        with self.together() as db:
            db.execute("INSERT OR REPLACE INTO words VALUES (?, ?)", (job_id, words.casefold()[:LONGEST_WORDS]))

    def put_looks(self, looks: Mapping[int, tuple[int, Look]]) -> None:
        """Write down what files said of themselves: id -> (its time then, in ns; what it said)."""
        with self.together() as db:
            db.executemany(
                "UPDATE files SET looked = 1, width = coalesce(?, width), height = coalesce(?, height),"
                " duration_s = coalesce(?, duration_s), has_workflow = coalesce(?, has_workflow)"
                " WHERE id = ? AND modified_ns = ?",
                [
                    (look.width, look.height, look.duration_s, look.has_workflow, each, modified_ns)
                    for each, (modified_ns, look) in looks.items()
                ],
            )

    def remove(self, place: str, subfolder: str, filenames: Iterable[str]) -> None:
        """Forget files that are gone."""
        with self.together() as db:
            db.executemany(
                "DELETE FROM files WHERE place = ? AND subfolder = ? AND filename = ?",
                [(place, subfolder, each) for each in filenames],
            )

    def put_folder(self, place: str, subfolder: str, modified_ns: int, walked_ns: int) -> None:
        """A folder was walked."""
        with self.together() as db:
            db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?)", (place, subfolder, modified_ns, walked_ns))

    def remove_folder(self, place: str, subfolder: str) -> None:
        """Forget a folder that is gone, with all that lay in it."""
        condition, values = _below(subfolder, is_deep=True)
        with self.together() as db:
            for table in ("files", "folders"):
                db.execute(f"DELETE FROM {table} WHERE place = ? AND {condition}", (place, *values))

    def put_number(self, name: str, value: int) -> None:
        with self.together() as db:
            db.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (name, value))

    @contextlib.contextmanager
    def together(self) -> Iterator[sqlite3.Connection]:
        """All that is written inside is there whole or not at all; one inside another is part of it."""
        db = self._writing
        if db.in_transaction:
            yield db
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def _where(wish: Wish) -> tuple[str, list[Any]]:
    chosen = ["place = ?"]
    bound: list[Any] = [wish.place]
    if len(set(wish.kinds)) < len(KINDS):
        chosen.append(f"kind IN ({', '.join('?' * len(wish.kinds))})")
        bound += wish.kinds
    if wish.folder is not None and (wish.folder or not wish.is_deep):
        condition, more = _below(wish.folder, wish.is_deep)
        chosen.append(condition)
        bound += more
    if wish.job_id is not None:
        chosen.append("job_id = ?")
        bound.append(wish.job_id)
    if wish.job_ids is not None:
        chosen.append("job_id IN (SELECT value FROM json_each(?))")
        bound.append(json.dumps(wish.job_ids))
    if wish.since_ms is not None:
        chosen.append("modified_ns >= ?")
        bound.append(bounded(wish.since_ms * 1_000_000))
    if wish.until_ms is not None:
        chosen.append("modified_ns < ?")
        bound.append(bounded(wish.until_ms * 1_000_000))
    for word in wish.text.casefold().split():
        chosen.append("(instr(folded, ?) OR job_id IN (SELECT words.job_id FROM words WHERE instr(words.folded, ?)))")
        bound += [word, word]
    return " AND ".join(chosen), bound


def _below(subfolder: str, is_deep: bool) -> tuple[str, list[str]]:
    if not is_deep:
        return "subfolder = ?", [subfolder]
    if not subfolder:
        return "1", []
    return "(subfolder = ? OR (subfolder > ? AND subfolder < ?))", [subfolder, f"{subfolder}/", f"{subfolder}0"]


def bounded(ns: int) -> int:
    """A time as SQLite counts, to the year 2262; some disks go on beyond it."""
    return max(-(2**63), min(ns, 2**63 - 1))


def signed(number: int) -> int:
    """An inode as SQLite counts: some file systems number theirs up to 2^64."""
    return number - 2**64 if number >= 2**63 else number


def _entry(row: Sequence[Any]) -> Entry:
    number, place, subfolder, filename, kind, size, modified_ns, job_id, node_id = row[:9]
    looked, width, height, duration_s, has_workflow = row[9:]
    look = Look(width, height, duration_s, None if has_workflow is None else bool(has_workflow))
    return Entry(number, place, subfolder, filename, kind, size, modified_ns, job_id, node_id, bool(looked), look)


def seen_at(path: str | os.PathLike[str], filename: str) -> Seen:
    """A file as it is now. Raises: OSError."""
    state = os.stat(path)
    return Seen(filename, signed(state.st_ino), state.st_size, bounded(state.st_mtime_ns))
