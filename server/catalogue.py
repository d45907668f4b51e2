"""The nodes that exist, as data a worker sent: kept on disk, so that the page opens before a worker is ready."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem, SettingsError
from heddle.graph.object_info import with_files
from heddle.graph.registry import Registry
from heddle.media.whole_files import write_whole
from server.plain_json import to_text

log = logging.getLogger("heddle.server.catalogue")

SAVE_AFTER_S = 1.0  # that a change came

Records = Mapping[str, dict[str, Any]]
ListFiles = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """`/object_info`, ready to be sent."""

    plain: bytes
    gzipped: bytes
    tag: str  # the same for the same bytes, on any server


class Catalogue:
    """What `/object_info` shows. Lists of files are put in when somebody asks, from the folders as they are then."""

    def __init__(
        self,
        path: Path,
        list_files: ListFiles,
        use_kinds: Callable[[Any], None] = lambda kinds: None,
    ) -> None:
        """
        Args:
            use_kinds: has `list_files` know the folders that packs brought.
        """
        self._path = path
        self._list_files = list_files
        self._use_kinds = use_kinds
        self._arrived = asyncio.Event()
        self._records: Records | None = None
        self._registry: tuple[Records | None, Registry] = (None, Registry())
        self._changes = 0  # of what is shown, other than the files themselves
        self._answers = _Answers({}, list_files)
        self.web_directories: dict[str, str] = {}  # pack -> the folder of its scripts for the browser
        self.routes: list[re.Pattern[str]] = []  # paths that packs answer
        self.replacements: dict[str, list[dict[str, Any]]] = {}  # of older nodes, as packs told
        self._told_routes: list[Any] = []
        self._told_kinds: dict[str, Any] = {}
        self._saving: asyncio.Task[None] | None = None

    @property
    def records(self) -> Records | None:
        """As the worker sent them, the same object until the next ones arrive; None if none was ever seen."""
        return self._records

    def registry(self, records: Records) -> Registry:
        """The records as specs, read once for as long as they are the same object. Raises: GraphError."""
        if self._registry[0] is not records:
            self._registry = (records, Registry.from_catalogue(records))
        return self._registry[1]

    def load(self) -> None:
        """Read the catalogue of the last run, if there is one that can be read."""
        try:
            kept = json.loads(self._path.read_bytes())
            nodes = kept["nodes"]
            for record in nodes.values():
                _kinds_of(record)  # one that cannot be shown would fail whoever asks
        except FileNotFoundError:
            return
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log.warning("the kept catalogue %s is not used (%s); a worker will send a new one", self._path, error)
            return
        self.take_web(kept.get("web_directories"))
        self.take_routes(kept.get("routes"))
        self.take_kinds(kept.get("kinds"))
        self.take_replacements(kept.get("replacements"))
        self._take(nodes)

    def take_web(self, directories: Any) -> None:
        """What a worker tells of its packs' folders for the browser, `{pack: path}`; kept with the next catalogue."""
        if isinstance(directories, dict):
            self.web_directories = {
                pack: path for pack, path in directories.items() if isinstance(path, str) and _is_one_segment(pack)
            }

    def take_routes(self, paths: Any) -> None:
        """What a worker tells of its packs' routes, [method, pattern] each; kept with the next catalogue."""
        self._told_routes, self.routes = [], []
        for each in paths if isinstance(paths, list) else ():
            if isinstance(each, list) and len(each) == 2 and isinstance(each[1], str):
                try:
                    self.routes.append(re.compile(each[1]))
                except re.error:  # of another version's making
                    continue
                self._told_routes.append(each)

    def take_kinds(self, kinds: Any) -> None:
        """What a worker tells of folders that its packs added, `{kind: {folders, extensions}}`."""
        if not isinstance(kinds, dict):
            return
        self._told_kinds = {
            kind: {"folders": told["folders"], "extensions": told["extensions"]}
            for kind, told in kinds.items()
            if isinstance(told, dict) and all(_are_texts(told.get(key)) for key in ("folders", "extensions"))
        }
        self._use_kinds(self._told_kinds)
        self._changes += 1

    def take_replacements(self, nodes: Any) -> None:
        """What a worker tells of older nodes, `{id: [{new_node_id, ...}]}`; kept with the next catalogue."""
        if isinstance(nodes, dict):
            self.replacements = {
                old: [record for record in records if isinstance(record, dict)]
                for old, records in nodes.items()
                if isinstance(records, list)
            }

    async def replace(self, nodes: Records) -> None:
        """Take a worker's catalogue and keep it for the next start."""
        self._take(nodes)
        await self._save()

    def change(self, changed: Any, removed: Any) -> None:
        """Take what became of some nodes since, and keep it soon."""
        changed = changed if isinstance(changed, dict) else {}
        gone = {each for each in removed or () if isinstance(each, str)} if isinstance(removed, list) else set()
        before = self._records or {}
        if not changed and gone.isdisjoint(before):
            return
        self._take({id: record for id, record in {**before, **changed}.items() if id not in gone})
        if self._saving is None or self._saving.done():
            self._saving = asyncio.get_running_loop().create_task(self._save_later())

    async def _save_later(self) -> None:
        await asyncio.sleep(SAVE_AFTER_S)  # whoever asked waits for an answer, and this holds it up
        await self._save()

    async def _save(self) -> None:
        text = json.dumps(
            {
                "nodes": self._records,
                "web_directories": self.web_directories,
                "routes": self._told_routes,
                "kinds": self._told_kinds,
                "replacements": self.replacements,
            }
        )
        try:
            await asyncio.to_thread(write_whole, self._path, text.encode("ascii"))
        except FileProblem as problem:
            log.warning("the catalogue is not kept for the next start: %s", problem.message)

    async def wait(self, timeout_s: float) -> Records | None:
        """The records, as soon as there are any; None if that takes too long."""
        if self._records is not None:
            return self._records
        try:
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        except TimeoutError:
            return None
        return self._records

    async def one(self, class_type: str) -> dict[str, Any]:
        """`/object_info/{class}`: one entry, or none."""
        record = (self._records or {}).get(class_type)
        if record is None:
            return {}
        return {class_type: await asyncio.to_thread(with_files, record, self._list_files)}

    async def whole(self, refreshed: Awaitable[None]) -> Answer:
        """`/object_info`, with the files that are there now.

        Args: refreshed: waits until packs were asked what has changed; meanwhile the files are listed here.
        """
        before = self._changes
        listing = asyncio.get_running_loop().run_in_executor(None, self._answers.whole)
        await refreshed
        answer = await listing
        return answer if self._changes == before else await asyncio.to_thread(self._answers.whole)

    def _take(self, nodes: Records) -> None:
        self._records = nodes
        self._changes += 1
        self._answers = _Answers(nodes, self._list_files, self._answers)
        self._arrived.set()


class _Answers:
    """The answers to one set of records. What a change of files does not touch is written once."""

    def __init__(self, records: Records, list_files: ListFiles, before: _Answers | None = None) -> None:
        self._records = records
        self._list_files = list_files
        self._kinds: dict[str, set[str]] = {}  # which kinds of files each record offers
        self._parts: dict[str, str] = {}  # each record's JSON, as of the last answer
        self._listed: dict[str, list[str]] = {}
        if before is not None and before._last is not None:
            same = [name for name, record in records.items() if before._records.get(name) is record]
            self._kinds = {name: before._kinds[name] for name in same}
            self._parts = {name: before._parts[name] for name in same}
            self._listed = before._listed
        self._last: Answer | None = None
        self._making = threading.Lock()

    def whole(self) -> Answer:
        with self._making:  # two that ask at once get one answer
            for name, record in self._records.items():
                if name not in self._kinds:
                    self._kinds[name] = _kinds_of(record)
            listed = {kind: self._files(kind) for kind in set().union(*self._kinds.values())}
            if self._last is None or listed != self._listed:
                changed = {kind for kind, files in listed.items() if files != self._listed.get(kind)}
                for name, record in self._records.items():
                    if name not in self._parts or self._kinds[name] & changed:
                        self._parts[name] = f"{json.dumps(name)}: {to_text(with_files(record, listed.__getitem__))}"
                plain = f"{{{', '.join(self._parts[name] for name in self._records)}}}".encode()
                tag = hashlib.blake2b(plain, digest_size=16).hexdigest()
                self._listed, self._last = listed, Answer(plain, gzip.compress(plain, 5, mtime=0), tag)
            return self._last

    def _files(self, kind: str) -> list[str]:
        try:
            return list(self._list_files(kind))
        except SettingsError:  # a kind of a pack that is gone: its node is shown, with nothing to choose
            return []


def _kinds_of(record: Mapping[str, Any]) -> set[str]:
    """The kinds of files that a record offers, as it names them."""
    kinds: set[str] = set()

    def note(kind: str) -> Iterable[str]:
        kinds.add(kind)
        return ()

    with_files(record, note)
    return kinds


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_one_segment(name: Any) -> bool:
    return isinstance(name, str) and bool(name) and "/" not in name and name not in (".", "..")
