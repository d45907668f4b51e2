"""A text that changes when the code behind a node does, so that results on disk do not outlive what made them."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from heddle.graph.spec import NodeSpec

#: Files of one pack that are looked at; a pack that brings a whole environment along must not hold up a job.
MOST_FILES = 2_000


class CodeVersions:
    """Versions by the module that declares a node, each worked out once.

    Args:
        rooms: folders of the house's own code, which any built-in node may use.
        surroundings: what else results depend on, such as the version of torch and the kind of device.
    """

    def __init__(self, rooms: Iterable[Path], surroundings: str) -> None:
        self._rooms = tuple(rooms)
        self._surroundings = surroundings
        self._known: dict[str, str] = {}

    def of(self, spec: NodeSpec) -> str:
        name = spec.python_module
        if name not in self._known:
            self._known[name] = self._version(name)
        return self._known[name]

    def _version(self, name: str) -> str:
        paths = list(self._rooms)
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if file is not None:
            path = Path(file)
            path = path.parent if path.name == "__init__.py" else path
            if not any(path.is_relative_to(room) for room in self._rooms):
                paths.append(path)
        digest = hashlib.sha256(self._surroundings.encode())
        for path in paths:
            for found, size, time_ns in _sources(path):
                digest.update(f"{found}\0{size}\0{time_ns}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]


def _sources(path: Path) -> Iterator[tuple[str, int, int]]:
    """The Python files of a folder with their sizes and times, or the one file."""
    if path.is_file():
        stat = path.stat()
        yield str(path), stat.st_size, stat.st_mtime_ns
        return
    count = 0
    for folder, names, files in os.walk(path):
        names[:] = sorted(each for each in names if not each.startswith((".", "__pycache__")))
        for file in sorted(files):
            if file.endswith(".py"):
                found = os.path.join(folder, file)
                try:
                    stat = os.stat(found)
                except OSError:
                    continue
                yield found, stat.st_size, stat.st_mtime_ns
                count += 1
                if count >= MOST_FILES:
                    return
