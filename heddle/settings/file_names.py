"""Names of files that came from outside, in a workflow or a request: what is refused, and what one of them means."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from heddle.graph.errors import FileProblem
from heddle.graph.said import say

_ANNOTATION = re.compile(r"(.*?)\s*\[(input|output|temp)\]\s*", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Names that Windows gives to devices, whatever their extension; a workflow must mean the same on every system.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE)
_MAX_NAME_BYTES = 255
_MOST_PARTS = 64


def split_annotation(name: str) -> tuple[str, str]:
    """The name without its place suffix, and the root it stands for: `a.png [temp]` -> (`a.png`, `temp`)."""
    match = _ANNOTATION.fullmatch(name)
    return (match[1], match[2]) if match else (name, "input")


def is_device_name(part: str) -> bool:
    """Whether Windows takes this part of a path for a device, such as `nul` or `com1.png`."""
    return _DEVICE.fullmatch(part) is not None


def is_usable_name(part: str) -> bool:
    """Whether this may be the name of one file or folder to those who ask from outside: `Folders.resolve` takes it."""
    try:
        return safe_parts(part) == (part,)
    except FileProblem:
        return False


@lru_cache(1024)  # each job asks for the same names several times
def safe_parts(name: str, may_be_empty: bool = False) -> tuple[str, ...]:
    """The parts of a relative name that came from outside. Raises: FileProblem, if any part could lead elsewhere."""
    # The whole text, before it is taken apart: what a rule below strips must not hide from the one above it.
    shown = name if len(name) <= 120 else name[:120] + "..."
    if _CONTROL.search(name):
        words = "{name!r}: control characters cannot stand in the name of a file; rename it"
        raise FileProblem(say(words, name=shown))
    try:
        os.fsencode(name)
        name.encode()
    except UnicodeEncodeError as error:
        words = "{name!r}: this text cannot be the name of a file; rename it"
        raise FileProblem(say(words, name=shown)) from error
    path = name.replace("\\", "/")
    if path.startswith("/") or ":" in path:
        words = "{name!r}: give a name inside the folder, not an absolute path, a drive or a share"
        raise FileProblem(say(words, name=shown))
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for part in parts:
        if not part.strip(". "):  # `..` itself, and `.. ` or `...`, which Windows shortens to it
            words = "{name!r}: a name cannot lead out of its folder; leave out {part!r}"
            raise FileProblem(say(words, name=shown, part=part))
        if is_device_name(part):
            words = "{name!r}: {part!r} is a device on Windows; rename the file"
            raise FileProblem(say(words, name=shown, part=part))
        if len(part.encode()) > _MAX_NAME_BYTES:
            words = "{name!r}: longer than the {bytes} bytes a name may have; shorten it"
            raise FileProblem(say(words, name=shown, bytes=_MAX_NAME_BYTES))
    if len(parts) > _MOST_PARTS:  # Python makes folders by calling itself for each
        words = "{name!r}: lies in more than {count} folders inside each other; use fewer"
        raise FileProblem(say(words, name=shown, count=_MOST_PARTS - 1))
    if not parts and not may_be_empty:
        raise FileProblem(say("{name!r}: the name of the file is missing", name=shown))
    return tuple(parts)


def has_links(root: Path, parts: Sequence[str]) -> bool:
    """False, if following what lies below the root leads to no other place: seen without a look at the whole path."""
    if os.name != "posix":  # other systems have more kinds of links than `islink` knows
        return True
    path = os.fspath(root)
    for part in parts:
        path = f"{path}/{part}"
        if os.path.islink(path):
            return True
    return False


def is_inside(path: Path, root: Path) -> bool:
    """Whether the path, every link followed, lies in the root, its own links followed too."""
    real, real_root = os.path.realpath(path), os.path.realpath(root)
    return real == real_root or real.startswith(real_root.rstrip(os.sep) + os.sep)


def similar_names(name: str, names: Iterable[str]) -> list[str]:
    """Up to three names that a person may have meant: the same file elsewhere first, then similar spelling."""
    names = list(names)
    own = name.replace("\\", "/").rpartition("/")[2].lower()
    elsewhere = [n for n in names if n.rpartition("/")[2].lower() == own]
    by_lower = {n.lower(): n for n in reversed(names)}
    spelled = [by_lower[n] for n in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    return list(dict.fromkeys([*elsewhere, *spelled]))[:3]
