"""Results on disk, by content key: what a worker that died, or was started again, need not make once more.

One file per result, written whole or not at all, the longest unused given up first. Several workers may share a folder;
a file that is gone or damaged is a result that is not there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execution.cache import Result
from heddle.graph.errors import HeddleError

log = logging.getLogger("heddle.execution.disk_cache")

#: A result is worth a file if writing it is quick beside making it again: what a plain disk takes, and the share of
#: the time that may be spent.
DISK_BYTES_PER_S = 200e6
WRITING_SHARE = 0.5

#: Results that may wait to be written; more are left out, since they hold memory.
WAITING = 4

#: An unfinished file this old is nobody's any more.
STALE_S = 600.0

_ENDING = ".result"


@dataclass(frozen=True)
class Codec:
    """How values become bytes; handed in, since execution knows no tensor.

    Attributes:
        to_bytes: a value as a file's bytes, None if it cannot be written down.
        read: the value of a file. Raises: HeddleError.
        bytes_of: what a value weighs.
    """

    to_bytes: Callable[[Any], bytes | None]
    read: Callable[[Path], Any]
    bytes_of: Callable[[Any], int]


class DiskCache:
    """Holds results up to `limit_bytes` in a folder, which is made when the first is written.

    One is taken if making it again would take `worth_s`, with all that is not on disk either.
    """

    def __init__(self, folder: Path, limit_bytes: int, codec: Codec, worth_s: float) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.worth_s = worth_s
        self._codec = codec
        self._sizes: dict[str, int] | None = None  # by key, the longest unused first
        self._seen_at = 0  # when the folder had changed last as it was looked at
        self._lock = threading.RLock()
        self._waiting: queue.Queue[tuple[str, Result]] = queue.Queue(WAITING)
        self._unwanted: set[str] = set()
        self._writer: threading.Thread | None = None

    def look_again(self) -> None:
        """Take note of what other workers wrote and dropped since."""
        with self._lock:
            if self._sizes is not None and self._changed_at() != self._seen_at:
                self._sizes = None

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return self.limit_bytes > 0 and key in self._listed()

    def get(self, key: str) -> Result | None:
        """The result of a key, read from its file."""
        if key not in self:
            return None
        path = self._path(key)
        try:
            outputs, ui = self._codec.read(path)
            os.utime(path)
            result = Result(tuple(outputs), ui)
        except (HeddleError, OSError, TypeError, ValueError) as error:
            log.info("a kept result is not used: %s", error)
            self._drop(key)
            return None
        with self._lock:
            sizes = self._listed()
            if key in sizes:
                sizes[key] = sizes.pop(key)
        return result

    def put(self, key: str, result: Result, seconds: float) -> bool:
        """Write a result soon, if that is worth it. Returns: whether it will be.

        Args:
            seconds: what making it again would take.
        """
        if key in self or seconds < self.worth_s:
            return key in self
        size = self._codec.bytes_of(result.outputs)
        if size > self.limit_bytes or size / DISK_BYTES_PER_S > seconds * WRITING_SHARE:
            return False
        try:
            self._waiting.put_nowait((key, result))
        except queue.Full:
            return False
        with self._lock:
            self._unwanted.discard(key)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="results to disk", daemon=True)
                self._writer.start()
        return True

    def drop(self, key: str) -> None:
        """Forget a result, also one that is just being written."""
        with self._lock:
            self._unwanted.add(key)
        self._drop(key)

    def flush(self) -> None:
        """Wait until everything that is to be written is."""
        self._waiting.join()

    def clear(self) -> None:
        with self._lock:
            for key in list(self._listed()):
                self._drop(key)

    def _write_all(self) -> None:
        while True:
            key, result = self._waiting.get()
            try:
                self._write(key, result)
            except (OSError, RuntimeError, ValueError) as error:  # a full disk, a tensor of an odd kind
                log.warning("a result is not kept on disk: %s", error)
            finally:
                self._waiting.task_done()

    def _write(self, key: str, result: Result) -> None:
        data = self._codec.to_bytes([list(result.outputs), result.ui])
        if data is None or len(data) > self.limit_bytes:
            return
        with self._lock:
            sizes = self._listed()
            surplus = sum(sizes.values()) + len(data) - self.limit_bytes
            for old in list(sizes):
                if surplus <= 0:
                    break
                surplus -= sizes[old]
                self._drop(old)
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, self._path(key))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        with self._lock:
            if key in self._unwanted:
                self._path(key).unlink(missing_ok=True)
            else:
                self._listed()[key] = len(data)

    def _listed(self) -> dict[str, int]:
        """What lies in the folder; looked at by the first who asks, and again when others changed it."""
        if self._sizes is None:
            found = []
            self._seen_at = self._changed_at()
            with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.name.endswith(_ENDING):
                            stat = entry.stat()
                            found.append((stat.st_mtime_ns, entry.name.removesuffix(_ENDING), stat.st_size))
                        elif entry.name.endswith(".part") and time.time() - entry.stat().st_mtime > STALE_S:
                            os.unlink(entry.path)  # cut short when its worker died
            self._sizes = {key: size for _, key, size in sorted(found)}
        return self._sizes

    def _changed_at(self) -> int:
        try:
            return os.stat(self.folder).st_mtime_ns
        except OSError:  # not made yet
            return 0

    def _drop(self, key: str) -> None:
        with self._lock:
            self._listed().pop(key, None)
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"
