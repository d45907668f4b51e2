"""The file of the job store: owned by one front desk, opened, brought up to date, closed."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from heddle.graph.errors import SettingsError
from heddle.graph.said import say
from server.store.records import MissingRow, StoreDamaged, StoreTrouble
from server.store.schema import upgrade
from server.store.writing import cancel

NUMBERS_AHEAD = 100_000  # events of one run that may have been told and not written when it was killed


class Database:
    """Two connections to one file, for the thread that writes and for the one that reads."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._connections: list[sqlite3.Connection] = []
        self.writing: sqlite3.Connection
        self.reading: sqlite3.Connection
        self.next_event = 1

    def open(self) -> None:
        """Make or upgrade the database and put jobs that were running when everything ended back into the queue.

        Raises: SettingsError, if another front desk has this folder or it cannot be written to.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._own()
            self.writing = self._connect("FULL")
            upgrade(self.writing, self._path)
            self.reading = self._connect("NORMAL")
            self._recover(self.writing)
        except SettingsError:
            self.close()
            raise
        except (OSError, sqlite3.OperationalError) as error:
            self.close()
            next_step = "free some space" if _is_full(error) else "make its folder writable"
            raise SettingsError(
                f"the job database {self._path} cannot be opened ({error}); "
                f"{next_step} or choose another with --user-directory"
            ) from error
        except sqlite3.Error as error:
            self.close()
            raise SettingsError(f"{self._words_on_damage(error)}; or choose another with --user-directory") from error

    def close(self) -> None:
        """Let go of the file."""
        while self._connections:  # the lock, which was opened first, goes last
            self._connections.pop().close()

    def refuse_lost(self) -> None:
        """Raises: StoreTrouble, if the next start will not find the file that is open."""
        if not os.path.exists(self._path):
            raise StoreTrouble(
                say(
                    "{path} was moved or deleted while the server runs, so what is queued now would be "
                    "lost; start the server again",
                    path=self._path,
                ),
                full=False,
            )

    @contextlib.contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn what SQLite raises, and texts that are no JSON any more, into words. Raises: StoreTrouble."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreTrouble(
                say("the disk with {path} is full; free some space and try again", path=self._path)
                if _is_full(error)
                else say("the job database {path} cannot be used now ({why}); try again", path=self._path, why=error),
                full=_is_full(error),
            ) from error
        except (sqlite3.DatabaseError, json.JSONDecodeError, MissingRow) as error:
            raise StoreDamaged(self._words_on_damage(error)) from error

    def told(self, error: BaseException) -> BaseException:
        """The same error in words, where `in_words` has some for it."""
        try:
            with self.in_words():
                raise error
        except BaseException as told:
            return told

    def _words_on_damage(self, error: Exception) -> str:
        beside = ", ".join(f"{self._path.name}{ending}" for ending in ("-wal", "-shm"))
        return say(
            "the job database {path} is damaged ({why}); stop the server and move it away together with "
            "{beside} and {stem}.owner, to begin with an empty queue, or put a copy from before there",
            path=self._path,
            why=error,
            beside=beside,
            stem=self._path.stem,
        )

    def _own(self) -> None:
        # SQLite's own file lock, held as long as this process lives, is a lock on every system and leaves nothing
        # behind when the process dies.
        path = self._path.with_suffix(".owner")
        owner = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._connections.append(owner)
        try:
            owner.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            raise SettingsError(
                f"{self._path.parent} is in use by another running Heddle; "
                "stop that one or choose another folder with --user-directory"
            ) from error

    def _connect(self, synchronous: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _recover(self, db: sqlite3.Connection) -> None:
        """End what should be cancelled, queue what ran, and begin events with numbers that nobody has heard."""
        db.execute("BEGIN IMMEDIATE")
        asked = "SELECT seq, id FROM jobs WHERE state IN ('running', 'queued') AND cancel_asked"
        cancel(db, [(row["seq"], row["id"]) for row in db.execute(asked).fetchall()])
        db.execute("UPDATE jobs SET state = 'queued', started_ms = NULL WHERE state = 'running'")
        row = db.execute("SELECT first + count FROM event_batches ORDER BY first DESC LIMIT 1").fetchone()
        kept = db.execute("SELECT value FROM numbers WHERE name = 'next event'").fetchone()
        after, begun = (row[0] if row else 1), (kept[0] if kept else 0)
        # Events of the last run may have been heard and not written: their numbers are not used again.
        self.next_event = max(after, begun) + NUMBERS_AHEAD if kept else after
        db.execute("INSERT OR REPLACE INTO numbers VALUES ('next event', ?)", (self.next_event,))
        db.execute("COMMIT")


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
