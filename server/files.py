"""Files that come in and go out: safe names, whole writes, and what a browser may make of what it gets."""

from __future__ import annotations

import filecmp
import logging
import mimetypes
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.media.claims import PASSING
from heddle.settings.file_names import is_device_name
from heddle.settings.folders import Folders

log = logging.getLogger("heddle.server")

# Shown by browsers without running anything. All else is handed out as bytes to be saved: HTML, SVG, XML, scripts and
# whatever will be invented could act in the name of the page that uploaded it.
_PASSIVE_TYPES = {
    ".png": "image/png",
    ".apng": "image/apng",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jfif": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".ogv": "video/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".aac": "audio/aac",
    ".mka": "audio/x-matroska",
    ".weba": "audio/webm",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
# Windows reads types from its registry, where .js is often text/plain: a module would not load.
_PAGE_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
TEMP_MARK = ".heddle-empties-this-folder"
DRAFT = ".unfinished-"  # begins the names of files that are still being received
STALE_S = 3600.0  # a draft that has not grown for so long is nobody's any more
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_LONGEST_NAME_BYTES = 200  # leaves room for " (123)" and a temporary ending below the usual 255


def content_headers(filename: str) -> dict[str, str]:
    """The headers under which a person's file may be sent to a browser."""
    passive = _PASSIVE_TYPES.get(os.path.splitext(filename)[1].lower())
    headers = {
        "Content-Type": passive or "application/octet-stream",
        "Content-Disposition": f"{'inline' if passive else 'attachment'}; {_disposition_name(filename)}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    if passive is None:
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return headers


def page_type(filename: str) -> str:
    """The content type of one of a page's files."""
    ending = os.path.splitext(filename)[1].lower()
    return _PAGE_TYPES.get(ending) or mimetypes.guess_type(filename)[0] or "application/octet-stream"


def page_headers(path: Path) -> dict[str, str]:
    """The headers of one of a page's files: browsers ask each time whether it is still the same."""
    return {"Content-Type": page_type(path.name), "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip: `gzip;q=0` does not."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "").removeprefix("q=").strip("0.") != "" or not weight
    return False


def clean_filename(name: str) -> str:
    """A name that every system can hold, from one that came with an upload.

    Raises: FileProblem, if nothing of it is left.
    """
    cleaned = name.encode("utf-8", "replace").decode().replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = _FORBIDDEN.sub("_", cleaned).strip(" ").lstrip(".").rstrip(". ")
    stem, ending = os.path.splitext(cleaned)
    if is_device_name(stem):
        stem = f"_{stem}"
    while stem and len((stem + ending).encode()) > _LONGEST_NAME_BYTES:
        stem = stem[:-1]
    if not stem:
        words = "{name!r} is not a usable file name; name the file with letters or digits"
        raise FileProblem(say(words, name=name))
    return stem + ending


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """A new empty file beside where it will lie; gone at the end, unless it was moved into place."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{DRAFT}{secrets.token_hex(8)}"
    path.touch(exist_ok=False)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def forget_drafts(folders: Folders) -> None:
    """Take away what front desks that were killed left half received or half written.

    Only what is old: another front desk, with a user folder of its own, may have the same folders.
    """
    for folder, beginning, ending in ((folders.input, DRAFT, ""), (folders.user, ".", PASSING)):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                is_draft = entry.name.startswith(beginning) and entry.name.endswith(ending)
                if is_draft and time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_S:
                    with suppress(OSError):
                        os.unlink(entry.path)


def empty_temp(folders: Folders) -> None:
    """Take away what lies in the temp folder, links themselves and not what they lead to.

    A person may have had a folder of that name before: what a front desk did not find empty once, and mark, loses only
    previews. Left alone: a temp folder that is a link, or that holds the results or the inputs, as options may have it.
    """
    temp = folders.temp
    real = os.path.realpath(temp)
    kept = [os.path.realpath(each) for each in (folders.input, folders.output, folders.user, folders.base)]
    if temp.is_symlink() or any(os.path.commonpath([real, each]) == real for each in kept if _same_drive(real, each)):
        log.warning("the temp folder %s is a link or holds other folders of Heddle; it is not emptied", temp)
        return
    mark = temp / TEMP_MARK
    try:
        temp.mkdir(parents=True, exist_ok=True)
        is_ours = mark.is_file()
        entries = [each for each in os.scandir(temp) if each.name != TEMP_MARK]
    except OSError as error:
        log.warning("the temp folder %s cannot be used: %s", temp, error.strerror or error)
        return
    if not entries and not is_ours:
        with suppress(OSError):  # full: the next start may mark it
            mark.touch()
    for entry in entries:
        if not is_ours and not entry.name.startswith("preview_"):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        except OSError as error:
            log.warning("%s stays in the temp folder: %s", entry.name, error.strerror or error)


def _same_drive(path: str, other: str) -> bool:
    return os.path.splitdrive(path)[0] == os.path.splitdrive(other)[0]


def put_in_place(draft: Path, target: Path, *, overwrite: bool) -> Path:
    """Move a finished draft to its name.

    Without `overwrite`, a file of that name stays: the same bytes are not stored twice, others get the next free
    name, as in `name (1).png`. Returns: where the bytes are now.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    place = target
    count = 0
    while not overwrite and os.path.lexists(place):
        if place.is_file() and filecmp.cmp(draft, place, shallow=False):
            draft.unlink()
            return place
        count += 1
        place = target.with_name(f"{target.stem} ({count}){target.suffix}")
    try:
        os.replace(draft, place)
    except OSError as error:
        if not isinstance(error, PermissionError) and draft.parent != place.parent and not place.is_dir():
            # Another disk: bring the bytes there first, so that the name appears with all of them.
            with unfinished(place.parent) as copy:
                shutil.copyfile(draft, copy)
                os.replace(copy, place)
            return place
        raise
    return place


def _disposition_name(filename: str) -> str:
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", filename)
    if plain == filename:
        return f'filename="{plain}"'
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(filename.encode('utf-8', 'replace'), safe='')}"
