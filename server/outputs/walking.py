"""What a folder of results holds now, beside what is known of it.

A listing with the numbers of its files costs a twentieth of a look at each file, so only what is new is looked at; a
file that another took the place of has another number. One that was written over in place is noticed when everything
is looked at again. Hidden files are none of the results, nor is what no request could name, nor links that lead out.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.settings.file_names import is_usable_name
from heddle.settings.folders import Folders
from server.outputs.index import Seen, bounded, seen_at, signed

MOST_DEEP = 60  # folders inside each other; a name may have 64 parts
SETTLED_NS = 2_000_000_000  # a folder whose time is nearer to the look may change again without its time moving


@dataclass(slots=True)
class Listing:
    """A folder: what is new or different, what is gone, and its folders, by their own names."""

    modified_ns: int
    walked_ns: int
    changed: list[Seen] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def time_of(folder: Path) -> int | None:
    """When something last came into this folder or left it, in ns; None if it is no folder of its own (any more)."""
    try:
        state = os.lstat(folder)
    except (OSError, ValueError):
        return None
    return bounded(state.st_mtime_ns) if stat.S_ISDIR(state.st_mode) else None


def is_settled(modified_ns: int, walked_ns: int) -> bool:
    return modified_ns < walked_ns - SETTLED_NS


def list_folder(
    folders: Folders,
    place: str,
    subfolder: str,
    known: Mapping[str, Seen],
    now_ns: int,
    *,
    looks_at_all: bool,
    leave_out: Collection[str] = (),
) -> Listing | None:
    """Hold a folder against what is known of its files; None if it cannot be listed: it is gone, or not ours to read.

    Args: leave_out: real paths of folders that are places of their own.
    """
    root = folders.root(place)
    folder = root.joinpath(*subfolder.split("/")) if subfolder else root
    # The place itself may well be a link.
    modified_ns = time_of(folder) if subfolder else time_of(Path(os.path.realpath(root)))
    if modified_ns is None:
        return None
    listing = Listing(modified_ns, now_ns)
    there: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                _take(entry, folders, place, subfolder, known, listing, there, looks_at_all, leave_out)
    except OSError:
        return None
    listing.gone = [name for name in known if name not in there]
    return listing


def _take(
    entry: os.DirEntry[str],
    folders: Folders,
    place: str,
    subfolder: str,
    known: Mapping[str, Seen],
    listing: Listing,
    there: set[str],
    looks_at_all: bool,
    leave_out: Collection[str],
) -> None:
    name = entry.name
    before = known.get(name)
    with contextlib.suppress(OSError):  # gone while the folder was listed
        if before is not None and not looks_at_all and signed(entry.inode()) == before.inode and not entry.is_symlink():
            there.add(name)
            return
        if name.startswith(".") or (before is None and not is_usable_name(name)):
            return
        if entry.is_dir(follow_symlinks=False):
            deep = 1 + subfolder.count("/") + bool(subfolder)
            if deep <= MOST_DEEP and not (leave_out and os.path.realpath(entry.path) in leave_out):
                listing.folders.append(name)
            return
        if entry.is_symlink():
            try:
                folders.resolve(place, subfolder, name)
            except FileProblem:
                return
        if not entry.is_file():
            return
        there.add(name)
        now = seen_at(entry.path, name)
        if now != before:
            listing.changed.append(now)


def seen_now(folders: Folders, files: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, Seen]]:
    """What is there of files that somebody names, as (place, subfolder, seen), under the names that folders have."""
    found: list[tuple[str, str, Seen]] = []
    for place, subfolder, filename in files:
        with contextlib.suppress(OSError, FileProblem, ValueError):
            path = folders.resolve(place, subfolder, filename)
            parts = path.relative_to(folders.root(place)).parts
            if parts and path.is_file() and not any(part.startswith(".") for part in parts):
                found.append((place, "/".join(parts[:-1]), seen_at(path, parts[-1])))
    return found
