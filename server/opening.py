"""What a file is that somebody opens: a workflow, a graph, another program's settings, a picture, or nothing of these.

Everything here reads files or takes a while, so it belongs into a thread.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from execution.saving import to_workflow
from heddle.graph.errors import GraphError
from heddle.graph.said import each_of, facts_of, say
from heddle.graph.spec import NodeSpec
from heddle.graph.workflow import form_of
from heddle.media.carriers import Carried, read_carried
from heddle.prompts.infotext import fields_of, read_infotext
from heddle.prompts.infotext_graph import FilesHere, graph_of
from heddle.settings.folders import Folders
from server.model_files import by_hash
from server.model_shelf import ModelShelf
from server.refused import Refused

log = logging.getLogger("heddle.server.opening")

LONGEST_TEXT_BYTES = 1 << 20  # of settings that came as a text file
_MEDIA = {
    **dict.fromkeys(("PNG", "WebP", "AVIF", "HEIF", "JPEG", "TIFF", "OpenEXR", "GIF", "SVG"), "image"),
    **dict.fromkeys(("MP4", "MOV", "Matroska"), "video"),
    **dict.fromkeys(("FLAC", "Ogg", "MP3"), "audio"),
    "GLB": "3d",
    "safetensors": "model",
}
_SOUND_ENDINGS = (".m4a", ".mka", ".weba")  # containers of films that hold sound alone
_NOT_ASKED = frozenset({"HEIF", "SVG", "OpenEXR"})  # pictures that Pillow does not read


@dataclass
class Opened:
    """What was found, in the order in which editors choose: templates, a workflow, a graph, settings, a mere file."""

    kind: str
    name: str
    found: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def look_into(source: Path | bytes, filename: str) -> Opened:
    """What a file holds, before anything is made of it. Raises: FileProblem, if it is empty; Refused, GraphError.

    What is JSON and no workflow is refused in words; any other file without one is `media` or `nothing`.
    """
    carried = read_carried(source, filename or "the text")
    name = _stem(filename)
    notes = list(carried.notes)
    if "templates" in carried.values and isinstance(carried.values["templates"], list):
        return Opened("templates", name, {"templates": carried.values["templates"]}, notes)
    candidates = [carried.values.get("workflow"), carried.values.get("prompt")]
    if carried.kind == "JSON":
        candidates += _inside_request(carried.values.get("document"))
    forms = [(_form(each), each) for each in candidates]
    for kind, form in (("workflow", "saved"), ("prompt", "api")):
        document = next((each for found, each in forms if found == form), None)
        if document is not None:
            return Opened(kind, name, {kind: document}, notes)
    text = carried.texts.get("parameters") or _loose_settings(carried, source)
    if text is not None:
        return Opened("parameters", name, {"text": text}, notes)
    if carried.kind == "JSON":
        _refuse(carried)
    media = _medium(carried, source, filename)
    return Opened("nothing", name, {}, notes) if media is None else Opened("media", name, {"media": media}, notes)


def files_here(folders: Folders, models: ModelShelf) -> FilesHere:
    """The files of this machine, by name and by hash."""

    def find(kind: str, hash: str) -> str | None:
        return models.with_hash(kind, hash.lower()) or by_hash(folders, kind, hash) if len(hash) >= 8 else None

    return FilesHere(folders.list_files, find)


def build(opened: Opened, nodes: Mapping[str, NodeSpec], files: FilesHere) -> dict[str, Any]:
    """The answer: what was found, and the workflow that a graph or settings make. Raises: GraphError."""
    found, notes = dict(opened.found), list(opened.notes)
    if opened.kind == "prompt":
        saved = to_workflow(found["prompt"], nodes)
        found["workflow"] = saved.workflow
        notes += saved.notes
    elif opened.kind == "parameters":
        infotext = read_infotext(found["text"])
        made = graph_of(infotext, nodes, files)
        saved = to_workflow(made.prompt, nodes)
        found |= {"parameters": fields_of(infotext), "prompt": made.prompt, "workflow": saved.workflow}
        notes += [*made.notes, *saved.notes]
    return {"kind": opened.kind, "name": opened.name, **found, **told_notes(notes)}


def told_notes(notes: list[str]) -> dict[str, Any]:
    """Notes as an answer has them: the sentences, and what they were made of where any of them remembers it."""
    facts = [facts_of(each) for each in notes]
    return {"notes": notes, **({"notes_said": facts} if any(facts) else {})}


def _stem(filename: str) -> str:
    """A name for the tab: the file's, without folder and ending."""
    stem = PurePosixPath(filename.replace("\\", "/")).name
    stem = "".join(sign for sign in stem if sign.isprintable()).strip()
    return PurePosixPath(stem).stem[:200] if stem else ""


def _form(document: Any) -> str | None:
    try:
        return form_of(document)
    except GraphError:
        return None


def _inside_request(document: Any) -> list[Any]:
    """The workflow in what was sent to `POST /prompt`, if that is what was kept: the saved form beside the graph."""
    if not isinstance(document, Mapping) or not isinstance(document.get("prompt"), Mapping):
        return []
    extra: Any = document
    for key in ("extra_data", "extra_pnginfo", "workflow"):
        extra = extra.get(key) if isinstance(extra, Mapping) else None
    return [extra, document["prompt"]]


def _loose_settings(carried: Carried, source: Path | bytes) -> str | None:
    """A text file that is another program's settings, as some of them write one beside each picture."""
    if carried.kind:
        return None
    if isinstance(source, Path):
        with source.open("rb") as file:
            data = file.read(LONGEST_TEXT_BYTES + 1)
    else:
        data = source
    if len(data) > LONGEST_TEXT_BYTES or b"\0" in data:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return text if "Steps" in read_infotext(text).settings else None


def _refuse(carried: Carried) -> None:
    """Raises: Refused, GraphError: why this JSON is no workflow."""
    if carried.notes:
        why = each_of(carried.notes[:5])
        raise Refused("invalid_json", say("{name} cannot be read: {why}", name=carried.name, why=why))
    form_of(carried.values.get("document"))


def _medium(carried: Carried, source: Path | bytes, filename: str) -> str | None:
    """What sort of file it is, None if it is none that a node loads."""
    medium = _MEDIA.get(carried.kind)
    if medium == "video" and filename.lower().endswith(_SOUND_ENDINGS):
        return "audio"
    if medium not in (None, "image") or carried.kind in _NOT_ASKED or not isinstance(source, Path):
        return medium
    with source.open("rb") as file:
        head = file.read(16)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio"
    if head.startswith((b"#?RADIANCE", b"#?RGBE")):
        return "image"
    if carried.kind == "PNG":  # Pillow would unpack its texts, and give up on large ones
        return "image" if head[12:] == b"IHDR" else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of very large pictures: nothing is decoded here
            from PIL import Image  # only for what is opened as a picture: the desk starts without it

            with Image.open(source):
                return "image"
    except Exception as error:  # Pillow's readers raise whatever their formats bring
        if medium is not None:
            log.info("%s looks like %s and cannot be read: %s", filename[:200], carried.kind, error)
        return None
