"""What can be told about a model file without loading it: where it lies, its header's words, a picture beside it.

Everything here reads the disk, so it belongs into a thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import re
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

from heddle.graph.errors import FileProblem, SettingsError, WeightsError
from heddle.graph.said import say
from heddle.settings.folders import Folders
from heddle.settings.kinds import PICTURES
from server.user_files import Absent

HASHED_BYTES = 512 << 20
LARGEST_HEADER_BYTES = 100_000_000  # the format's own limit
LARGEST_THUMBNAIL = 20 * 2**20  # characters
HIDDEN_KINDS = ("configs", "custom_nodes")  # not models, though they are listed in the same places


def kinds(folders: Folders) -> list[dict[str, Any]]:
    """`{name, folders}` of each kind of model, with the folders in the order in which they are searched."""
    return [
        {"name": kind, "folders": [str(path) for path in paths]}
        for kind, paths in sorted(folders.places.items())
        if kind not in HIDDEN_KINDS
    ]


def files_of(folders: Folders, kind: str) -> list[dict[str, Any]]:
    """`{name, pathIndex, modified, created, size}` of each file: which folder of the kind, times in s, bytes.

    Raises: Absent, if there is no such kind.
    """
    places = _places(folders, kind)
    found: list[dict[str, Any]] = []
    for name in folders.list_files(kind):
        for index, place in enumerate(places):
            try:
                state = (place / name).stat()
            except OSError:
                continue
            told = {"modified": state.st_mtime, "created": state.st_ctime, "size": state.st_size}
            found.append({"name": name, "pathIndex": index, **told})
            break
    return found


def find(folders: Folders, kind: str, name: str, path_index: int | None = None) -> Path:
    """A model file that is there. Raises: Absent."""
    places = _places(folders, kind)
    if name not in folders.list_files(kind):
        raise Absent(say("there is no file {name!r} among the {kind}", name=name, kind=kind))
    if path_index is None:
        try:
            return folders.find(kind, name)
        except WeightsError as error:
            raise Absent(say("there is no file {name!r} among the {kind}", name=name, kind=kind)) from error
    if not 0 <= path_index < len(places) or not (places[path_index] / name).is_file():
        raise Absent(
            say(
                "there is no file {name!r} in folder {path_index} of the {kind}",
                name=name[:200],
                path_index=path_index,
                kind=kind,
            )
        )
    return places[path_index] / name


def metadata_of(path: Path, most_bytes: int = LARGEST_HEADER_BYTES) -> dict[str, Any] | None:
    """The `__metadata__` of a safetensors file; None if it has none.

    Raises: FileProblem, if it is damaged or its header is longer than `most_bytes`.
    """
    if path.suffix.lower() not in (".safetensors", ".sft"):
        return None
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > most_bytes:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        told = header.get("__metadata__")
    except (struct.error, ValueError, AttributeError, RecursionError) as error:
        raise FileProblem(
            say("{file} is damaged, its header cannot be read ({why}); get it again", file=path.name, why=error)
        ) from error
    return told if isinstance(told, dict) else None


def picture_of(path: Path) -> Path | io.BytesIO | None:
    """The picture that shows what a model makes: beside it (NAME.preview.png, NAME.png ...), or inside its header."""
    for name in picture_names(path):
        beside = path.with_name(name)
        if beside.is_file():
            return beside
    thumbnail = (metadata_of(path) or {}).get("modelspec.thumbnail") or ""
    if not isinstance(thumbnail, str) or not thumbnail.startswith("data:image/") or len(thumbnail) > LARGEST_THUMBNAIL:
        return None
    try:
        return io.BytesIO(base64.b64decode(thumbnail.partition(",")[2], validate=True))
    except binascii.Error:
        return None


def by_hash(folders: Folders, kind: str, wanted: str) -> str | None:
    """The file of a kind that has a hash as A1111's web UI writes it; None if none has.

    That is the first ten digits (or more) of the SHA-256, or in older texts eight digits for a piece of the file. Files
    of some gigabytes take seconds to read, so of the longer hashes those are found that lie in `HASHED_BYTES` together,
    the smallest first.
    """
    wanted = wanted.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{10,64}", wanted):
        return None
    paths: list[tuple[int, str, Path]] = []
    for name in folders.list_files(kind):
        try:
            path = folders.find(kind, name)
            paths.append((path.stat().st_size, name, path))
        except (OSError, WeightsError):
            continue
    left = HASHED_BYTES
    for size, name, path in sorted(paths):
        try:
            if len(wanted) == 8:
                with path.open("rb") as file:
                    file.seek(0x100000)
                    found = hashlib.sha256(file.read(0x10000)).hexdigest()[:8]
            elif (left := left - size) >= 0:
                with path.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                return None
        except OSError:
            continue
        if found.startswith(wanted):
            return name
    return None


def picture_names(path: Path) -> list[str]:
    """How a picture beside a model file may be called, the best first."""
    return [f"{path.stem}{middle}{ending}" for middle in (".preview", "") for ending in sorted(PICTURES)]


def picture_address(kind: str, path_index: int, name: str) -> str:
    """Where the picture of a model file is to be had, if it has one."""
    segments = "/".join(quote(part, safe="", errors="replace") for part in (kind, str(path_index)))
    return f"/experiment/models/preview/{segments}/{quote(name, safe='/', errors='replace')}"


def _places(folders: Folders, kind: str) -> list[Path]:
    try:
        return folders.models(kind)
    except SettingsError as error:
        raise Absent(error.message) from error
