"""Small SQLite files that may be lost at any time: what they hold can be made again."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

log = logging.getLogger("heddle.settings")


def open_scratch(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """The database, made anew if it is damaged or of another version. Raises: sqlite3.Error, OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _open(path, schema, version)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # busy, full or not allowed: a new file would fare no better
            raise
        log.warning("%s is damaged (%s) and is made anew", path, error)
    except _OtherVersion:
        pass
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return _open(path, schema, version)


def connect(path: Path) -> sqlite3.Connection:
    """One more connection to such a file."""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # after a power cut it is made anew, if need be
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class _OtherVersion(Exception):
    pass


def _open(path: Path, schema: str, version: int) -> sqlite3.Connection:
    connection = connect(path)
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        (seen,) = connection.execute("PRAGMA user_version").fetchone()
        if seen not in (0, version):
            raise _OtherVersion
        if seen == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {version}; COMMIT;")
        undo.pop_all()
    return connection
