"""Texts out of files: bytes to characters, JSON, and what a text is that came without a key."""

from __future__ import annotations

import json
import re
from typing import Any

from heddle.graph.errors import GraphError
from heddle.graph.said import say
from heddle.graph.workflow import MOST_VALUES, form_of, is_crowded
from heddle.media.carriers.spans import Damage, Order, Texts

KNOWN = ("templates", "workflow", "prompt", "parameters")
"""Keys that everybody writes, in the order in which editors choose among them. `parameters` is A1111's text."""

COMMENTS = ("comment", "description")
"""Keys whose text may be anything. Some writers put both documents there, in one object."""

_SETTINGS_LINE = re.compile(r"^Steps: \d+, ", re.MULTILINE)  # what every A1111 text ends with


def decode(data: bytes) -> str:
    """UTF-8, else Latin-1, whatever the container says: writers take the one for the other."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decode_utf16(data: bytes, otherwise: Order = "little") -> str:
    """UTF-16 of either order, told by its mark, else by where the zeros of ASCII letters stand, else as given."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        order, data = ("little" if data[:1] == b"\xff" else "big"), data[2:]
    else:
        early, late = data[::2].count(0), data[1::2].count(0)
        order = otherwise if early == late else ("big" if early > late else "little")
    return data.decode("utf-16-be" if order == "big" else "utf-16-le", "replace")


def decode_file(data: bytes) -> str:
    """A whole text file, without the mark of byte order that some editors write."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return decode_utf16(data)
    return decode(data).removeprefix("\ufeff")


def parse(text: str | bytes) -> Any:
    """JSON, where NaN and Infinity may stand bare.

    Raises: ValueError, also if it is nested too deeply, holds more than any workflow does or more than memory.
    """
    if is_crowded(text):
        raise ValueError(f"it holds more than {MOST_VALUES:,} values, which no workflow does")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except MemoryError as error:
        raise ValueError("larger than memory") from error


def entry(key: str, value: Any) -> tuple[str, str]:
    """An entry whose value may be a text or the JSON value itself. Raises: Damage."""
    if isinstance(value, str):
        return key, value
    try:
        return key, json.dumps(value)
    except RecursionError as error:  # what could just be read
        raise Damage(say("its `{key}` is nested too deeply", key=key)) from error


def sort_document(document: Any, text: str) -> tuple[str, str]:
    """The entry that a whole JSON document is; under `document` if it is no workflow."""
    if isinstance(document, dict) and isinstance(document.get("templates"), list) and "nodes" not in document:
        return entry("templates", document["templates"])
    try:
        return ("workflow" if form_of(document) == "saved" else "prompt"), text
    except GraphError:
        return "document", text


def sort_loose(text: str, key: str = "comment") -> Texts:
    """The entries in a text that came as a comment: JSON, `key:text`, A1111's settings, or really a comment.

    Args:
        key: what a mere comment is filed under.
    """
    text = text.strip("\0 \t\r\n")
    if text.startswith("{"):
        try:
            document = parse(text)
        except ValueError:
            document = None
        if isinstance(document, dict):
            kind, whole = sort_document(document, text)
            if kind != "document":
                yield kind, whole
                return
            if any(_is_document(document.get(known)) for known in ("workflow", "prompt")):  # both in one object
                yield from (entry(each, value) for each, value in document.items())
                return
    known, colon, rest = text.partition(":")
    if colon and known.strip().lower() in KNOWN:
        yield known.strip(), rest.strip()
    elif _SETTINGS_LINE.search(text):
        yield "parameters", text
    elif text:
        yield key, text


def _is_document(value: Any) -> bool:
    """False for a text that a picture was made from, which other programs call `prompt`."""
    return isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{"))
