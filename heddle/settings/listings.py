"""The names of files below some folders: walked once, and good for as long as no folder's time changes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from heddle.settings.file_names import is_inside
from heddle.settings.kinds import Kind

log = logging.getLogger(__name__)

# A walk that meets more than this stops and says so: a link to a whole disk must not hang the house.
MAX_LISTED = 100_000
# A folder whose clock reads nearer to the walk than this may change again without its time moving (FAT counts 2 s).
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Listing:
    """The names below some roots, good for as long as no folder's time changes."""

    names: tuple[str, ...]
    times: Mapping[Path, int | None]
    walked_ns: int

    def is_fresh(self) -> bool:
        newest = max((t for t in self.times.values() if t is not None), default=0)
        return newest < self.walked_ns - _SETTLED_NS and all(_time_of(path) == t for path, t in self.times.items())


def _time_of(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def list_names(places: Iterable[Path], what: Kind, may_leave: bool) -> Listing:
    """Walk the places once. The first place that has a name wins, which is how `find` looks too."""
    walked_ns = time.time_ns()
    times: dict[Path, int | None] = {}
    names: dict[str, None] = {}
    for place in places:
        for name in _walk(place, what, may_leave, times):
            names.setdefault(name)
            if len(names) >= MAX_LISTED:
                log.warning("%s: more than %d files below it; the rest is not listed", place, MAX_LISTED)
                break
    return Listing(tuple(sorted(names, key=lambda name: (name.lower(), name))), times, walked_ns)


def list_folders(root: Path) -> list[str]:
    """The names of the folders in a folder, in alphabetical order; hidden ones and links that lead out are left out."""
    try:
        entries = list(os.scandir(root))
    except OSError:  # not there yet, or not ours to read
        return []
    inside = (
        entry.name
        for entry in entries
        if not entry.name.startswith(".")
        and _is_text(entry.name)
        and _is_folder(entry)
        and (not entry.is_symlink() or is_inside(Path(entry.path), root))
    )
    return sorted(inside, key=lambda name: (name.lower(), name))


def _walk(root: Path, what: Kind, may_leave: bool, times: dict[Path, int | None]) -> Iterator[str]:
    """Names below one root. Each real folder is entered once, so that links that lead in circles end."""
    entered: set[tuple[int, int]] = set()
    waiting: list[tuple[Path, str]] = [(root, "")]
    linked: list[tuple[Path, str]] = []  # after all real folders: a folder keeps its own name, not a link's
    while waiting or linked:
        folder, prefix = waiting.pop() if waiting else linked.pop(0)
        times[folder] = _time_of(folder)
        try:
            state = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # not there yet, or not ours to read: nothing to list
            continue
        if (state.st_dev, state.st_ino) in entered:
            continue
        entered.add((state.st_dev, state.st_ino))
        if len(entered) > MAX_LISTED:
            log.warning("%s: more than %d folders below it; the rest is not listed", root, MAX_LISTED)
            return
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith(".") or not _is_text(name):
                continue
            is_link = entry.is_symlink()
            if is_link and not may_leave and not is_inside(Path(entry.path), root):
                continue
            if _is_folder(entry):
                if what.marker and os.path.isfile(os.path.join(entry.path, what.marker)):
                    yield name
                else:
                    (linked if is_link else waiting).append((Path(entry.path), name + "/"))
            elif not what.marker and what.takes(entry.name) and _is_file(entry):
                yield name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_text(name: str) -> bool:
    """False for bytes on the disk that are no UTF-8: such a name could not travel in JSON."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
