"""Small pictures that were made once: kept in a file of their own up to a bound, the oldest given up first.

A page that is scrolled through asks for hundreds. So few are made at a time, the same one once for all who wait for
it, and none for somebody who has left meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from heddle.settings.scratch import open_scratch

log = logging.getLogger("heddle.server.outputs")

MOST_BYTES = 1 << 30  # a hundred thousand of 10 kB
LARGEST_KEPT_BYTES = 1 << 20  # a whole picture without its alpha is no small one
GIVEN_UP = 0.1  # of the bound, when it is reached: not one row for each new one
VERSION = 1
_SCHEMA = """
    CREATE TABLE pictures (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they were made
        key TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL,
        picture BLOB NOT NULL
    );
    CREATE INDEX sizes ON pictures (number, bytes);
"""

Make = Callable[[], Awaitable[bytes]]
T = TypeVar("T")


def key_of(path: Path, wish: str) -> str:
    """What a picture made from a file is kept under: another one as soon as the file is another. Raises: OSError."""
    state = os.stat(path)
    words = f"{path}\0{state.st_mtime_ns}\0{state.st_size}\0{wish}"
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:40]


class Thumbnails:
    """The kept pictures. Use it from the event loop; what touches the disk happens in a thread of its own."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES, at_once: int | None = None) -> None:
        """
        Args:
            at_once: how many are made at the same time; None: half as many as there are processors, at most 4.
        """
        self._path = path
        self._most_bytes = most_bytes
        self._slots = asyncio.Semaphore(at_once or max(1, min(4, (os.cpu_count() or 2) // 2)))
        self._shelf = ThreadPoolExecutor(1, "thumbnail-shelf")
        self._db: sqlite3.Connection | None = None
        self._is_broken = False
        self._kept_bytes = 0
        self._making: dict[str, asyncio.Task[bytes | None]] = {}
        self._waiting: dict[str, list[Callable[[], bool]]] = {}
        self.made = 0  # since the start

    async def get(self, key: str, make: Make, is_wanted: Callable[[], bool] = lambda: True) -> bytes | None:
        """The picture under this key, made if there is none. Returns: None, if nobody wants it any more.

        Raises: what `make` raises, for everybody who waits.
        """
        kept = await self._on_shelf(self._read, key)
        if kept is not None:
            return kept
        self._waiting.setdefault(key, []).append(is_wanted)
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.get_running_loop().create_task(self._make(key, make))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to those who wait
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop making pictures and let go of the file."""
        for task in list(self._making.values()):
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await self._on_shelf(self._close)
        self._shelf.shutdown(wait=False)

    async def _make(self, key: str, make: Make) -> bytes | None:
        try:
            async with self._slots:
                if not any(is_wanted() for is_wanted in self._waiting[key]):
                    return None
                picture = await make()
                self.made += 1
            if len(picture) <= LARGEST_KEPT_BYTES:
                await self._on_shelf(self._write, key, picture)
            return picture
        finally:
            del self._making[key], self._waiting[key]

    async def _on_shelf(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._shelf, work, *args)

    def _read(self, key: str) -> bytes | None:
        try:
            row = self._opened().execute("SELECT picture FROM pictures WHERE key = ?", (key,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            return None
        return None if row is None else row[0]

    def _write(self, key: str, picture: bytes) -> None:
        try:
            db = self._opened()
            row = (key, len(picture), picture)
            db.execute("INSERT OR IGNORE INTO pictures (key, bytes, picture) VALUES (?, ?, ?)", row)
            self._kept_bytes += len(picture)
            if self._kept_bytes > self._most_bytes:
                self._make_room(db)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _make_room(self, db: sqlite3.Connection) -> None:
        wanted = self._kept_bytes - self._most_bytes * (1 - GIVEN_UP)
        last, freed = 0, 0
        for number, size in db.execute("SELECT number, bytes FROM pictures ORDER BY number"):
            last, freed = number, freed + size
            if freed >= wanted:
                break
        db.execute("DELETE FROM pictures WHERE number <= ?", (last,))
        self._kept_bytes -= freed

    def _opened(self) -> sqlite3.Connection:
        if self._is_broken:
            raise OSError("it could not be used before")
        if self._db is None:
            self._db = open_scratch(self._path, _SCHEMA, VERSION)
            (self._kept_bytes,) = self._db.execute("SELECT coalesce(sum(bytes), 0) FROM pictures").fetchone()
        return self._db

    def _give_up(self, error: Exception) -> None:
        """A full disk or a damaged file costs time, no picture: they are made anew each time."""
        if not self._is_broken:
            log.warning("small pictures are not kept in %s until the next start: %s", self._path, error)
        self._is_broken = True
        self._close()
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            for ending in ("", "-wal", "-shm"):  # damaged: the next start begins anew
                try:
                    self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
                except OSError:
                    return

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
