"""The database in a person's folder that holds versions, thumbnails and drafts.

It lies in `.heddle`, where no program looks for workflows. A change is in it whole or not at all, also when the process
is killed or the disk is full. Everything here touches the disk, so it belongs into a thread.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.whole_files import keep_aside
from server.user_files import OURS, UserFiles

log = logging.getLogger("heddle.server.kept")

NAME = f"{OURS}/kept.sqlite"
BUSY_TIMEOUT_S = 10.0

# The blob comes last: SQLite reads what stands before it without touching its pages.
_TABLES = """
CREATE TABLE IF NOT EXISTS contents (
    revision TEXT PRIMARY KEY, size INTEGER NOT NULL, nodes INTEGER, packed_size INTEGER NOT NULL, packed BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, revision TEXT NOT NULL, saved_ms INTEGER NOT NULL,
    label TEXT
);
CREATE INDEX IF NOT EXISTS versions_of ON versions (path, id);
CREATE INDEX IF NOT EXISTS versions_with ON versions (revision);
CREATE TABLE IF NOT EXISTS thumbnails (path TEXT PRIMARY KEY, made_ms INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS drafts (
    id TEXT PRIMARY KEY, name TEXT, path TEXT, revision TEXT, saved_ms INTEGER NOT NULL, size INTEGER NOT NULL,
    packed_size INTEGER NOT NULL, packed BLOB NOT NULL
);
"""
_REFUSALS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
}


class KeptDatabase:
    """Opened for each use: what is asked seldom need not be held open."""

    def __init__(self, files: UserFiles) -> None:
        self._files = files
        self._using = threading.RLock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """To read from; empty if nothing was ever kept. Raises: FileProblem."""
        with self._opened(must_exist=False) as db:
            yield db

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One change: all that happens inside is there afterwards, or nothing of it. Raises: FileProblem."""
        with self._opened(must_exist=True) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _opened(self, *, must_exist: bool) -> Iterator[sqlite3.Connection]:
        path = self._files.path(NAME)
        with self._using, _explained(path):
            if must_exist:
                path.parent.mkdir(parents=True, exist_ok=True)
            is_there = path.exists()
            with contextlib.closing(self._connect(path if must_exist or is_there else None)) as db:
                yield db

    def _connect(self, path: Path | None) -> sqlite3.Connection:
        try:
            return _connect(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            if path is None:
                raise
            self._keep_aside(path, str(error))
            return _connect(path)

    def _keep_aside(self, path: Path, why: str) -> None:
        aside = keep_aside(path)
        log.warning(
            "%s, which keeps versions and drafts, is damaged (%s); it is now %s, and they begin anew",
            path,
            why,
            aside.name,
        )


def _connect(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:" if path is None else path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous = FULL")
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            db.executescript(_TABLES)
    except BaseException:
        db.close()
        raise
    return db


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What SQLite says as a FileProblem; its cause is the error of the system that it means."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        words = say("{path}: versions and drafts cannot be read or kept now ({why}); try again", path=path, why=error)
        if code is not None and (number := _REFUSALS.get(code & 0xFF)) is not None:
            raise FileProblem(words, path=path) from OSError(number, os.strerror(number))
        raise FileProblem(words, path=path) from error
