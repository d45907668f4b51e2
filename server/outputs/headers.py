"""What a file of results says of itself: its size in pixels, how long it lasts, and what can remake it.

Pillow is imported inside the functions, see `server/previews.py`. Everything here reads files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.media.carriers import Carried, read_carried
from heddle.prompts.infotext import read_infotext
from server.files import page_type
from server.outputs.index import Look
from server.previews import opened, shown_size

LONGEST_INFOTEXT = 1 << 20  # characters; real ones have a few thousand
REMAKING = ("workflow", "prompt", "parameters", "templates")  # an editor can open any of these
_PNG_ONLY_TEXTS = {"PNG"}


def look_at(path: Path, kind: str) -> Look:
    """What the first bytes of a file tell. A damaged file tells nothing, and is no error."""
    width: int | None = None
    height: int | None = None
    carries: bool | None = None
    if kind == "image":
        try:
            with opened(path) as picture:
                width, height = shown_size(picture)
                if picture.format in _PNG_ONLY_TEXTS:  # their texts stand before the pixels and are read by now
                    carries = any(key in picture.info for key in REMAKING)
        except FileProblem:
            pass
    if carries is None:
        try:
            carried = read_carried(path, path.name)
        except FileProblem:
            return Look(width, height, None, None)
        carries = carried.best() is not None
    return Look(width, height, None, carries)


def read_metadata(path: Path, kind: str) -> dict[str, Any]:
    """What is in a file: `format`, `media_type`, what remakes it, and of pictures `mode`, `width`, `height`, `frames`.

    Raises: FileProblem, if it cannot be read.
    """
    carried = read_carried(path, path.name) if path.stat().st_size else Carried(path.name, "", {}, {})
    told: dict[str, Any] = {
        "format": carried.kind or None,
        "media_type": page_type(path.name).partition(";")[0],
        "mode": None,
        "width": None,
        "height": None,
        "frames": None,
        "has_workflow": carried.best() is not None,
        **_remaking(carried.values, carried.texts),
        "notes": list(carried.notes),
    }
    if kind == "image":
        try:
            with opened(path) as picture:
                width, height = shown_size(picture)
                frames = getattr(picture, "n_frames", 1)
                told |= {"mode": picture.mode, "width": width, "height": height, "frames": frames}
                told["format"] = told["format"] or picture.format
        except FileProblem as problem:
            told["notes"].append(problem.message)
    return told


def _remaking(values: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The workflow and the prompt as JSON, A1111's parameters as text and taken apart, and the names of other texts."""
    parameters = texts.get("parameters")
    objects = {key: values[key] if isinstance(values.get(key), dict) else None for key in ("workflow", "prompt")}
    return {
        **objects,
        "parameters": parameters,
        "infotext": None if parameters is None or len(parameters) > LONGEST_INFOTEXT else _parts_of(parameters),
        "other_texts": sorted(key for key in texts if key not in REMAKING)[:100],
    }


def _parts_of(parameters: str) -> dict[str, Any]:
    read = read_infotext(parameters)
    return {"prompt": read.prompt, "negative": read.negative, "settings": dict(read.settings)}
