"""Where deleted results lie until they are wanted back or given up: in a hidden folder of the place they came from.

There a move is one step of the file system, however large the file is. The folder's path below the trash says where a
file was, so nothing needs to be written down beside it. Everything here touches the disk.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.settings.folders import Folders
from server.files import put_in_place
from server.user_files import Absent

log = logging.getLogger("heddle.server.outputs")

FOLDER = ".heddle-trash"
KEPT_DAYS = 30
PLACES = ("output", "input")  # the temp folder is emptied anyway
MOST_LISTED = 10_000
_ID = re.compile(r"([0-9]{1,15})-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Named:
    """A file as clients name it."""

    place: str
    subfolder: str
    filename: str

    def told(self) -> dict[str, str]:
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.place}


def new_id(now_ms: int) -> str:
    """Names what is deleted together, and when."""
    return f"{now_ms}-{secrets.token_hex(4)}"


def deleted_ms(trash_id: str) -> int:
    """When it was deleted, in ms since 1970. Raises: Absent, if this is no such name."""
    match = _ID.fullmatch(trash_id)
    if match is None:
        raise Absent(say("there is nothing {name!r} in the trash", name=trash_id[:80]))
    return int(match[1])


def find(folders: Folders, file: Named) -> tuple[Path, Named]:
    """A result that is there, and its name as folders have it. Raises: Absent; FileProblem, if it lies elsewhere."""
    path = folders.resolve(file.place, file.subfolder, file.filename)
    parts = path.relative_to(folders.root(file.place)).parts
    if not parts or not path.is_file() or any(part.startswith(".") for part in parts):
        raise Absent(say("there is no file {name!r} in {place}", name=file.filename, place=file.place))
    return path, Named(file.place, "/".join(parts[:-1]), parts[-1])


def remove(folders: Folders, file: Named, trash_id: str | None) -> Named:
    """Take a file away; with an id into the trash, from where it comes back. Returns: its name as folders have it.

    Raises: Absent, FileProblem, OSError.
    """
    path, named = find(folders, file)
    if trash_id is None or file.place not in PLACES:
        path.unlink()
        return named
    below = "/".join(each for each in (FOLDER, trash_id, named.subfolder) if each)
    target = folders.resolve(named.place, below, named.filename)  # refuses a trash that is a link to elsewhere
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return named


def listed(folders: Folders) -> list[tuple[str, list[tuple[Named, int]]]]:
    """What is in the trash, by id, the latest first: the files, each with its size in bytes."""
    found: dict[str, list[tuple[Named, int]]] = {}
    count = 0
    for place in PLACES:
        for trash_id, root in _heaps(folders, place):
            for path in _files(root):
                with contextlib.suppress(OSError):
                    parts = path.relative_to(root).parts
                    named = Named(place, "/".join(parts[:-1]), parts[-1])
                    found.setdefault(trash_id, []).append((named, path.lstat().st_size))
                    count += 1
                if count >= MOST_LISTED:
                    break
    return sorted(found.items(), key=lambda entry: (deleted_ms(entry[0]), entry[0]), reverse=True)


def restore(folders: Folders, trash_id: str) -> list[tuple[Named, Named]]:
    """Bring back what was deleted together. A name that is taken again gets a number, as in `a (1).png`.

    Returns: the name that each had, and the one it has now. Raises: Absent.
    """
    deleted_ms(trash_id)
    back: list[tuple[Named, Named]] = []
    for place in PLACES:
        for each, root in _heaps(folders, place):
            if each != trash_id:
                continue
            for path in list(_files(root)):
                parts = path.relative_to(root).parts
                target = folders.resolve(place, "/".join(parts[:-1]), parts[-1])
                now = put_in_place(path, target, overwrite=False)
                below = now.relative_to(folders.root(place)).parts
                named = Named(place, "/".join(parts[:-1]), parts[-1])
                back.append((named, Named(place, "/".join(below[:-1]), below[-1])))
            shutil.rmtree(root, ignore_errors=True)
    if not back:
        raise Absent(say("there is nothing {name!r} in the trash", name=trash_id[:80]))
    return back


def empty(folders: Folders, trash_id: str | None = None, *, before_ms: int | None = None) -> int:
    """Give up what was deleted: this, or all, or all that was deleted before a time. Returns: how many heaps."""
    count = 0
    if trash_id is not None:
        deleted_ms(trash_id)
    for place in PLACES:
        for each, root in list(_heaps(folders, place)):
            if (trash_id is None or each == trash_id) and (before_ms is None or deleted_ms(each) < before_ms):
                shutil.rmtree(root, ignore_errors=True)  # follows no link
                count += 1
        with contextlib.suppress(OSError):
            os.rmdir(folders.root(place) / FOLDER)
    return count


def _heaps(folders: Folders, place: str) -> Iterator[tuple[str, Path]]:
    try:
        root = folders.resolve(place, "", FOLDER)
        entries = list(os.scandir(root))
    except (FileProblem, OSError):
        return
    for entry in entries:
        if _ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield entry.name, Path(entry.path)


def _files(root: Path) -> Iterable[Path]:
    for folder, _, names in os.walk(root):  # follows no link
        for name in names:
            yield Path(folder, name)
