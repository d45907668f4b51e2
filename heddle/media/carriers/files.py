"""What a file carries: its kind told by its first bytes, then the reader of that kind.

Carriers are PNG, WebP, AVIF, HEIF, JPEG, TIFF, OpenEXR, GIF and SVG; MP4, MOV, M4V, WebM and Matroska; FLAC, Ogg, Opus
and MP3; GLB, safetensors and .latent; and JSON, which is the workflow itself. Pixels, sound and weights are
skipped, not read.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heddle.graph.errors import FileProblem
from heddle.graph.said import say
from heddle.graph.workflow import MAX_BYTES
from heddle.media.carriers.boxes import read_boxes
from heddle.media.carriers.exif import read_exif
from heddle.media.carriers.exr import SIGNATURE as EXR_SIGNATURE
from heddle.media.carriers.exr import read_exr
from heddle.media.carriers.headers import read_glb, read_json, read_safetensors
from heddle.media.carriers.matroska import read_matroska
from heddle.media.carriers.pictures import read_gif, read_jpeg, read_svg, read_webp
from heddle.media.carriers.png import read_png
from heddle.media.carriers.sounds import read_flac, read_mp3, read_ogg
from heddle.media.carriers.spans import Allowance, Damage, Span, Stream, Texts
from heddle.media.carriers.texts import COMMENTS, KNOWN, decode_file, parse, sort_loose

Source = Path | bytes | Stream

_Reader = Callable[[Span], Texts]

_MAX_ENTRIES = 10_000
_HEAD_BYTES = 4096

_FIRST_BOXES = (b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot")  # of older QuickTime files
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIF",
    b"heix": "HEIF",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"qt  ": "MOV",
}


@dataclass(frozen=True)
class Carried:
    """The texts in a file.

    Attributes:
        name: what messages call the file.
        kind: the kind of file, such as "PNG"; "" if it is none of those that can carry a workflow.
        texts: each entry as it was written. `workflow`, `prompt`, `parameters` and `templates` are always in small
            letters.
        values: those entries that are JSON, parsed.
        notes: what could not be read, in words.
    """

    name: str
    kind: str
    texts: Mapping[str, str]
    values: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def best(self) -> tuple[str, Any] | None:
        """What an editor opens, as (key, value): templates, else workflow, else prompt, else A1111's parameters."""
        for key in KNOWN:
            if key == "parameters" and key in self.texts:
                return key, self.texts[key]
            if isinstance(self.values.get(key), dict | list):
                return key, self.values[key]
        return None


def read_carried(source: Source, name: str = "") -> Carried:
    """The texts in a file. A damaged file gives those that can be read; a file of another kind gives none.

    Args:
        source: a stream must be one that can seek; it is left open.
        name: what messages call it; the path if empty.
    Raises: FileProblem, if it is missing, empty or cannot be read.
    """
    path = source if isinstance(source, Path) else None
    name = name or (str(path) if path else "the file")
    try:
        with _opened(source) as stream:
            size = stream.seek(0, os.SEEK_END)
            if not size:
                words = "{name}: the file is empty; it was probably cut off while being saved, so get it again"
                raise FileProblem(say(words, name=name), path=path)
            return _read(stream, size, name)
    except FileNotFoundError as error:
        raise FileProblem(
            say("{name}: no such file; give a workflow (.json) or a file made with one", name=name), path=path
        ) from error
    except IsADirectoryError as error:
        raise FileProblem(say("{name}: a folder, not a file; give the path of a file", name=name), path=path) from error
    except OSError as error:
        why = error.strerror or error
        raise FileProblem(
            say("{name}: cannot be read ({why}); check who may read it", name=name, why=why), path=path
        ) from error


@contextlib.contextmanager
def _opened(source: Source) -> Iterator[Stream]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, Path):
        # A buffer would read thousands of bytes around each of the few that are wanted.
        with source.open("rb", buffering=0) as stream:
            if stream.seekable():
                yield stream
            else:  # a pipe, such as a shell gives for `<(...)`
                yield io.BytesIO(io.BufferedReader(stream).read(MAX_BYTES + 1))
    else:
        yield source


def _read(stream: Stream, size: int, name: str) -> Carried:
    allowance = Allowance(MAX_BYTES)
    file = Span(stream, 0, size, allowance)
    texts: dict[str, str] = {}
    kind = ""
    try:
        kind, reader = _kind_of(file.read(0, min(size, _HEAD_BYTES)))
        for key, text in _sorted(reader(file)):
            if len(texts) >= _MAX_ENTRIES:
                raise Damage(say("it has more entries than any such file"))
            texts[key.lower() if key.lower() in KNOWN else key] = text
    except Damage as damage:
        file.note(damage.words)
    values: dict[str, Any] = {}
    for key, text in texts.items():
        try:
            value = parse(text)
            # Some writers pack the JSON text once more.
            values[key] = parse(value) if isinstance(value, str) and key in KNOWN else value
        except ValueError as error:
            if key in ("templates", "workflow", "prompt") and text.lstrip().startswith(("{", "[")):
                file.note(say("its `{key}` is not valid JSON ({why})", key=key, why=str(error)))
    return Carried(name, kind, texts, values, tuple(allowance.notes))


def _sorted(entries: Texts) -> Texts:
    for key, text in entries:
        if key.lower() in COMMENTS:
            yield from sort_loose(text, key)
        else:
            yield key, text


def _kind_of(head: bytes) -> tuple[str, _Reader]:
    """The kind of file and its reader, by its first bytes; a kind of "" has none."""
    for mark, kind, reader in _MARKS:
        if head.startswith(mark):
            return kind, reader
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP", read_webp
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "MP4"), read_boxes
    if head[4:8] in _FIRST_BOXES and head[0] < 0x20:  # a length, no letter
        return "MOV", read_boxes
    if head[4:9] == b"\0\0\0\0{":  # after a length of eight bytes; no header has four billion
        return "safetensors", read_safetensors
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 == 0xE2:  # a frame of layer III
        return "MP3", read_mp3
    text = decode_file(head).lstrip()
    if text.startswith(("{", "[")):
        return "JSON", read_json
    if text.startswith("<") and "<svg" in text:
        return "SVG", read_svg
    return "", _read_nothing


def _read_nothing(_: Span) -> Texts:
    return iter(())


_MARKS: tuple[tuple[bytes, str, _Reader], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG", read_png),
    (b"\xff\xd8\xff", "JPEG", read_jpeg),
    (b"II*\0", "TIFF", read_exif),
    (b"MM\0*", "TIFF", read_exif),
    (EXR_SIGNATURE, "OpenEXR", read_exr),
    (b"GIF87a", "GIF", read_gif),
    (b"GIF89a", "GIF", read_gif),
    (b"\x1a\x45\xdf\xa3", "Matroska", read_matroska),
    (b"fLaC", "FLAC", read_flac),
    (b"OggS", "Ogg", read_ogg),
    (b"ID3", "MP3", read_mp3),
    (b"glTF", "GLB", read_glb),
)
