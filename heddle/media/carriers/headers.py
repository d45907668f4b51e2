"""Files that start with JSON or are JSON: GLB, safetensors (also as .latent), and workflows themselves.

Sources: glTF 2.0, section 4 (GLB) and `asset.extras`; the safetensors format description.
"""

from __future__ import annotations

from typing import Any

from heddle.graph.said import say
from heddle.media.carriers.spans import Damage, Span, Texts
from heddle.media.carriers.texts import decode_file, entry, parse, sort_document


def read_glb(file: Span) -> Texts:
    """Raises: Damage."""
    if file.read(16, 4) != b"JSON":
        raise Damage(say("its first chunk is not JSON"))
    document = _parsed(file.read(20, file.number(12, 4, "little")))
    extras = _inside(_inside(document, "asset"), "extras")
    if isinstance(extras, dict):
        yield from (entry(key, value) for key, value in extras.items())


def read_safetensors(file: Span) -> Texts:
    """Raises: Damage."""
    metadata = _inside(_parsed(file.read(8, file.number(0, 8, "little"))), "__metadata__")
    if isinstance(metadata, dict):
        yield from ((key, text) for key, text in metadata.items() if isinstance(text, str))


def read_json(file: Span) -> Texts:
    """One entry: the whole document, under `document` if it is no workflow. Raises: Damage."""
    text = decode_file(file.read())
    yield sort_document(_parsed(text), text)


def _parsed(text: str | bytes) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise Damage(say("not valid JSON ({why})", why=str(error))) from error


def _inside(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
