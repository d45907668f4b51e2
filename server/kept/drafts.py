"""Drafts: what stands in the tabs that are open and not saved, so that a closed browser or a crash loses nothing.

A draft is taken as it comes, not parsed: it is written every few seconds, and its own page alone reads it. Everything
here touches the disk, so it belongs into a thread.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from dataclasses import dataclass
from typing import Any

from heddle.graph.errors import FileProblem, HeddleError
from heddle.graph.said import say
from server.kept.database import KeptDatabase
from server.user_files import Absent

_LEVEL = 1  # a workflow of 5 MB shrinks to a twelfth in a tenth of the time of level 6


@dataclass(frozen=True, slots=True)
class DraftLimits:
    """What a person's drafts may take together; bytes as they are stored, packed."""

    count: int = 200
    bytes: int = 256 << 20


class DraftsFull(HeddleError):
    """There is no room for one more draft."""


@dataclass(frozen=True, slots=True)
class DraftOf:
    """Where a draft belongs: what its tab is called, the file that it was opened from, and that file's revision."""

    name: str | None = None
    path: str | None = None
    revision: str | None = None


class Drafts:
    """The drafts of one person, by the ids that the page gave them. Raises: FileProblem, if the disk refuses."""

    def __init__(self, database: KeptDatabase, limits: DraftLimits) -> None:
        self._database = database
        self.limits = limits

    def list(self) -> list[dict[str, Any]]:
        """`{id, name, path, revision, modified, size}` of each, the one changed last first; times in ms since 1970."""
        with self._database.reading() as db:
            columns = "id, name, path, revision, saved_ms, size"
            return [_told(row) for row in db.execute(f"SELECT {columns} FROM drafts ORDER BY saved_ms DESC, id")]

    def read(self, draft_id: str) -> bytes:
        """The bytes of a draft. Raises: Absent."""
        with self._database.reading() as db:
            row = db.execute("SELECT packed FROM drafts WHERE id = ?", (draft_id,)).fetchone()
        if row is None:
            raise Absent(say("there is no draft {draft_id!r}", draft_id=draft_id))
        try:
            return zlib.decompress(row["packed"])
        except zlib.error as error:
            raise FileProblem(say("the draft {draft_id} is damaged ({why})", draft_id=draft_id, why=error)) from error

    def write(self, draft_id: str, data: bytes, of: DraftOf) -> dict[str, Any]:
        """Keep a draft in place of an older one of that id; what `list` tells of it. Raises: DraftsFull."""
        packed = zlib.compress(data, _LEVEL)
        with self._database.changing() as db:
            others = "SELECT count(*), coalesce(sum(packed_size), 0) FROM drafts WHERE id != ?"
            count, size = db.execute(others, (draft_id,)).fetchone()
            if count + 1 > self.limits.count:
                raise DraftsFull(
                    say(
                        "there are {count} drafts, the most that are kept; save or discard some of those "
                        "that are listed",
                        count=count,
                    )
                )
            if size + len(packed) > self.limits.bytes:
                raise DraftsFull(
                    say(
                        "drafts take {limit} MB at most, and {used} MB are used; save or discard some of "
                        "those that are listed",
                        limit=self.limits.bytes >> 20,
                        used=size >> 20,
                    )
                )
            values = (draft_id, of.name, of.path, of.revision, time.time_ns() // 1_000_000, len(data), len(packed))
            db.execute("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, packed))
            return _told(db.execute("SELECT * FROM drafts WHERE id = ?", (draft_id,)).fetchone())

    def delete(self, draft_id: str) -> None:
        """Discard a draft. Raises: Absent."""
        with self._database.changing() as db:
            if db.execute("DELETE FROM drafts WHERE id = ?", (draft_id,)).rowcount == 0:
                raise Absent(say("there is no draft {draft_id!r}", draft_id=draft_id))


def _told(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "path": row["path"],
        "revision": row["revision"],
        "modified": row["saved_ms"],
        "size": row["size"],
    }
