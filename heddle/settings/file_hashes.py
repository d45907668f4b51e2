"""SHA-256 of model files: computed in the background, kept by path, size and time of change.

A model is many gigabytes, so nobody who saves a picture waits for its hash; what is not known yet is left out.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from heddle.settings.scratch import open_scratch

log = logging.getLogger("heddle.settings")

VERSION = 1
_PIECE_BYTES = 4 << 20
_SCHEMA = """
    CREATE TABLE hashes (
        path TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    ) WITHOUT ROWID;
"""


class FileHashes:
    """Hashes of files, for any thread. Several processes may keep theirs in one place.

    Args:
        path: where they are kept; what is there may be lost.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._using = threading.Lock()
        self._met: dict[tuple[str, int, int], str] = {}
        self._wanted: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._asked: set[Path] = set()
        self._thread: threading.Thread | None = None

    def known(self, path: Path) -> str | None:
        """The hash of a file as it is now, if it was computed before. Reads nothing of it."""
        try:
            return self._look_up(_stamp(path))
        except OSError:
            return None

    def compute(self, path: Path) -> str:
        """The hash of a file, read now if it is not known. Raises: OSError."""
        stamp = _stamp(path)
        found = self._look_up(stamp)
        if found is None:
            digest = hashlib.sha256()
            with path.open("rb", buffering=0) as file:
                while piece := file.read(_PIECE_BYTES):
                    digest.update(piece)
            found = digest.hexdigest()
            if _stamp(path) == stamp:  # else it was changed meanwhile, and nobody knows which half this is of
                self._keep(stamp, found)
        return found

    def want(self, paths: Iterable[Path]) -> None:
        """Have the hashes of these files computed, one after the other, on a thread that holds nobody up."""
        with self._using:
            fresh = [path for path in dict.fromkeys(paths) if path not in self._asked]
            self._asked.update(fresh)
        for path in fresh:
            self._wanted.put(path)
        if fresh and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="hashes", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            path = self._wanted.get()
            try:
                self.compute(path)
            except OSError as error:  # gone, or not for us to read: the node that loads it says so
                log.debug("%s has no hash: %s", path, error)
            with self._using:
                self._asked.discard(path)

    def _look_up(self, stamp: tuple[str, int, int]) -> str | None:
        if stamp not in self._met:
            statement = "SELECT sha256 FROM hashes WHERE path = ? AND bytes = ? AND modified_ns = ?"
            try:
                with self._using:
                    row = self._opened().execute(statement, stamp).fetchone()
            except (sqlite3.Error, OSError) as error:
                log.debug("the hashes of files cannot be read: %s", error)
                return None
            if row is None:
                return None
            self._met[stamp] = str(row[0])
        return self._met[stamp]

    def _keep(self, stamp: tuple[str, int, int], sha256: str) -> None:
        self._met[stamp] = sha256
        try:
            with self._using:
                self._opened().execute("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", (*stamp, sha256))
        except (sqlite3.Error, OSError) as error:
            log.debug("the hashes of files cannot be kept: %s", error)

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = open_scratch(self._path, _SCHEMA, VERSION)
        return self._db


def _stamp(path: Path) -> tuple[str, int, int]:
    state = path.stat()
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace"), state.st_size, state.st_mtime_ns
