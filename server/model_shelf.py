"""Model files by pages, with what their headers say and their hashes: read once, and kept by path, size and time.

Hashes are computed when somebody asks for them, one file after the other, in a thread of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heddle.graph.errors import FileProblem, HeddleError
from heddle.graph.said import said_in, say
from heddle.settings.folders import Folders
from heddle.settings.scratch import open_scratch
from server import model_files

log = logging.getLogger("heddle.server.models")

Sort = Literal["name", "modified", "size"]
State = Literal["waiting", "hashing", "known", "failed"]
LARGEST_HEADER_BYTES = 20 << 20  # that a list reads; those of large checkpoints have 1 MB
LONGEST_WORDS = 500  # characters of each text of a summary
MOST_TAGS = 12
PIECE_BYTES = 4 << 20
MOST_TOLD = 1_000  # files whose hash was asked for, that are remembered
TELL_EVERY_S = 0.5
SHORT_HASH = 10  # hexadecimal digits of the form that A1111 writes into pictures
VERSION = 1
_SCHEMA = """
    CREATE TABLE models (
        path TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        summary TEXT,                    -- JSON, see `summarize`; null: not read yet
        sha256 TEXT
    ) WITHOUT ROWID;
"""


@dataclass(slots=True)
class Hash:
    """Where the hash of one file stands."""

    folder: str
    name: str
    state: State
    percent: float = 0.0
    sha256: str | None = None
    reason: str | None = None  # that there is none

    def told(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "name": self.name,
            "state": self.state,
            "percent": self.percent,
            "sha256": self.sha256,
            "autov2": None if self.sha256 is None else self.sha256[:SHORT_HASH],
            "reason": self.reason,
            **said_in(self.reason),
        }


class ModelShelf:
    """What is known of model files. `page` belongs into a thread; the rest is for the event loop."""

    def __init__(
        self, folders: Folders, path: Path, tell: Callable[[list[dict[str, Any]]], None] = lambda changed: None
    ) -> None:
        """
        Args:
            path: where it is kept; what is there may be lost.
            tell: is told, twice a second at most, which hashes moved.
        """
        self._folders = folders
        self._path = path
        self._tell = tell
        self._db: sqlite3.Connection | None = None
        self._using = threading.Lock()
        self._is_closed = False
        self._hashes: dict[tuple[str, str], Hash] = {}
        self._hashing: asyncio.Task[None] | None = None
        self._changed: dict[tuple[str, str], Hash] = {}
        self._telling: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        """Break off a hash that is being computed and let go of the file."""
        self._is_closed = True
        if self._telling is not None:
            self._telling.cancel()
        if self._hashing is not None:
            await asyncio.gather(self._hashing, return_exceptions=True)
        with self._using:
            if self._db is not None:
                self._db.close()
                self._db = None

    # Pages

    def page(
        self, kind: str | None, *, text: str, sort: Sort, descending: bool, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Files of one kind, or of all, whose names have these words, and how many there are on all pages.

        A file that lies in folders of two kinds is listed once. Raises: Absent, if there is no such kind.
        Each: `{folder, name, path_index, bytes, modified_ms, created_ms, preview, metadata, problem, sha256, autov2}`.
        """
        words = text.casefold().split()
        found: dict[Path, dict[str, Any]] = {}
        for each_kind in sorted(self._folders.places) if kind is None else [kind]:
            files = model_files.files_of(self._folders, each_kind)  # says so if there is no such kind
            places = self._folders.models(each_kind)
            for file in files:
                if all(word in file["name"].casefold() for word in words):
                    found.setdefault(places[file["pathIndex"]] / file["name"], {**file, "folder": each_kind})
        keys: dict[Sort, Callable[[dict[str, Any]], Any]] = {
            "name": lambda each: each["name"].casefold(),
            "modified": lambda each: each["modified"],
            "size": lambda each: each["size"],
        }
        ordered = sorted(found.items(), key=lambda each: (keys[sort](each[1]), each[1]["name"]), reverse=descending)
        beside: dict[Path, set[str]] = {}
        return [self._told(file, path, beside) for path, file in ordered[offset : offset + limit]], len(found)

    def _told(self, file: dict[str, Any], path: Path, beside: dict[Path, set[str]]) -> dict[str, Any]:
        summary: dict[str, Any] = {}
        sha256 = None
        try:
            state = path.stat()
            stamp = (state.st_size, state.st_mtime_ns)
            summary, sha256 = self._known(path, stamp)
        except OSError:  # gone since it was listed
            pass
        if path.parent not in beside:
            try:
                beside[path.parent] = {each.name for each in path.parent.iterdir()}
            except OSError:
                beside[path.parent] = set()
        has_picture = any(each in beside[path.parent] for each in model_files.picture_names(path))
        index = file["pathIndex"]
        return {
            "folder": file["folder"],
            "name": file["name"],
            "path_index": index,
            "bytes": file["size"],
            "modified_ms": int(file["modified"] * 1000),
            "created_ms": int(file["created"] * 1000),
            "preview": model_files.picture_address(file["folder"], index, file["name"])
            if has_picture or summary.get("has_thumbnail")
            else None,
            "metadata": summary.get("metadata"),
            "problem": summary.get("problem"),
            "sha256": sha256,
            "autov2": None if sha256 is None else sha256[:SHORT_HASH],
        }

    def _known(self, path: Path, stamp: tuple[int, int]) -> tuple[dict[str, Any], str | None]:
        """The summary of a file, read now if it was not before, and its hash if there is one."""
        row = self._query(path, stamp)
        if row is not None and row[0] is not None:
            return json.loads(row[0]), row[1]
        summary = summarize(path)
        self._put(path, stamp, "summary", json.dumps(summary))
        return summary, None if row is None else row[1]

    # Hashes

    async def ask(self, models: Iterable[tuple[str, str]]) -> list[Hash]:
        """Have hashes computed, as (kind, name): those that are known are there at once."""
        told: list[Hash] = []
        for folder, name in models:
            if (known := self._under_way(folder, name)) is None:
                found = await asyncio.to_thread(self._look_up, folder, name)
                if (known := self._under_way(folder, name)) is None:  # nobody else asked meanwhile
                    known = found
                    self._remember(known)
            told.append(known)
        if self._hashing is None and not self._is_closed and any(each.state == "waiting" for each in told):
            self._hashing = asyncio.get_running_loop().create_task(self._work())
        return told

    def with_hash(self, kind: str, beginning: str) -> str | None:
        """The file of a kind whose SHA-256 is known and begins so. Reads the disk, so it belongs into a thread."""
        for name in self._folders.list_files(kind):
            found = self._look_up(kind, name).sha256
            if found is not None and found.startswith(beginning):
                return name
        return None

    @property
    def hashes(self) -> list[Hash]:
        """Those that were asked for in this run, the latest last."""
        return list(self._hashes.values())

    def _under_way(self, folder: str, name: str) -> Hash | None:
        known = self._hashes.get((folder, name))
        return known if known is not None and known.state in ("waiting", "hashing") else None

    def _look_up(self, folder: str, name: str) -> Hash:
        try:
            path = model_files.find(self._folders, folder, name)
            state = path.stat()
        except (HeddleError, OSError) as error:
            reason = error.message if isinstance(error, HeddleError) else str(error.strerror)
            return Hash(folder, name, "failed", reason=reason)
        row = self._query(path, (state.st_size, state.st_mtime_ns))
        if row is not None and row[1] is not None:
            return Hash(folder, name, "known", 100.0, row[1])
        return Hash(folder, name, "waiting")

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while not self._is_closed:
                waiting = next((each for each in self._hashes.values() if each.state == "waiting"), None)
                if waiting is None:
                    return
                waiting.state = "hashing"
                self._note(waiting)

                def tell(percent: float, each: Hash = waiting) -> None:
                    each.percent = percent
                    loop.call_soon_threadsafe(self._note, each)

                try:
                    waiting.sha256 = await asyncio.to_thread(self._compute, waiting, tell)
                    waiting.state, waiting.percent = "known", 100.0
                except (HeddleError, OSError) as error:
                    waiting.state = "failed"
                    waiting.reason = error.message if isinstance(error, HeddleError) else str(error.strerror or error)
                self._note(waiting)
        finally:
            self._hashing = None

    def _compute(self, wanted: Hash, tell: Callable[[float], None]) -> str:
        path = model_files.find(self._folders, wanted.folder, wanted.name)
        before = path.stat()
        digest, done, shown = hashlib.sha256(), 0, 0
        with path.open("rb", buffering=0) as file:
            while piece := file.read(PIECE_BYTES):
                if self._is_closed:
                    raise FileProblem(say("the server stops"))
                digest.update(piece)
                done += len(piece)
                if (percent := int(99 * done / max(1, before.st_size))) > shown:
                    shown = percent
                    tell(float(min(99, percent)))
        after = path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise FileProblem(say("{file} was changed while it was read; ask again", file=path.name))
        self._put(path, (after.st_size, after.st_mtime_ns), "sha256", digest.hexdigest())
        return digest.hexdigest()

    def _remember(self, each: Hash) -> None:
        self._hashes.pop((each.folder, each.name), None)
        for key in [key for key, old in self._hashes.items() if old.state in ("known", "failed")]:
            if len(self._hashes) < MOST_TOLD:
                break
            del self._hashes[key]
        self._hashes[each.folder, each.name] = each

    def _note(self, each: Hash) -> None:
        self._changed[each.folder, each.name] = each
        if self._telling is None and not self._is_closed:
            self._telling = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        changed, self._changed = self._changed, {}
        self._tell([each.told() for each in changed.values()])

    # The file behind it

    def _query(self, path: Path, stamp: tuple[int, int]) -> Any:
        """The summary and the hash of a file as it is now; None if neither is known."""
        statement = "SELECT summary, sha256 FROM models WHERE path = ? AND bytes = ? AND modified_ns = ?"
        try:
            with self._using:
                return self._opened().execute(statement, (_text(path), *stamp)).fetchone()
        except (sqlite3.Error, OSError) as error:
            log.debug("what was known of %s cannot be read: %s", path.name, error)
            return None

    def _put(self, path: Path, stamp: tuple[int, int], column: str, value: str) -> None:
        try:
            with self._using:
                db = self._opened()
                # What was known of an older file of that name goes.
                db.execute(
                    "INSERT INTO models (path, bytes, modified_ns) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
                    " bytes = excluded.bytes, modified_ns = excluded.modified_ns, summary = NULL, sha256 = NULL"
                    " WHERE bytes <> excluded.bytes OR modified_ns <> excluded.modified_ns",
                    (_text(path), *stamp),
                )
                db.execute(f"UPDATE models SET {column} = ? WHERE path = ?", (value, _text(path)))
        except (sqlite3.Error, OSError) as error:
            log.debug("what is known of %s cannot be kept: %s", path.name, error)

    def _opened(self) -> sqlite3.Connection:
        if self._is_closed:
            raise OSError("the server stops")
        if self._db is None:
            self._db = open_scratch(self._path, _SCHEMA, VERSION)
        return self._db


def summarize(path: Path) -> dict[str, Any]:
    """What lists tell of a file's header: `metadata` (None if it says nothing), `has_thumbnail`, or the `problem`."""
    try:
        told = model_files.metadata_of(path, LARGEST_HEADER_BYTES)
    except FileProblem as problem:
        return {"problem": problem.message}
    except OSError as error:
        return {"problem": f"{path.name} cannot be read ({error.strerror or error})"}
    if not told:
        return {}
    summary = {
        "title": _first(told, "modelspec.title", "ss_output_name"),
        "base_model": _first(told, "modelspec.architecture", "ss_base_model_version", "ss_sd_model_name"),
        "trigger_words": _listed(told.get("modelspec.trigger_phrase")),
        "tags": _listed(told.get("modelspec.tags")) or _trained_tags(told.get("ss_tag_frequency")),
        "resolution": _first(told, "modelspec.resolution", "ss_resolution"),
        "description": _first(told, "modelspec.description", "ss_training_comment"),
        "author": _first(told, "modelspec.author"),
        "license": _first(told, "modelspec.license"),
        "usage_hint": _first(told, "modelspec.usage_hint"),
        "network_dim": _first(told, "ss_network_dim"),
    }
    has_thumbnail = str(told.get("modelspec.thumbnail") or "").startswith("data:image/")
    return {"metadata": summary if any(summary.values()) else None, "has_thumbnail": has_thumbnail}


def _first(told: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = told.get(name)
        if isinstance(value, str | int | float) and str(value).strip() not in ("", "None"):
            return str(value).strip()[:LONGEST_WORDS]
    return None


def _listed(value: Any) -> list[str]:
    words = [word.strip()[:LONGEST_WORDS] for word in str(value or "").split(",")]
    return [word for word in words if word][:MOST_TAGS]


def _trained_tags(value: Any) -> list[str]:
    """The most frequent captions that a LoRA was trained with: folder -> tag -> count, in a text of JSON."""
    counts: Counter[str] = Counter()
    try:
        for tags in json.loads(value).values():
            for tag, count in tags.items():
                counts[tag.strip()[:LONGEST_WORDS]] += int(count)
    except (TypeError, ValueError, AttributeError, RecursionError, OverflowError):
        return []
    return [tag for tag, _ in counts.most_common(MOST_TAGS) if tag]


def _text(path: Path) -> str:
    return str(path).encode("utf-8", "replace").decode()
