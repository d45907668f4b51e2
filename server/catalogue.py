"""The nodes that exist, as data a worker sent: kept on disk, so that the page opens before a worker is ready."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.graph.object_info import with_files
from heddle.media.whole_files import write_whole

log = logging.getLogger("heddle.server.catalogue")

Records = Mapping[str, dict[str, Any]]


class Catalogue:
    """What `/object_info` shows. Lists of files are put in when somebody asks, from the folders as they are then."""

    def __init__(self, path: Path, list_files: Callable[[str], Iterable[str]]) -> None:
        self._path = path
        self._list_files = list_files
        self._arrived = asyncio.Event()
        self._records: Records | None = None
        self._answer = (b"", b"")  # the last JSON that was sent, and the same gzipped

    @property
    def records(self) -> Records | None:
        """As the worker sent them, the same object until the next ones arrive; None if none was ever seen."""
        return self._records

    def load(self) -> None:
        """Read the catalogue of the last run, if there is one that can be read."""
        try:
            nodes = json.loads(self._path.read_bytes())["nodes"]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the kept catalogue %s is not used (%s); a worker will send a new one", self._path, error)
            return
        if isinstance(nodes, dict):
            self._take(nodes)

    async def replace(self, nodes: Records) -> None:
        """Take a worker's catalogue and keep it for the next start."""
        self._take(nodes)
        try:
            await asyncio.to_thread(write_whole, self._path, json.dumps({"nodes": nodes}).encode("ascii"))
        except FileProblem as problem:
            log.warning("the catalogue is not kept for the next start: %s", problem.message)

    async def wait(self, timeout_s: float) -> Records | None:
        """The records, as soon as there are any; None if that takes too long."""
        try:
            await asyncio.wait_for(self._arrived.wait(), timeout_s)
        except TimeoutError:
            return None
        return self._records

    async def one(self, class_type: str) -> dict[str, Any]:
        """`/object_info/{class}`: one entry, or none."""
        record = (self._records or {}).get(class_type)
        if record is None:
            return {}
        return {class_type: await asyncio.to_thread(with_files, record, self._list_files)}

    async def whole(self) -> tuple[bytes, bytes]:
        """`/object_info`: the JSON, and the same gzipped."""
        return await asyncio.to_thread(self._whole)

    def _whole(self) -> tuple[bytes, bytes]:
        records = self._records or {}
        text = json.dumps({name: with_files(record, self._list_files) for name, record in records.items()}).encode()
        if self._answer[0] != text:  # a thousand classes take a while to compress, and they rarely change
            self._answer = (text, gzip.compress(text, 5))
        return self._answer

    def _take(self, nodes: Records) -> None:
        self._records = nodes
        self._arrived.set()
